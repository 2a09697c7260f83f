//! Errors as they go over the bus.

use std::fmt;

use zbus::message::{Header, Message};
use zbus::names::ErrorName;

use crate::terminal::{Fault, Retry};

/// A [`Fault`] on the bus: its name is `org.tenderd.Error.` and the fault's; its one argument is the
/// fault's message, which ends by saying whether to try again: `(retry: never)`, `(retry: same)`,
/// `(retry: new_token)` or `(retry: after_operator)`. Libraries show no message that has a second
/// argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    name: String,
    text: String,
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
        let text = format!("{} (retry: {})", fault.message, fault.retry.name());
        Error { name: format!("{}{}", Self::PREFIX, fault.name), text }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl zbus::DBusError for Error {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.text)
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_str_unchecked(&self.name)
    }

    fn description(&self) -> Option<&str> {
        Some(&self.text)
    }
}
