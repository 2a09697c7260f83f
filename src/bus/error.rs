//! Errors as they go over the bus.

use std::fmt;

use zbus::message::{Header, Message};
use zbus::names::ErrorName;

use crate::terminal::{Fault, Retry};

/// A [`Fault`] on the bus: its name is `org.tenderd.Error.` and the fault's, its text the fault's
/// message, and a second argument says whether to try again (`never`, `same`, `new_token`,
/// `after_operator`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    name: String,
    fault: Fault,
}

impl Error {
    /// What stands before a fault's own name.
    pub const PREFIX: &'static str = "org.tenderd.Error.";

    /// An argument that can't be right.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Fault::new("InvalidArgument", Retry::Never, message).into()
    }
}

impl<F: Into<Fault>> From<F> for Error {
    fn from(fault: F) -> Self {
        let fault = fault.into();
        Error { name: format!("{}{}", Self::PREFIX, fault.name), fault }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl zbus::DBusError for Error {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&(&self.fault.message, self.fault.retry.name()))
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_str_unchecked(&self.name)
    }

    fn description(&self) -> Option<&str> {
        Some(&self.fault.message)
    }
}
