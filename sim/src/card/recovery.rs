//! Torn transactions: the card gives the last cryptogram once more (EMV Contactless Book C-2, 5.6).

use emv::dict;

use super::dol::{self, Values};

/// What the card asks the terminal for with RECOVER AC: what it was sent for the cryptogram that was lost.
pub(super) const DRDOL: dol::List = &[(dict::UNPREDICTABLE_NUMBER, 4)];

/// The answer to the last GENERATE AC.
#[derive(Clone)]
pub(super) struct LastCryptogram {
    unpredictable_number: [u8; 4],
    response: Vec<u8>,
}

impl LastCryptogram {
    /// Keeps an answer. `terminal` is what the terminal sent for it.
    pub(super) fn new(terminal: Values<'_>, response: &[u8]) -> Self {
        let unpredictable_number = terminal.array(dict::UNPREDICTABLE_NUMBER);
        LastCryptogram { unpredictable_number, response: response.to_vec() }
    }

    /// The answer, for the terminal that knows the number it was made for.
    pub(super) fn recover(&self, terminal: Values<'_>) -> Option<&[u8]> {
        (self.unpredictable_number == terminal.array(dict::UNPREDICTABLE_NUMBER)).then_some(&self.response)
    }
}
