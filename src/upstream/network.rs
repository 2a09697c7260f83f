//! Network management: is the host there?

use jiff::Timestamp;

use super::config::{CardAcceptor, HostConfig};
use super::facts::Facts;
use super::failure::NotSent;
use super::iso8583::{Message, Purpose};
use crate::terminal::{BatchNumber, Stan};

/// A network management request, in ISO 8583:1987 0800: an echo test or a sign-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Field 11.
    pub stan: Stan,
    /// Field 7.
    pub at: Timestamp,
    /// What for.
    pub purpose: NetworkPurpose,
    /// The batch that is open, for hosts that want its number.
    pub batch: BatchNumber,
}

/// What a network management request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkPurpose {
    /// The terminal begins its work.
    SignOn,
    /// The terminal ends its work.
    SignOff,
    /// Is the host there?
    EchoTest,
    /// The terminal wants keys.
    KeyExchange,
}

impl From<NetworkPurpose> for Purpose {
    fn from(purpose: NetworkPurpose) -> Self {
        match purpose {
            NetworkPurpose::SignOn => Self::SignOn,
            NetworkPurpose::SignOff => Self::SignOff,
            NetworkPurpose::EchoTest => Self::Echo,
            NetworkPurpose::KeyExchange => Self::KeyExchange,
        }
    }
}

impl NetworkRequest {
    /// The message.
    ///
    /// # Errors
    /// If the dialect has none for this purpose.
    pub(super) fn to_message(self, config: &HostConfig, acceptor: &CardAcceptor) -> Result<Message, NotSent> {
        let purpose = self.purpose.into();
        if !config.dialect.messages.contains_key(&purpose) {
            return Err(NotSent::NoMessage(purpose));
        }
        Ok(config.message(purpose, false, &Facts { batch: self.batch, ..Facts::new(self.stan, self.at, acceptor) }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{acceptor, config};
    use super::*;

    #[test]
    fn an_echo_test_has_these_fields() {
        let at = "2026-07-21T12:30:05Z".parse().unwrap();
        let (stan, batch) = (Stan::try_from(1).unwrap(), BatchNumber::FIRST);
        let echo = NetworkRequest { stan, at, purpose: NetworkPurpose::EchoTest, batch };
        let message = echo.to_message(&config(""), &acceptor()).unwrap();
        assert_eq!(format!("{message:?}"), "0800 7=0721123005 11=000001 41=TERM0001 70=301");
    }
}
