//! What all states of the kernel share.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Configuration, State};
use crate::apdu::Command;
use crate::dict;
use crate::fields::{Aip, CryptogramInformationData, CryptogramType, Ctq, CvmResults, Ttq, Tvr};
use crate::kernel::shared::{set_terminal_objects, set_transaction_objects};
use crate::kernel::{Cvm, Database, Event, Outcome, Output, Start, Transaction, UiRequest};
use crate::oda::StaticData;
use crate::profile::Profile;
use crate::tlv::Tag;

/// Point-of-Service Entry Mode of EMV mode (Book C-3, Table B-1).
const POS_ENTRY_MODE: u8 = 0x07;

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
    /// Which objects the card has given, each once.
    pub(super) card_data: BTreeSet<Tag>,
    /// The static data that the card wants authenticated, from its records.
    pub(super) static_data: StaticData,
    /// Whether every record that is to be authenticated could be.
    pub(super) static_data_complete: bool,
    /// Online Required by Reader Indicator.
    pub(super) online_required: bool,
    /// Decline Required by Reader Indicator.
    pub(super) decline_required: bool,
    /// How the cardholder is verified, once that is known.
    pub(super) cvm: Cvm,
    pub(super) outputs: VecDeque<Output>,
}

impl Context {
    /// The objects of the terminal, of the configuration and of the transaction, the later above the
    /// earlier.
    pub(super) fn new(profile: Arc<Profile>, configuration: Arc<Configuration>, start: &Start) -> Self {
        let mut database = Database::new();
        set_terminal_objects(&mut database, &profile.terminal);
        for (tag, value) in configuration.objects.iter() {
            database.set(tag, value);
        }
        set_transaction_objects(&mut database, &start.transaction);
        let ttq = start.indicators.ttq.unwrap_or_default();
        database.set(dict::UNPREDICTABLE_NUMBER, &start.unpredictable_number);
        database.set(dict::TTQ, ttq.as_bytes());
        database.set(dict::TVR, Tvr::default().as_bytes());
        database.set(dict::POS_ENTRY_MODE, &[POS_ENTRY_MODE]);
        Context {
            profile,
            configuration,
            transaction: start.transaction.clone(),
            database,
            rid: start.df_name.first_chunk().copied(),
            ttq,
            card_data: BTreeSet::new(),
            static_data: StaticData::new(),
            static_data_complete: true,
            online_required: false,
            decline_required: false,
            cvm: Cvm::NoCvm,
            outputs: VecDeque::new(),
        }
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
