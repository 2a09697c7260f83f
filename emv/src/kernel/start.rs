//! What a kernel is given when it starts (EMV Contactless Book A, 8.1.1.7; Book B, 3.4.1).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use sha2::{Digest, Sha256};

use super::c2::TornLog;
use crate::apdu::StatusWord;
use crate::fields::{Amount, Date, Ttq};

/// The transaction as the terminal starts it: the same for every card and kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Amount, Authorised. Absent is not zero (EMV Contactless Book B, 3.1).
    pub amount_authorised: Option<Amount>,
    /// Amount, Other: the cashback in it.
    pub amount_other: Option<Amount>,
    /// Transaction Currency Code, ISO 4217 numeric in BCD, as in `5F2A`.
    pub currency: [u8; 2],
    /// Transaction Currency Exponent, as in `5F36`.
    pub currency_exponent: u8,
    /// Transaction Type: the first two digits of the processing code of ISO 8583, as in `9C`.
    pub transaction_type: u8,
    /// Transaction Date.
    pub date: Date,
    /// Transaction Time, HHMMSS in BCD, as in `9F21`.
    pub time: [u8; 3],
    /// Transaction Sequence Counter, as in `9F41`.
    pub sequence_counter: u32,
}

/// Unpredictable Numbers (`9F37`): a new one each time a kernel starts or a command needs it
/// (EMV Contactless Book A, 8.1.1.8).
///
/// All of them follow from one seed that the terminal draws, so that a recorded tap can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpredictableNumbers {
    seed: [u8; 32],
    drawn: u32,
    recorded: VecDeque<[u8; 4]>,
}

impl UnpredictableNumbers {
    /// Numbers that follow from 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        UnpredictableNumbers { seed, drawn: 0, recorded: VecDeque::new() }
    }

    /// The same, but first those given, in the order in which they were drawn: for traces that recorded
    /// them. The first is Entry Point's, those that follow are the first kernel's that draws.
    pub fn recorded(numbers: impl IntoIterator<Item = [u8; 4]>, seed: [u8; 32]) -> Self {
        UnpredictableNumbers { seed, drawn: 0, recorded: numbers.into_iter().collect() }
    }

    /// The same, but the first number is the one given: for traces that recorded it.
    pub fn starting_with(first: [u8; 4], seed: [u8; 32]) -> Self {
        UnpredictableNumbers::recorded([first], seed)
    }

    /// A source of its own for a kernel, which gives none of the numbers that this one gives from now on.
    pub fn fork(&mut self) -> Self {
        let seed = Sha256::new().chain_update(b"fork").chain_update(self.seed).chain_update(self.drawn.to_be_bytes());
        UnpredictableNumbers { seed: seed.finalize().into(), drawn: 0, recorded: mem::take(&mut self.recorded) }
    }

    /// The next number.
    pub fn draw(&mut self) -> [u8; 4] {
        if let Some(recorded) = self.recorded.pop_front() {
            return recorded;
        }
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_be_bytes()).finalize();
        self.drawn += 1;
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

/// What pre-processing found for one combination (EMV Contactless Book B, 3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indicators {
    /// Status Check Requested.
    pub status_check_requested: bool,
    /// Contactless Application Not Allowed.
    pub contactless_application_not_allowed: bool,
    /// Zero Amount.
    pub zero_amount: bool,
    /// Reader CVM Required Limit Exceeded.
    pub reader_cvm_required_limit_exceeded: bool,
    /// Reader Contactless Floor Limit Exceeded.
    pub reader_contactless_floor_limit_exceeded: bool,
    /// Copy of TTQ, as pre-processing set it; absent where the combination has none.
    pub ttq: Option<Ttq>,
}

/// A kernel's start: the transaction, what was selected, and what pre-processing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The transaction.
    pub transaction: Transaction,
    /// The Unpredictable Number of this activation.
    pub unpredictable_number: [u8; 4],
    /// More of them, for kernels that need it.
    pub unpredictable_numbers: UnpredictableNumbers,
    /// What pre-processing found for the combination.
    pub indicators: Indicators,
    /// The AID that was selected, extended where Extended Selection asks for it.
    pub df_name: Vec<u8>,
    /// The data of the response to SELECT: the FCI template.
    pub fci: Vec<u8>,
    /// The status word of the response to SELECT.
    pub select_status: StatusWord,
    /// Whether this transaction was restarted after an outcome (EMV Contactless Book B, 3.4.1).
    pub is_restart: bool,
    /// The issuer's answer, on a restart after an Online Request: TLV objects.
    pub online_response: Option<Vec<u8>>,
    /// Whether the card was sent away before the issuer answered, because it had been held for the Removal
    /// Timeout (EMV Contactless Book A, 8.1.1.21).
    pub is_removal_timed_out: bool,
    /// The torn transactions of Kernel 2 that may be recovered.
    pub torn_log: TornLog,
    /// How often in a row mag-stripe mode of Kernel 2 failed before (Failed MS Cntr, 0 to 5).
    pub mag_stripe_failures: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpredictable_numbers_repeat_from_their_seed_and_differ_from_each_other() {
        let mut first = UnpredictableNumbers::from_seed([7; 32]);
        let mut second = UnpredictableNumbers::from_seed([7; 32]);
        let numbers = [first.draw(), first.draw(), first.draw()];
        assert_eq!(numbers, [second.draw(), second.draw(), second.draw()]);
        assert_ne!(numbers[0], numbers[1]);
    }

    #[test]
    fn a_recorded_number_comes_first() {
        let mut numbers = UnpredictableNumbers::starting_with([0xAB; 4], [7; 32]);
        assert_eq!(numbers.draw(), [0xAB; 4]);
        assert_eq!(numbers.draw(), UnpredictableNumbers::from_seed([7; 32]).draw());
    }

    #[test]
    fn what_a_kernel_drew_in_a_recording_it_draws_again() {
        let mut numbers = UnpredictableNumbers::recorded([[1; 4], [2; 4], [3; 4]], [7; 32]);
        assert_eq!(numbers.draw(), [1; 4]);
        let mut kernel = numbers.fork();
        assert_eq!([kernel.draw(), kernel.draw()], [[2; 4], [3; 4]]);
        assert_eq!(numbers.draw(), UnpredictableNumbers::from_seed([7; 32]).draw());
        assert_ne!(kernel.draw(), UnpredictableNumbers::from_seed([7; 32]).draw());
    }
}
