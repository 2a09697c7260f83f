//! What goes wrong, and how each of it ends the transaction.

use super::State;
use super::context::Context;
use super::data_storage;
use super::outcome::{self, DiscretionaryData};
use crate::apdu::StatusWord;
use crate::dict;
use crate::fields::c2::{ErrorIndication, L1Error, L2Error, L3Error};
use crate::kernel::{Decision, Event, MessageId, Outcome, StartPoint, Status, UiRequest};
use crate::oda;

/// What ends a transaction before its cryptogram counts. Each is numbered as the symbol of the book
/// that detects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The FCI is not what it should be, or its PDOL is none (S1.7).
    FciMalformed,
    /// The FCI has no DF name (S1.7).
    DfNameMissing,

    /// No response to GET PROCESSING OPTIONS (S3.4).
    NoGpoResponse(L1Error),
    /// Stopped by the terminal before the records were read (S3.6).
    StoppedBeforeRecords,
    /// GET PROCESSING OPTIONS was refused (S3.8).
    GpoRefused(StatusWord),
    /// The response to GET PROCESSING OPTIONS is malformed (S3.11).
    GpoMalformed,
    /// AIP or AFL is missing (S3.13).
    GpoDataMissing,
    /// The card has no EMV mode, or the kernel may not use it, and mag-stripe mode is not supported
    /// (S3.17).
    MagStripeNotSupported,
    /// There is no record to read, or the AFL is malformed (S3R1.5).
    AflInvalid,

    /// No response to EXCHANGE RELAY RESISTANCE DATA (SR1.3).
    NoRelayResistanceResponse(L1Error),
    /// Stopped by the terminal during relay resistance (SR1.6).
    StoppedAtRelayResistance,
    /// EXCHANGE RELAY RESISTANCE DATA was refused (SR1.11).
    RelayResistanceRefused(StatusWord),
    /// The response to EXCHANGE RELAY RESISTANCE DATA is malformed (SR1.14).
    RelayResistanceMalformed,
    /// The card answered faster than it says it can (SR1.19).
    RelayResistanceTooFast,

    /// The terminal did not give what the PDOL asks for in time (S2.3).
    TimeOutBeforeRecords,

    /// No response to READ RECORD (S4.4).
    NoRecordResponse(L1Error),
    /// Stopped by the terminal while the records were read (S4.7).
    StoppedAtRecords,
    /// READ RECORD was refused (S4.9).
    RecordRefused(StatusWord),
    /// A record is malformed, or repeats an object (S4.25).
    RecordMalformed,

    /// No response to GET DATA (S5.5).
    NoGetDataResponse(L1Error),
    /// The terminal did not let the transaction proceed in time (S6.3).
    TimeOutAtFirstWrite,
    /// No response to PUT DATA (S12.5).
    NoPutDataResponse(L1Error),
    /// No response to READ RECORD in mag-stripe mode (S7.4).
    NoMagStripeRecordResponse(L1Error),
    /// Stopped by the terminal while the records of mag-stripe mode were read (S7.7).
    StoppedAtMagStripeRecords,
    /// READ RECORD was refused in mag-stripe mode (S7.9).
    MagStripeRecordRefused(StatusWord),
    /// A record of mag-stripe mode is malformed, or repeats an object (S7.12).
    MagStripeRecordMalformed,
    /// Track 2 Data or what says how to fill it in is missing (S7.20).
    MagStripeDataMissing,
    /// The tracks, or what says how to fill them in, can't be (S7.22).
    MagStripeDataInvalid,
    /// The terminal did not let mag-stripe mode proceed in time (S8.1).
    TimeOutAtMagStripeFirstWrite,
    /// The terminal gave no amount, in mag-stripe mode (S78.8).
    MagStripeAmountMissing,
    /// The amount is above the Reader Contactless Transaction Limit, in mag-stripe mode (S78.10).
    MagStripeTransactionLimitExceeded,
    /// The UDOL is malformed (S78.17).
    UdolMalformed,

    /// No response to COMPUTE CRYPTOGRAPHIC CHECKSUM (S13.1).
    NoChecksumResponse(L1Error),
    /// COMPUTE CRYPTOGRAPHIC CHECKSUM was refused (S13.9).
    ChecksumRefused(StatusWord),
    /// The response to COMPUTE CRYPTOGRAPHIC CHECKSUM is malformed (S13.11).
    ChecksumMalformed,
    /// ATC, CVC3, or what the phone has to say is missing (S13.14).
    ChecksumDataMissing,
    /// The device did not verify its holder where it had to (S14.21).
    OnDeviceCvmMissing,

    /// The terminal gave no amount (S456.12).
    AmountMissing,
    /// The amount is above the Reader Contactless Transaction Limit (S456.14).
    TransactionLimitExceeded,
    /// Application Expiration Date, PAN or CDOL1 is missing (S456.16).
    MandatoryDataMissing,
    /// The card's data storage is another card's (S456.20).
    DsIdWrong,
    /// The Static Data Authentication Tag List holds something else than the AIP (S456.26).
    SdaTagListInvalid,
    /// CDOL1 or the CVM List is malformed.
    CardListMalformed,

    /// No response to GET DATA for the balance before GENERATE AC (S16.1).
    NoBalanceResponse(L1Error),
    /// Stopped by the terminal while the balance was read (S16.6).
    StoppedAtBalance,

    /// The terminal gave data to store, but not for which cryptogram (GAC.6).
    DsDataMissing,
    /// The terminal's data can't be stored with the cryptogram that is asked for (GAC.11).
    DsNoMatchingCryptogram,
    /// No response to a GENERATE AC that had data stored (S9.6).
    NoGenerateAcResponseToData(L1Error),
    /// No response to RECOVER AC (S10.5).
    NoRecoverAcResponse(L1Error),
    /// No response to GENERATE AC (S9.5).
    NoGenerateAcResponse(L1Error),
    /// GENERATE AC was refused (S9.16).
    GenerateAcRefused(StatusWord),
    /// The response to GENERATE AC is malformed (S9.19).
    GenerateAcMalformed,
    /// ATC or Cryptogram Information Data is missing (S9.21).
    GenerateAcDataMissing,
    /// The card gave a cryptogram of a higher kind than the one asked for (S9.23).
    CryptogramTypeWrong,

    /// Combined data authentication failed (S910.7).
    CdaFailed(oda::Fault),
    /// The card signed no summary of what it stores (S910.8, S910.14).
    DsSummaryMissing,
    /// The data that were read are not those that the card stores (S910.10, S11.48).
    DsReadFailed,
    /// The card did not store what it was given, and must have (S910.18).
    DsWriteFailed,
    /// The Application Cryptogram is missing (S910.30).
    CryptogramMissing,
    /// The signature that was asked for is missing (S910.35, S910.36).
    SignatureMissing,
}

/// How a fault ends the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// SELECT NEXT, start C: another application may do.
    SelectNext,
    /// TRY AGAIN, start B, without a message.
    TryAgain,
    /// END APPLICATION, start B, and present the card again.
    PresentAgain,
    /// END APPLICATION, with another card to be tried.
    OtherCard,
    /// END APPLICATION, without a message.
    Silent,
}

/// What the book has a fault end with.
struct Ruling {
    /// The symbol that says so, and what happened in short.
    rule: &'static str,
    ending: Ending,
    l2: L2Error,
}

impl Fault {
    fn ruling(self) -> Ruling {
        use Ending::*;
        use L2Error::{CamFailed, CardDataError, CardDataMissing, MaxLimitExceeded, Parsing, StatusBytes};
        let (rule, ending, l2) = match self {
            Fault::FciMalformed => ("S1.7: FCI malformed", SelectNext, Parsing),
            Fault::DfNameMissing => ("S1.7: DF name missing", SelectNext, CardDataMissing),
            Fault::NoGpoResponse(_) => ("S3.4: no response to GET PROCESSING OPTIONS", TryAgain, L2Error::Ok),
            Fault::StoppedBeforeRecords => ("S3.6: stopped", Silent, L2Error::Ok),
            Fault::GpoRefused(_) => ("S3.8: GET PROCESSING OPTIONS refused", SelectNext, StatusBytes),
            Fault::GpoMalformed => ("S3.11: processing options malformed", OtherCard, Parsing),
            Fault::GpoDataMissing => ("S3.13: AIP or AFL missing", OtherCard, CardDataMissing),
            Fault::MagStripeNotSupported => ("S3.17: no mode in common", OtherCard, L2Error::MagStripeNotSupported),
            Fault::AflInvalid => ("S3R1.5: AFL empty or malformed", OtherCard, CardDataError),
            Fault::NoRelayResistanceResponse(_) => {
                ("SR1.3: no response to relay resistance", PresentAgain, L2Error::Ok)
            }
            Fault::StoppedAtRelayResistance => ("SR1.6: stopped", Silent, L2Error::Ok),
            Fault::RelayResistanceRefused(_) => ("SR1.11: relay resistance refused", OtherCard, StatusBytes),
            Fault::RelayResistanceMalformed => ("SR1.14: relay resistance data malformed", OtherCard, Parsing),
            Fault::RelayResistanceTooFast => ("SR1.19: faster than the card says it can be", OtherCard, CardDataError),
            Fault::TimeOutBeforeRecords => ("S2.3: no PDOL data from the terminal in time", Silent, L2Error::Ok),
            Fault::NoGetDataResponse(_) => ("S5.5: no response to GET DATA", PresentAgain, L2Error::Ok),
            Fault::TimeOutAtFirstWrite => ("S6.3: the terminal did not let it proceed in time", Silent, L2Error::Ok),
            Fault::NoPutDataResponse(_) => ("S12.5: no response to PUT DATA", PresentAgain, L2Error::Ok),
            Fault::NoRecordResponse(_) => ("S4.4: no response to READ RECORD", PresentAgain, L2Error::Ok),
            Fault::StoppedAtRecords => ("S4.7: stopped", Silent, L2Error::Ok),
            Fault::RecordRefused(_) => ("S4.9: READ RECORD refused", OtherCard, StatusBytes),
            Fault::RecordMalformed => ("S4.25: record malformed", OtherCard, Parsing),
            Fault::NoMagStripeRecordResponse(_) => ("S7.4: no response to READ RECORD", PresentAgain, L2Error::Ok),
            Fault::StoppedAtMagStripeRecords => ("S7.7: stopped", Silent, L2Error::Ok),
            Fault::MagStripeRecordRefused(_) => ("S7.9: READ RECORD refused", OtherCard, StatusBytes),
            Fault::MagStripeRecordMalformed => ("S7.12: record malformed", OtherCard, Parsing),
            Fault::MagStripeDataMissing => ("S7.20: mandatory data missing", OtherCard, CardDataMissing),
            Fault::MagStripeDataInvalid => ("S7.22: tracks or their layout invalid", OtherCard, CardDataError),
            Fault::TimeOutAtMagStripeFirstWrite => {
                ("S8.1: the terminal did not let it proceed in time", Silent, L2Error::Ok)
            }
            Fault::MagStripeAmountMissing => ("S78.8: amount missing", Silent, L2Error::Ok),
            Fault::MagStripeTransactionLimitExceeded => {
                ("S78.10: transaction limit exceeded", SelectNext, MaxLimitExceeded)
            }
            Fault::UdolMalformed => ("S78.17: UDOL malformed", OtherCard, Parsing),
            Fault::NoChecksumResponse(_) => ("S13.1: no checksum", PresentAgain, L2Error::Ok),
            Fault::ChecksumRefused(_) => ("S13.9: checksum refused", OtherCard, StatusBytes),
            Fault::ChecksumMalformed => ("S13.11: checksum response malformed", OtherCard, Parsing),
            Fault::ChecksumDataMissing => ("S13.14: ATC or CVC3 missing", OtherCard, CardDataMissing),
            Fault::OnDeviceCvmMissing => ("S14.21: cardholder not verified on the device", OtherCard, CardDataError),
            Fault::AmountMissing => ("S456.12: amount missing", Silent, L2Error::Ok),
            Fault::TransactionLimitExceeded => ("S456.14: transaction limit exceeded", SelectNext, MaxLimitExceeded),
            Fault::MandatoryDataMissing => ("S456.16: mandatory data missing", OtherCard, CardDataMissing),
            Fault::DsIdWrong => ("S456.20: data storage of another card", OtherCard, CardDataError),
            Fault::DsDataMissing => ("GAC.6: data to store without their cryptogram", OtherCard, L2Error::IdsDataError),
            Fault::DsNoMatchingCryptogram => {
                ("GAC.11: data to store for another cryptogram", OtherCard, L2Error::IdsNoMatchingAc)
            }
            Fault::NoGenerateAcResponseToData(_) => ("S9.6: no response to data to store", OtherCard, L2Error::Ok),
            Fault::DsSummaryMissing => ("S910.8: summary of stored data missing", OtherCard, CardDataMissing),
            Fault::DsReadFailed => ("S910.10: stored data are not those read", OtherCard, L2Error::IdsReadError),
            Fault::DsWriteFailed => ("S910.18: data not stored", OtherCard, L2Error::IdsWriteError),
            Fault::SdaTagListInvalid => ("S456.26: SDA Tag List invalid", OtherCard, CardDataError),
            Fault::CardListMalformed => ("CDOL1 or CVM List malformed", OtherCard, Parsing),
            Fault::NoBalanceResponse(_) => ("S16.1: no response to GET DATA", PresentAgain, L2Error::Ok),
            Fault::StoppedAtBalance => ("S16.6: stopped", Silent, L2Error::Ok),
            Fault::NoRecoverAcResponse(_) => ("S10.5: no response to RECOVER AC", PresentAgain, L2Error::Ok),
            Fault::NoGenerateAcResponse(_) => ("S9.5: no response to GENERATE AC", PresentAgain, L2Error::Ok),
            Fault::GenerateAcRefused(_) => ("S9.16: GENERATE AC refused", OtherCard, StatusBytes),
            Fault::GenerateAcMalformed => ("S9.19: cryptogram response malformed", OtherCard, Parsing),
            Fault::GenerateAcDataMissing => ("S9.21: ATC or CID missing", OtherCard, CardDataMissing),
            Fault::CryptogramTypeWrong => ("S9.23: cryptogram of a kind not asked for", OtherCard, CardDataError),
            Fault::CdaFailed(_) => ("S910.7: CDA failed", OtherCard, CamFailed),
            Fault::CryptogramMissing => ("S910.30: Application Cryptogram missing", OtherCard, CardDataMissing),
            Fault::SignatureMissing => ("S910.36: signature missing", OtherCard, CardDataError),
        };
        Ruling { rule, ending, l2 }
    }

    fn error_indication(self, l2: L2Error, message: MessageId) -> ErrorIndication {
        let mut error = ErrorIndication { l2, message_on_error: message.code(), ..ErrorIndication::default() };
        match self {
            Fault::NoGpoResponse(l1)
            | Fault::NoRelayResistanceResponse(l1)
            | Fault::NoRecordResponse(l1)
            | Fault::NoGetDataResponse(l1)
            | Fault::NoPutDataResponse(l1)
            | Fault::NoBalanceResponse(l1)
            | Fault::NoRecoverAcResponse(l1)
            | Fault::NoGenerateAcResponseToData(l1)
            | Fault::NoMagStripeRecordResponse(l1)
            | Fault::NoChecksumResponse(l1)
            | Fault::NoGenerateAcResponse(l1) => error.l1 = l1,
            Fault::StoppedBeforeRecords
            | Fault::StoppedAtRelayResistance
            | Fault::StoppedAtRecords
            | Fault::StoppedAtBalance
            | Fault::StoppedAtMagStripeRecords => error.l3 = L3Error::Stop,
            Fault::TimeOutBeforeRecords | Fault::TimeOutAtFirstWrite | Fault::TimeOutAtMagStripeFirstWrite => {
                error.l3 = L3Error::TimeOut
            }
            Fault::AmountMissing | Fault::MagStripeAmountMissing => error.l3 = L3Error::AmountNotPresent,
            Fault::GpoRefused(status)
            | Fault::RelayResistanceRefused(status)
            | Fault::RecordRefused(status)
            | Fault::MagStripeRecordRefused(status)
            | Fault::ChecksumRefused(status)
            | Fault::GenerateAcRefused(status) => {
                error.status_word = status.to_bytes();
            }
            _ => {}
        }
        error
    }

    /// Up to the end of S3 the discretionary data are the error alone; from then on they are those of
    /// the mode.
    fn discretionary_data(self) -> DiscretionaryData {
        match self {
            Fault::FciMalformed
            | Fault::DfNameMissing
            | Fault::NoGpoResponse(_)
            | Fault::TimeOutBeforeRecords
            | Fault::StoppedBeforeRecords
            | Fault::GpoRefused(_)
            | Fault::GpoMalformed
            | Fault::GpoDataMissing
            | Fault::MagStripeNotSupported
            | Fault::AflInvalid => DiscretionaryData::ErrorAlone,
            Fault::NoMagStripeRecordResponse(_)
            | Fault::StoppedAtMagStripeRecords
            | Fault::MagStripeRecordRefused(_)
            | Fault::MagStripeRecordMalformed
            | Fault::MagStripeDataMissing
            | Fault::MagStripeDataInvalid
            | Fault::TimeOutAtMagStripeFirstWrite
            | Fault::MagStripeAmountMissing
            | Fault::MagStripeTransactionLimitExceeded
            | Fault::UdolMalformed
            | Fault::NoChecksumResponse(_)
            | Fault::ChecksumRefused(_)
            | Fault::ChecksumMalformed
            | Fault::ChecksumDataMissing
            | Fault::OnDeviceCvmMissing => DiscretionaryData::MagStripe,
            _ => DiscretionaryData::Whole,
        }
    }
}

impl Context {
    /// Ends the transaction as the book says for this fault.
    //= C-2 S1.8, S3.90, S910.50-53, S11.90, S11.93-95
    pub(super) fn fail(&mut self, fault: Fault) -> State {
        let Ruling { rule, ending, l2 } = fault.ruling();
        self.record(Event::CardFault(rule));

        let mut outcome = Outcome::new(match ending {
            Ending::SelectNext => Decision::SelectNext,
            Ending::TryAgain => Decision::TryAgain,
            Ending::PresentAgain | Ending::OtherCard | Ending::Silent => Decision::EndApplication,
        });
        outcome.start = match ending {
            Ending::SelectNext => Some(StartPoint::C),
            Ending::TryAgain | Ending::PresentAgain => Some(StartPoint::B),
            Ending::OtherCard | Ending::Silent => None,
        };
        let mut message = MessageId::NotApplicable;
        match ending {
            Ending::PresentAgain => {
                message = MessageId::PresentCardAgain;
                outcome.ui_on_restart = Some(self.in_language(UiRequest::new(message, Status::ReadyToRead)));
            }
            Ending::OtherCard => {
                message = MessageId::TryAnotherCard;
                let request = UiRequest::new(message, Status::NotReady).held_for(self.configuration.message_hold_time);
                outcome.ui_on_outcome = Some(self.in_language(request));
            }
            Ending::SelectNext | Ending::TryAgain | Ending::Silent => {}
        }
        let is_answer_invalid = ending == Ending::OtherCard && fault != Fault::DsWriteFailed;
        //= C-2 S11.91-92
        if let Some(record) = self.torn_temp_record.as_ref().filter(|_| is_answer_invalid)
            && record.wrote_data()
        {
            self.database.set(dict::TORN_RECORD, record.to_record().as_bytes());
        }
        outcome.cvm = self.cvm;
        outcome.receipt = self.receipt;
        outcome.field_off = self.field_off.filter(|_| ending != Ending::SelectNext);
        //= C-2 S9.6-8, S910.51-53, S11.101-102, S910.61-62
        if is_answer_invalid && data_storage::writes(self) {
            outcome.data_record = Some(outcome::data_record(self));
        }
        self.set_error(fault.error_indication(l2, message));
        outcome.discretionary_data = Some(outcome::discretionary_data(self, fault.discretionary_data()));
        self.finish(outcome)
    }
}
