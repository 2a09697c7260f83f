//! What the outcome carries: data record, discretionary data, error indication.

use super::context::Context;
use crate::dict;
use crate::kernel::Record;
use crate::tlv::Tag;

/// The data record of EMV mode (Book C-2, 4.7).
const DATA_RECORD: &[Tag] = &[
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::APPLICATION_CRYPTOGRAM,
    dict::APPLICATION_EXPIRATION_DATE,
    dict::AIP,
    dict::APPLICATION_LABEL,
    dict::PAN,
    dict::PAN_SEQUENCE_NUMBER,
    dict::APPLICATION_PREFERRED_NAME,
    dict::ATC,
    dict::APPLICATION_USAGE_CONTROL,
    dict::APPLICATION_VERSION_NUMBER_TERMINAL,
    dict::CRYPTOGRAM_INFORMATION_DATA,
    dict::CVM_RESULTS,
    dict::DF_NAME,
    dict::IFD_SERIAL_NUMBER,
    dict::ISSUER_APPLICATION_DATA,
    dict::ISSUER_CODE_TABLE_INDEX,
    dict::PAYMENT_ACCOUNT_REFERENCE,
    dict::TERMINAL_CAPABILITIES,
    dict::TERMINAL_COUNTRY_CODE,
    dict::TERMINAL_TYPE,
    dict::TVR,
    dict::TRACK_2_EQUIVALENT_DATA,
    dict::TRANSACTION_CATEGORY_CODE,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_TYPE,
    dict::UNPREDICTABLE_NUMBER,
];

/// The discretionary data of EMV mode (Book C-2, 4.7).
const DISCRETIONARY_DATA: &[Tag] = &[
    dict::APPLICATION_CAPABILITIES_INFORMATION,
    dict::APPLICATION_CURRENCY_CODE,
    dict::BALANCE_READ_BEFORE_GEN_AC,
    dict::BALANCE_READ_AFTER_GEN_AC,
    dict::DS_SUMMARY_3,
    dict::DS_SUMMARY_STATUS,
    dict::ERROR_INDICATION,
    dict::POST_GEN_AC_PUT_DATA_STATUS,
    dict::PRE_GEN_AC_PUT_DATA_STATUS,
    dict::THIRD_PARTY_DATA,
    dict::TORN_RECORD,
];

/// The data record of mag-stripe mode (Book C-2, 4.7).
const MAG_STRIPE_DATA_RECORD: &[Tag] = &[
    dict::APPLICATION_LABEL,
    dict::APPLICATION_PREFERRED_NAME,
    dict::DF_NAME,
    dict::ISSUER_CODE_TABLE_INDEX,
    dict::MAG_STRIPE_APPLICATION_VERSION_NUMBER_READER,
    dict::PAYMENT_ACCOUNT_REFERENCE,
    dict::TRACK_1_DATA,
    dict::TRACK_2_DATA,
];

/// The discretionary data of mag-stripe mode (Book C-2, 4.7).
const MAG_STRIPE_DISCRETIONARY_DATA: &[Tag] = &[
    dict::APPLICATION_CAPABILITIES_INFORMATION,
    dict::DD_CARD_TRACK1,
    dict::DD_CARD_TRACK2,
    dict::ERROR_INDICATION,
    dict::THIRD_PARTY_DATA,
];

/// Which discretionary data an outcome carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscretionaryData {
    /// Error Indication.
    ErrorAlone,
    /// All that the book lists for EMV mode.
    Whole,
    /// All that the book lists for mag-stripe mode.
    MagStripe,
}

/// The data record as the objects stand.
//= C-2 4.7.1
pub(super) fn data_record(context: &Context) -> Record {
    context.database.record(DATA_RECORD).into()
}

/// The data record of mag-stripe mode as the objects stand.
//= C-2 4.7.2
pub(super) fn mag_stripe_data_record(context: &Context) -> Record {
    context.database.record(MAG_STRIPE_DATA_RECORD).into()
}

/// The discretionary data as the objects stand.
//= C-2 4.7.3, 4.7.4
pub(super) fn discretionary_data(context: &Context, which: DiscretionaryData) -> Record {
    let tags = match which {
        DiscretionaryData::ErrorAlone => &[dict::ERROR_INDICATION],
        DiscretionaryData::Whole => DISCRETIONARY_DATA,
        DiscretionaryData::MagStripe => MAG_STRIPE_DISCRETIONARY_DATA,
    };
    context.database.record(tags).into()
}
