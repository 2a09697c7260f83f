//! Where a host or a proxy listens.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

/// A name or an address, and a port: `name:port`, `192.0.2.1:port`, `[2001:db8::1]:port`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostAddress(String);

/// A text that is no such address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not of the form name:port")]
pub struct InvalidAddress(String);

impl TryFrom<String> for HostAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        let port = text.rsplit_once(':').filter(|(name, _)| !name.is_empty()).and_then(|(_, port)| port.parse().ok());
        match port {
            Some(1..=u16::MAX) => Ok(HostAddress(text)),
            _ => Err(InvalidAddress(text)),
        }
    }
}

impl HostAddress {
    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name or the address alone.
    pub(super) fn host(&self) -> &str {
        let (host, _) = self.0.rsplit_once(':').expect("there is a colon: it was checked when this was made");
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_port() {
        for (text, host, is_loopback) in [
            ("bank.example:8583", "bank.example", false),
            ("192.0.2.1:1", "192.0.2.1", false),
            ("[2001:db8::1]:8583", "2001:db8::1", false),
            ("127.0.0.2:8583", "127.0.0.2", true),
            ("[::1]:8583", "::1", true),
            ("localhost:8583", "localhost", true),
        ] {
            let address = HostAddress::try_from(text.to_owned()).unwrap();
            assert_eq!((address.host(), address.is_loopback()), (host, is_loopback), "{text}");
        }
        for text in ["bank.example", ":8583", "bank.example:0", "bank.example:65536", "bank.example:"] {
            assert!(HostAddress::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
