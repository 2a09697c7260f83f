//! Whole transactions without transport: a kernel is fed with a card's recorded answers.

use std::hint::black_box;
use std::iter;
use std::sync::Arc;

use emv::apdu::StatusWord;
use emv::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities, Ttq};
use emv::kernel::{
    Database, Decision, Event, Indicators, Input, Kernel, Outcome, Output, Start, Transaction, UnpredictableNumbers,
    c2, c3,
};
use emv::oda::{CaKey, CaKeys, Environment, RevocationList};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, Profile, TerminalData};
use emv::{Instant, dict};

use super::{cards, hex};

/// A transaction of 10.00 EUR.
pub(crate) struct Payment {
    kernel: u8,
    aid: &'static str,
    ca_key_index: u8,
    /// Each command by its name, and the card's answer to it; SELECT was Entry Point's.
    pub(crate) exchange: &'static [(&'static str, &'static str)],
}

/// With CDA.
pub(crate) const KERNEL_2: Payment =
    Payment { kernel: 2, aid: "A0000000041010", ca_key_index: 0xF1, exchange: cards::MASTERCARD };

/// With fDDA.
pub(crate) const KERNEL_3: Payment =
    Payment { kernel: 3, aid: "A0000000031010", ca_key_index: 0xC1, exchange: cards::VISA };

/// The terminal, and all that its card answers.
pub(crate) struct Prepared {
    profile: Arc<Profile>,
    start: Start,
    answers: Vec<Vec<u8>>,
}

impl Payment {
    pub(crate) fn prepare(&self) -> Prepared {
        let mut answers = self.exchange.iter().map(|(_, answer)| hex(answer));
        let mut fci = answers.next().expect("the answer to SELECT");
        fci.truncate(fci.len() - 2);
        Prepared { profile: Arc::new(self.profile()), start: self.start(fci), answers: answers.collect() }
    }

    fn profile(&self) -> Profile {
        let aid = Aid::try_from(&hex(self.aid)[..]).expect("an AID");
        let rid = hex(self.aid)[..5].try_into().expect("an AID of more than 5 bytes");
        let key = CaKey::without_checksum(rid, self.ca_key_index, &hex(cards::CA_MODULUS), &[3]).expect("a good key");
        let mut ca_keys = CaKeys::new(Environment::Test);
        ca_keys.insert(key).expect("the only key");
        let kernel_id = KernelId::emvco(self.kernel);
        let combination = Combination { aid, kernel_id, transaction_types: vec![0x00], limits: Limits::default() };
        Profile::new(terminal(), ca_keys, RevocationList::new(), [(combination, self.configuration())])
    }

    fn configuration(&self) -> KernelConfiguration {
        let mut objects = Database::new();
        if self.kernel == 3 {
            let configuration = c3::Configuration::from_objects(objects).expect("a configuration");
            return KernelConfiguration::C3(Arc::new(configuration));
        }
        for (tag, value) in [
            (dict::TERMINAL_TYPE, "22"),
            (dict::CARD_DATA_INPUT_CAPABILITY, "00"),
            (dict::CVM_CAPABILITY_CVM_REQUIRED, "60"),
            (dict::CVM_CAPABILITY_NO_CVM_REQUIRED, "08"),
            (dict::KERNEL_CONFIGURATION, "34"),
            (dict::SECURITY_CAPABILITY, "08"),
            (dict::TERMINAL_ACTION_CODE_DEFAULT, "FC50BCA000"),
            (dict::TERMINAL_ACTION_CODE_DENIAL, "0000000000"),
            (dict::TERMINAL_ACTION_CODE_ONLINE, "FC50BCF800"),
            (dict::READER_CONTACTLESS_FLOOR_LIMIT, "000000005000"),
            (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, "000000030000"),
            (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM, "000000050000"),
            (dict::READER_CVM_REQUIRED_LIMIT, "000000002500"),
        ] {
            objects.set(tag, &hex(value));
        }
        KernelConfiguration::C2(Arc::new(c2::Configuration::from_objects(&objects).expect("a configuration")))
    }

    fn start(&self, fci: Vec<u8>) -> Start {
        let ttq = (self.kernel == 3).then(|| Ttq::try_from(&hex("26004000")[..]).expect("four bytes"));
        Start {
            transaction: Transaction {
                amount_authorised: Some(Amount::new(1000).expect("an amount")),
                amount_other: None,
                currency: [0x09, 0x78],
                currency_exponent: 2,
                transaction_type: 0x00,
                date: Date::new(2026, 6, 15).expect("a day of the calendar"),
                time: [0x12, 0x00, 0x00],
                sequence_counter: 1,
            },
            unpredictable_number: cards::UNPREDICTABLE_NUMBER,
            unpredictable_numbers: UnpredictableNumbers::from_seed([0; 32]),
            indicators: Indicators { ttq, ..Indicators::default() },
            df_name: hex(self.aid),
            fci,
            select_status: StatusWord::SUCCESS,
            is_restart: false,
            online_response: None,
            is_removal_timed_out: false,
            torn_log: c2::TornLog::default(),
            mag_stripe_failures: 0,
        }
    }
}

fn terminal() -> TerminalData {
    TerminalData {
        terminal_type: 0x22,
        country: [0x05, 0x28],
        capabilities: TerminalCapabilities::default(),
        additional_capabilities: AdditionalTerminalCapabilities::default(),
        terminal_id: *b"00000001",
        merchant_id: *b"MERCHANT0000001",
        merchant_category_code: [0x58, 0x12],
        merchant_name_and_location: b"CAFE".to_vec(),
        acquirer_id: [0, 0, 0, 0, 0, 1],
        ifd_serial_number: *b"00000001",
    }
}

impl Prepared {
    /// A kernel that waits for the answer to its command of this number, from 0 on.
    pub(crate) fn waiting_for(&self, command: usize) -> Kernel {
        let mut kernel = Kernel::activate(&self.profile, 0, self.start.clone(), Instant::default());
        outputs(&mut kernel);
        (0..command).for_each(|command| self.answer(command, &mut kernel));
        kernel
    }

    /// Hands in the card's answer to this command, and takes what the kernel wants done up to its next one.
    pub(crate) fn answer(&self, command: usize, kernel: &mut Kernel) {
        kernel.handle(Input::Response(black_box(&self.answers[command])), Instant::default());
        outputs(kernel);
    }

    fn is_approved(&self) -> bool {
        let last = self.answers.len() - 1;
        let mut kernel = self.waiting_for(last);
        kernel.handle(Input::Response(&self.answers[last]), Instant::default());
        let outputs: Vec<_> = iter::from_fn(|| kernel.poll()).collect();
        let verified =
            |output: &Output| matches!(output, Output::Record(Event::OfflineDataAuthentication { result: Ok(()), .. }));
        let approved =
            |output: &Output| matches!(output, Output::Finished(Outcome { decision: Decision::Approved, .. }));
        outputs.iter().any(verified) && outputs.iter().any(approved)
    }
}

fn outputs(kernel: &mut Kernel) {
    iter::from_fn(|| kernel.poll()).for_each(|output| drop(black_box(output)));
}

/// From the kernel's activation to its outcome.
pub(crate) fn whole(payment: &Payment) -> Box<dyn Fn()> {
    let prepared = payment.prepare();
    assert!(prepared.is_approved(), "its signatures are good");
    Box::new(move || {
        black_box(prepared.waiting_for(prepared.answers.len()));
    })
}
