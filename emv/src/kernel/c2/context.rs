//! What all states of the kernel share.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

use super::data_exchange::DataExchange;
use super::{Configuration, State, TornChange, TornLog, TornRecord};
use crate::Instant;
use crate::apdu::Command;
use crate::dict;
use crate::fields::c2::{CvmCapability, ErrorIndication, KernelConfiguration, MobileSupportIndicator};
use crate::fields::{
    Aip, Amount, Bit, CvmResults, Date, Error, RelayResistance, TerminalEnvironment, TerminalType, Tvr,
};
use crate::kernel::shared::{set_terminal_objects, set_transaction_objects};
use crate::kernel::{Cvm, Database, Event, Outcome, Output, Start, Transaction, UiRequest, UnpredictableNumbers};
use crate::oda::StaticData;
use crate::profile::Profile;
use crate::tlv::Tag;

/// How many outputs at once there is room for from the start.
const OUTPUTS: usize = 8;

/// The database, the results so far, and what is to be done outside.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) profile: Arc<Profile>,
    pub(super) configuration: Arc<Configuration>,
    pub(super) transaction: Transaction,
    /// When the input came that is being handled.
    pub(super) now: Instant,
    pub(super) database: Database,
    /// How the cardholder is verified, once that is known.
    pub(super) cvm: Option<Cvm>,
    /// Whether the outcome asks for a receipt.
    pub(super) receipt: bool,
    /// For how long the field is to be turned off at the end, for cards that notice it.
    pub(super) field_off: Option<Duration>,
    /// The Torn Transaction Log as it stands.
    pub(super) torn_log: TornLog,
    /// Torn Temp Record: the torn transaction that the card did not recover.
    pub(super) torn_temp_record: Option<TornRecord>,
    /// What is to be exchanged with the terminal.
    pub(super) exchange: DataExchange,
    /// Static Data To Be Authenticated, empty: the room for it, which reading takes where there will be CDA.
    pub(super) static_data: StaticData,
    pub(super) outputs: VecDeque<Output>,
    unpredictable_numbers: UnpredictableNumbers,
    mag_stripe_failures: u8,
    tvr: Tvr,
    cvm_results: CvmResults,
}

impl Context {
    //= C-2 S1.9
    /// The objects of the terminal, of the configuration and of the transaction, the later above the
    /// earlier, and those that the kernel itself initialises (Book C-2, S1.9 and S1.16).
    pub(super) fn new(profile: Arc<Profile>, configuration: Arc<Configuration>, start: &Start, now: Instant) -> Self {
        let mut database = Database::with_room();
        set_terminal_objects(&mut database, &profile.terminal);
        for (tag, value) in configuration.objects.iter() {
            database.set(tag, value);
        }
        set_transaction_objects(&mut database, &start.transaction);
        database.set(dict::UNPREDICTABLE_NUMBER, &start.unpredictable_number);
        let capabilities = configuration.terminal_capabilities(CvmCapability::default());
        database.set(dict::TERMINAL_CAPABILITIES, capabilities.as_bytes());
        let mobile = MobileSupportIndicator::default().with(MobileSupportIndicator::MOBILE_SUPPORTED);
        database.set(dict::MOBILE_SUPPORT_INDICATOR, mobile.as_bytes());
        database.set(dict::ERROR_INDICATION, &ErrorIndication::default().to_bytes());
        database.set(dict::RRP_COUNTER, &[0x00]);
        database.set(dict::IDS_STATUS, &[0x00]);
        database.set(dict::DS_SUMMARY_STATUS, &[0x00]);
        database.set(dict::DS_DIGEST_H, &[0x00; 8]);
        database.set(dict::POST_GEN_AC_PUT_DATA_STATUS, &[0x00]);
        database.set(dict::PRE_GEN_AC_PUT_DATA_STATUS, &[0x00]);
        let exchange = DataExchange::new(&database);
        let mut context = Context {
            profile,
            configuration,
            transaction: start.transaction.clone(),
            now,
            database,
            cvm: None,
            receipt: false,
            field_off: None,
            torn_log: start.torn_log.clone(),
            torn_temp_record: None,
            exchange,
            static_data: StaticData::with_room(),
            outputs: VecDeque::with_capacity(OUTPUTS),
            unpredictable_numbers: start.unpredictable_numbers.clone(),
            mag_stripe_failures: start.mag_stripe_failures,
            tvr: Tvr::default(),
            cvm_results: CvmResults::default(),
        };
        context.write_tvr(Tvr::default());
        context.set_cvm_results(CvmResults::default());
        context
    }

    /// The Terminal Verification Results so far.
    pub(super) fn tvr(&self) -> Tvr {
        self.tvr
    }

    /// Sets a bit of the Terminal Verification Results.
    pub(super) fn set_tvr(&mut self, bit: Bit<Tvr>) {
        self.write_tvr(self.tvr.with(bit));
    }

    /// Says in the Terminal Verification Results whether relay resistance was performed.
    pub(super) fn set_relay_resistance(&mut self, relay_resistance: RelayResistance) {
        let mut tvr = self.tvr;
        tvr.set_relay_resistance(relay_resistance);
        self.write_tvr(tvr);
    }

    /// Sets the Terminal Verification Results.
    pub(super) fn write_tvr(&mut self, tvr: Tvr) {
        self.tvr = tvr;
        self.database.set(dict::TVR, tvr.as_bytes());
    }

    /// Sets the CVM Results.
    pub(super) fn set_cvm_results(&mut self, results: CvmResults) {
        self.cvm_results = results;
        self.database.set(dict::CVM_RESULTS, results.as_bytes());
    }

    /// Sets the Error Indication.
    pub(super) fn set_error(&mut self, error: ErrorIndication) {
        self.database.set(dict::ERROR_INDICATION, &error.to_bytes());
    }

    /// An object that is present and not empty, read as its type; `Some(Err)` where it can't be.
    pub(super) fn read<'a, T>(&'a self, tag: Tag) -> Option<Result<T, Error>>
    where
        T: TryFrom<&'a [u8], Error = Error>,
    {
        self.database.value(tag).map(T::try_from)
    }

    /// The Application Interchange Profile; with no bit set as long as the card didn't give it.
    pub(super) fn aip(&self) -> Aip {
        self.read(dict::AIP).and_then(Result::ok).unwrap_or_default()
    }

    /// Whether card and kernel both support on-device cardholder verification (S3.33, CVM.1, GAC.22).
    pub(super) fn on_device_cvm(&self) -> bool {
        self.aip().has(Aip::C2_ON_DEVICE_CVM_SUPPORTED)
            && self.configuration.kernel.has(KernelConfiguration::ON_DEVICE_CVM_SUPPORTED)
    }

    /// Reader Contactless Transaction Limit, as it holds for this card.
    //= C-2 S3.33-35, S3.73-75
    pub(super) fn transaction_limit(&self) -> Amount {
        if self.on_device_cvm() {
            self.configuration.transaction_limit_on_device_cvm
        } else {
            self.configuration.transaction_limit_no_on_device_cvm
        }
    }

    /// Failed MS Cntr: how often in a row mag-stripe mode failed.
    pub(super) fn mag_stripe_failures(&self) -> u8 {
        self.mag_stripe_failures
    }

    /// Sets Failed MS Cntr, here and where it is kept.
    pub(super) fn set_mag_stripe_failures(&mut self, failures: u8) {
        if failures != self.mag_stripe_failures {
            self.mag_stripe_failures = failures;
            self.record(Event::MagStripeFailures(failures));
        }
    }

    /// A new unpredictable number.
    pub(super) fn draw_unpredictable_number(&mut self) -> [u8; 4] {
        self.unpredictable_numbers.draw()
    }

    /// The request in the languages the card prefers.
    pub(super) fn in_language(&self, request: UiRequest) -> UiRequest {
        request.in_language(self.database.value(dict::LANGUAGE_PREFERENCE).unwrap_or_default())
    }

    /// Asks for a message to be shown.
    pub(super) fn show(&mut self, request: UiRequest) {
        let request = self.in_language(request);
        self.outputs.push_back(Output::Ui(request));
    }

    /// Writes something down.
    pub(super) fn record(&mut self, event: Event) {
        self.outputs.push_back(Output::Record(event));
    }

    /// Changes the Torn Transaction Log, here and where it is kept.
    pub(super) fn change_torn_log(&mut self, change: TornChange) {
        self.torn_log.apply(&change);
        self.record(Event::TornLog(change));
    }

    /// Sends a command.
    pub(super) fn transmit(&mut self, command: Command) {
        self.outputs.push_back(Output::Transmit(command));
    }

    /// Ends the transaction.
    pub(super) fn finish(&mut self, outcome: Outcome) -> State {
        self.record(Event::Results { tvr: self.tvr, cvm_results: self.cvm_results });
        self.outputs.push_back(Output::Finished(outcome));
        State::Finished
    }

    /// Makes the transaction what its objects say, after they were set anew.
    pub(super) fn update_transaction(&mut self) {
        let (database, transaction) = (&self.database, &mut self.transaction);
        let amount = |tag| database.value(tag).and_then(|value| Amount::try_from(value).ok());
        transaction.amount_authorised = amount(dict::AMOUNT_AUTHORISED_NUMERIC).or(transaction.amount_authorised);
        transaction.amount_other = amount(dict::AMOUNT_OTHER_NUMERIC).or(transaction.amount_other);
        if let Some(Ok(currency)) = database.value(dict::TRANSACTION_CURRENCY_CODE).map(<[u8; 2]>::try_from) {
            transaction.currency = currency;
        }
        if let Some(Ok(date)) = database.value(dict::TRANSACTION_DATE).map(Date::try_from) {
            transaction.date = date;
        }
        if let Some(&[transaction_type]) = database.value(dict::TRANSACTION_TYPE) {
            transaction.transaction_type = transaction_type;
        }
    }

    /// The RID of the application: whose CA keys hold.
    pub(super) fn rid(&self) -> Option<[u8; 5]> {
        self.database.value(dict::DF_NAME).and_then(|name| name.first_chunk().copied())
    }

    /// Terminal Type, as it stands for this combination.
    pub(super) fn terminal_type(&self) -> u8 {
        self.database.value(dict::TERMINAL_TYPE).map_or(0x00, |value| value[0])
    }

    /// What the terminal type says. A type that nobody defined is taken for a terminal that can do
    /// everything, as the analysis of the book takes it (TAA.4, TAA.6).
    pub(super) fn terminal_environment(&self) -> TerminalEnvironment {
        let unknown = TerminalEnvironment { attended: true, online: true, offline: true };
        TerminalType::new(self.terminal_type()).map_or(unknown, TerminalType::environment)
    }
}
