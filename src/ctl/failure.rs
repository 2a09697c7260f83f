//! Why a command failed, and what to do about it.

use serde::Serialize;

/// An error as a person reads it: what is wrong, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The error's stable name, where it has one, such as `org.tenderd.Error.TokenReused`.
    #[serde(rename = "error", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What the daemon says about trying again: `never`, `same`, `new_token` or `after_operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The process's exit code.
    #[serde(skip)]
    pub exit: u8,
}

impl Failure {
    /// The exit code of a failure that has no code of its own.
    pub const FAILED: u8 = 1;
    /// The exit code for wrong arguments or a wrong configuration.
    pub const USAGE: u8 = 2;
    /// The exit code when the daemon can't be reached (`EX_UNAVAILABLE` of `sysexits.h`).
    pub const UNAVAILABLE: u8 = 69;

    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { name: None, message: message.into(), retry: None, advice: None, exit: Self::FAILED }
    }

    /// A failure of the caller's making: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message).exit(Self::USAGE)
    }

    /// The same with advice.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Failure { advice: Some(advice.into()), ..self }
    }

    /// The same with another exit code.
    pub fn exit(self, exit: u8) -> Self {
        Failure { exit, ..self }
    }
}
