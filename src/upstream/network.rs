//! Network management: is the host there?

use jiff::Timestamp;

use super::config::{CardAcceptor, HostConfig};
use super::iso8583::{Message, Mti};
use super::when;
use crate::terminal::Stan;

/// A network management request, 0800: an echo test or a sign-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Field 11.
    pub stan: Stan,
    /// Field 7.
    pub at: Timestamp,
    /// Field 70.
    pub purpose: NetworkPurpose,
}

/// What a network management request is for: field 70.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkPurpose {
    /// 001: the terminal begins its work.
    SignOn,
    /// 002: the terminal ends its work.
    SignOff,
    /// 301: is the host there?
    EchoTest,
}

impl NetworkPurpose {
    fn code(self) -> &'static str {
        match self {
            Self::SignOn => "001",
            Self::SignOff => "002",
            Self::EchoTest => "301",
        }
    }
}

impl NetworkRequest {
    pub(super) fn to_message(self, config: &HostConfig, acceptor: &CardAcceptor) -> Message {
        let mut message = Message::new(Mti::NETWORK_MANAGEMENT_REQUEST);
        message
            .set(7, when::transmission(self.at))
            .set(11, self.stan.to_string())
            .set(41, acceptor.identity.terminal_id.as_str())
            .set(70, self.purpose.code());
        config.finish(message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{acceptor, config};
    use super::*;

    #[test]
    fn an_echo_test_has_these_fields() {
        let at = "2026-07-21T12:30:05Z".parse().unwrap();
        let echo = NetworkRequest { stan: Stan::try_from(1).unwrap(), at, purpose: NetworkPurpose::EchoTest };
        let message = echo.to_message(&config(""), &acceptor());
        assert_eq!(format!("{message:?}"), "0800 7=0721123005 11=000001 41=TERM0001 70=301");
    }
}
