//! What all states of the kernel share.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Configuration, State};
use crate::Instant;
use crate::apdu::Command;
use crate::dict;
use crate::fields::{Aip, Amount, CryptogramInformationData, CryptogramType, Ctq, CvmResults, Ttq, Tvr};
use crate::kernel::shared::{set_terminal_objects, set_transaction_objects};
use crate::kernel::{Cvm, Database, Event, Outcome, Output, Start, Transaction, UiRequest};
use crate::oda::StaticData;
use crate::profile::Profile;
use crate::tlv::Tag;

/// Point-of-Service Entry Mode of EMV mode (Book C-3, Table B-1).
const POS_ENTRY_MODE: u8 = 0x07;

/// Transaction Types (3.4.1). Purchases with and without cashback have the same.
const PURCHASE: u8 = 0x00;
const PURCHASE_WITH_CASHBACK: u8 = 0x09;
const REFUND: u8 = 0x20;

/// How many objects of the card, and how many outputs at once, there is room for from the start.
const CARD_DATA: usize = 64;
const OUTPUTS: usize = 8;

/// The database, the indicators of the book, and what is to be done outside.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) profile: Arc<Profile>,
    pub(super) configuration: Arc<Configuration>,
    pub(super) transaction: Transaction,
    pub(super) database: Database,
    /// Registered Application Provider Identifier of the application that was selected.
    pub(super) rid: Option<[u8; 5]>,
    /// Terminal Transaction Qualifiers, as pre-processing set them for this transaction.
    pub(super) ttq: Ttq,
    /// Which objects the card has given, in the order in which they came.
    pub(super) card_data: Vec<Tag>,
    /// The static data that the card wants authenticated, from its records.
    pub(super) static_data: StaticData,
    /// Whether every record that is to be authenticated could be.
    pub(super) static_data_complete: bool,
    /// Online Required by Reader Indicator.
    pub(super) online_required: bool,
    /// Decline Required by Reader Indicator.
    pub(super) decline_required: bool,
    /// How the cardholder is verified, once that is known; nothing where it is no concern of the kernel.
    pub(super) cvm: Option<Cvm>,
    /// When the last input came.
    pub(super) now: Instant,
    pub(super) outputs: VecDeque<Output>,
}

impl Context {
    /// The objects of the terminal, of the combination, of the configuration and of the transaction, the later
    /// above the earlier.
    //= C-3 A.4
    pub(super) fn new(profile: Arc<Profile>, configuration: Arc<Configuration>, start: &Start, now: Instant) -> Self {
        let mut database = Database::with_room();
        set_terminal_objects(&mut database, &profile.terminal);
        set_combination_objects(&mut database, &profile, &start.df_name);
        for (tag, value) in configuration.objects.iter() {
            database.set(tag, value);
        }
        let mut transaction = start.transaction.clone();
        //= C-3 3.4.1.1
        if transaction.transaction_type == PURCHASE_WITH_CASHBACK {
            transaction.transaction_type = PURCHASE;
        }
        set_transaction_objects(&mut database, &transaction);
        let ttq = start.indicators.ttq.unwrap_or_default();
        database.set(dict::UNPREDICTABLE_NUMBER, &start.unpredictable_number);
        database.set(dict::TTQ, ttq.as_bytes());
        database.set(dict::TVR, Tvr::default().as_bytes());
        database.set(dict::POS_ENTRY_MODE, &[POS_ENTRY_MODE]);
        Context {
            profile,
            configuration,
            transaction,
            database,
            rid: start.df_name.first_chunk().copied(),
            ttq,
            card_data: Vec::with_capacity(CARD_DATA),
            static_data: StaticData::with_room(),
            static_data_complete: true,
            online_required: false,
            decline_required: false,
            cvm: Some(Cvm::NoCvm),
            now,
            outputs: VecDeque::with_capacity(OUTPUTS),
        }
    }

    /// Sets the Terminal Transaction Qualifiers, for the card too.
    pub(super) fn set_ttq(&mut self, ttq: Ttq) {
        self.ttq = ttq;
        self.database.set(dict::TTQ, ttq.as_bytes());
    }

    /// Card Transaction Qualifiers, where the card gave them.
    pub(super) fn ctq(&self) -> Option<Ctq> {
        self.database.value(dict::CTQ).and_then(|value| Ctq::try_from(value).ok())
    }

    /// Application Interchange Profile; with no bit set where it can't be read.
    pub(super) fn aip(&self) -> Aip {
        self.database.value(dict::AIP).and_then(|value| Aip::try_from(value).ok()).unwrap_or_default()
    }

    /// The type of the card's cryptogram (5.4.3.1): after Card Read Complete there is a CID.
    pub(super) fn cryptogram_type(&self) -> CryptogramType {
        let cid = self.database.value(dict::CRYPTOGRAM_INFORMATION_DATA);
        cid.and_then(|value| CryptogramInformationData::try_from(value).ok())
            .map_or(CryptogramType::Rfu, CryptogramInformationData::cryptogram_type)
    }

    /// Whether money goes back to the cardholder.
    pub(super) fn is_refund(&self) -> bool {
        self.transaction.transaction_type == REFUND
    }

    /// Whether the reader can go online (TTQ byte 1 bit 4).
    pub(super) fn is_online_capable(&self) -> bool {
        !self.ttq.has(Ttq::OFFLINE_ONLY_READER)
    }

    /// The request in the languages that the card prefers.
    pub(super) fn in_language(&self, request: UiRequest) -> UiRequest {
        request.in_language(self.database.value(dict::LANGUAGE_PREFERENCE).unwrap_or_default())
    }

    pub(super) fn show(&mut self, request: UiRequest) {
        let request = self.in_language(request);
        self.outputs.push_back(Output::Ui(request));
    }

    pub(super) fn record(&mut self, event: Event) {
        self.outputs.push_back(Output::Record(event));
    }

    pub(super) fn transmit(&mut self, command: Command) {
        self.outputs.push_back(Output::Transmit(command));
    }

    /// Ends the transaction.
    pub(super) fn finish(&mut self, outcome: Outcome) -> State {
        self.record(Event::Results { tvr: Tvr::default(), cvm_results: CvmResults::default() });
        self.outputs.push_back(Output::Finished(outcome));
        State::Finished
    }

    /// A value of the database, copied so that the database can be changed.
    pub(super) fn copy(&self, tag: Tag) -> Vec<u8> {
        self.database.value(tag).unwrap_or_default().to_vec()
    }
}

/// Sets the objects that describe the reader's combination for the application that was selected.
fn set_combination_objects(database: &mut Database, profile: &Profile, df_name: &[u8]) {
    let fitting = profile.combinations().iter().filter(|combination| df_name.starts_with(combination.aid.as_bytes()));
    let Some(combination) = fitting.max_by_key(|combination| combination.aid.as_bytes().len()) else { return };
    database.set(dict::AID_TERMINAL, combination.aid.as_bytes());
    let floor_limit = combination.limits.terminal_floor_limit.map(Amount::minor_units);
    if let Some(floor_limit) = floor_limit.and_then(|minor_units| u32::try_from(minor_units).ok()) {
        database.set(dict::TERMINAL_FLOOR_LIMIT, &floor_limit.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::super::testing;
    use super::*;
    use crate::oda::{CaKeys, Environment, RevocationList};
    use crate::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits};

    /// The kernel at a reader with combinations of these AIDs and this terminal floor limit.
    fn started(aids: &[&[u8]], floor_limit: u32, transaction_type: u8) -> Context {
        let configuration = Arc::new(Configuration::default());
        let combination = |aid: &&[u8]| Combination {
            aid: Aid::try_from(*aid).unwrap(),
            kernel_id: KernelId::emvco(3),
            transaction_types: vec![0x00],
            limits: Limits { terminal_floor_limit: Some(Amount::from(floor_limit)), ..Limits::default() },
        };
        let kernel = || KernelConfiguration::C3(Arc::clone(&configuration));
        let applications: Vec<_> = aids.iter().map(|aid| (combination(aid), kernel())).collect();
        let terminal = testing::context(&[]).profile.terminal.clone();
        let profile = Profile::new(terminal, CaKeys::new(Environment::Test), RevocationList::new(), applications);
        let mut start = testing::start(Ttq::default(), vec![]);
        start.transaction.transaction_type = transaction_type;
        Context::new(Arc::new(profile), configuration, &start, Instant::default())
    }

    //= test C-3 A.4
    #[test]
    fn a_card_that_asks_is_told_the_reader_s_aid_and_floor_limit() {
        let (visa, electron) = (&[0xA0, 0x00, 0x00, 0x00, 0x03][..], &[0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10][..]);
        let context = started(&[visa, electron, &[0xA0, 0x00, 0x00, 0x00, 0x04]], 0x0102_0304, 0x00);
        assert_eq!(context.database.get(dict::AID_TERMINAL), Some(electron));
        assert_eq!(context.database.get(dict::TERMINAL_FLOOR_LIMIT), Some(&[1, 2, 3, 4][..]));
        assert_eq!(started(&[], 0, 0x00).database.get(dict::AID_TERMINAL), None);
    }

    //= test C-3 3.4.1.1, 3.4.1.2, 3.4.1.3
    #[test]
    fn a_purchase_with_cashback_is_a_purchase_for_the_card() {
        for (transaction_type, expected) in [(0x00, 0x00), (0x09, 0x00), (0x01, 0x01), (0x20, 0x20)] {
            let context = started(&[], 0, transaction_type);
            assert_eq!(context.database.get(dict::TRANSACTION_TYPE), Some(&[expected][..]));
            assert_eq!(context.is_refund(), transaction_type == 0x20);
        }
    }
}
