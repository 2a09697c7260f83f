//! What the reader should show: User Interface Requests (EMV Contactless Book A, 7.1 and 9.4).

use arrayvec::ArrayVec;
use core::time::Duration;

/// A request to show a message and a status.
//= A 7.1
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UiRequest {
    /// Which text.
    pub message: MessageId,
    /// Which lights and tones.
    pub status: Status,
    /// How long the message must stay before the next one replaces it.
    pub hold_time: Duration,
    /// The languages the cardholder prefers, best first: up to four codes of ISO 639-1, as in `5F2D`.
    pub language_preference: ArrayVec<u8, 8>,
    /// An amount or a balance to be shown with the message.
    pub value: Option<Value>,
}

impl UiRequest {
    /// A message and a status, with no hold time, language or value.
    pub fn new(message: MessageId, status: Status) -> Self {
        UiRequest { message, status, hold_time: Duration::ZERO, language_preference: ArrayVec::new(), value: None }
    }

    /// The same request, held for a while.
    pub fn held_for(self, hold_time: Duration) -> Self {
        UiRequest { hold_time, ..self }
    }

    /// The same request in the cardholder's language. Bytes past the eighth are not looked at.
    pub fn in_language(mut self, language_preference: &[u8]) -> Self {
        self.language_preference = language_preference.iter().copied().take(8).collect();
        self
    }
}

/// An amount shown with a message, in minor units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// What the number is.
    pub qualifier: ValueQualifier,
    /// Minor units, at most twelve digits.
    pub minor_units: u64,
    /// ISO 4217 numeric code, as in `5F2A`.
    pub currency: [u8; 2],
}

/// What a [`Value`] is (EMV Contactless Book A, 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueQualifier {
    /// The amount of the transaction.
    Amount,
    /// What is left to spend on the card.
    Balance,
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// The standard messages (EMV Contactless Book A, 9.4).
        //= A 9.4
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MessageId {
            $($(#[$doc])* $name,)*
            /// A message this crate does not know; it is passed on as it came.
            Other(u8),
        }

        impl MessageId {
            /// The message with this identifier.
            pub fn from_code(code: u8) -> Self {
                match code {
                    $($code => MessageId::$name,)*
                    other => MessageId::Other(other),
                }
            }

            /// The identifier.
            pub fn code(self) -> u8 {
                match self {
                    $(MessageId::$name => $code,)*
                    MessageId::Other(code) => code,
                }
            }
        }
    };
}

messages! {
    /// Approved.
    Approved = 0x03;
    /// Not authorised.
    NotAuthorised = 0x07;
    /// Please enter your PIN.
    EnterPin = 0x09;
    /// Processing error.
    ProcessingError = 0x0F;
    /// Please remove the card.
    RemoveCard = 0x10;
    /// Welcome.
    Welcome = 0x14;
    /// Present card.
    PresentCard = 0x15;
    /// Processing.
    Processing = 0x16;
    /// Card read, please remove it.
    CardReadOk = 0x17;
    /// Please insert or swipe the card.
    InsertOrSwipeCard = 0x18;
    /// Please present one card only.
    PresentOneCardOnly = 0x19;
    /// Approved, please sign.
    ApprovedPleaseSign = 0x1A;
    /// Authorising, please wait.
    Authorising = 0x1B;
    /// Insert, swipe or try another card.
    TryAnotherCard = 0x1C;
    /// Please insert the card.
    InsertCard = 0x1D;
    /// Clear the display.
    ClearDisplay = 0x1E;
    /// See the phone for instructions.
    SeePhone = 0x20;
    /// Present the card again.
    PresentCardAgain = 0x21;
    /// No message.
    NotApplicable = 0xFF;
}

/// The states of the reader that lights and tones show (EMV Contactless Book A, 9.2).
//= A 9.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not ready: no transaction, or none possible.
    NotReady,
    /// Idle: waiting for the cashier.
    Idle,
    /// Ready to read: present the card.
    ReadyToRead,
    /// The card is being read: hold it still.
    Processing,
    /// The card was read: it may be removed.
    CardReadSuccessfully,
    /// Something failed.
    ProcessingError,
    /// No change.
    NotApplicable,
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test A 9.4
    #[test]
    fn every_code_survives_the_way_there_and_back() {
        for code in 0..=0xFF {
            assert_eq!(MessageId::from_code(code).code(), code);
        }
    }
}
