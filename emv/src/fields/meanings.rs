//! What a value says, in words: for people who read a message or a trace.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::bits::BitField;
use super::c2::*;
use super::c3::*;
use super::*;
use crate::dict;
use crate::tlv::{Dol, Tag};

/// What the value of a data object says, line by line; nothing where it has no structure that this
/// module knows.
///
/// Account numbers come masked; nothing else of track data but the expiration date is told.
///
/// # Errors
/// If the value can't be one of this data object.
pub fn meanings(tag: Tag, value: &[u8]) -> Option<Result<Vec<String>, Error>> {
    let (_, read) = READINGS.iter().find(|(known, _)| *known == tag)?;
    Some(read(value))
}

type Lines = Result<Vec<String>, Error>;
type Reading = fn(&[u8]) -> Lines;

/// How each data object is read.
const READINGS: &[(Tag, Reading)] = &[
    (dict::TVR, bits::<Tvr>),
    (dict::ISSUER_ACTION_CODE_DEFAULT, bits::<Tvr>),
    (dict::ISSUER_ACTION_CODE_DENIAL, bits::<Tvr>),
    (dict::ISSUER_ACTION_CODE_ONLINE, bits::<Tvr>),
    (dict::TERMINAL_ACTION_CODE_DEFAULT, bits::<Tvr>),
    (dict::TERMINAL_ACTION_CODE_DENIAL, bits::<Tvr>),
    (dict::TERMINAL_ACTION_CODE_ONLINE, bits::<Tvr>),
    (dict::TRANSACTION_STATUS_INFORMATION, bits::<Tsi>),
    (dict::AIP, bits::<Aip>),
    (dict::APPLICATION_USAGE_CONTROL, bits::<Auc>),
    (dict::TERMINAL_CAPABILITIES, bits::<TerminalCapabilities>),
    (dict::ADDITIONAL_TERMINAL_CAPABILITIES, bits::<AdditionalTerminalCapabilities>),
    (dict::CTQ, bits::<Ctq>),
    (dict::TERMINAL_RISK_MANAGEMENT_DATA, bits::<TerminalRiskManagementData>),
    (dict::KERNEL_CONFIGURATION, bits::<KernelConfiguration>),
    (dict::CVM_CAPABILITY_CVM_REQUIRED, bits::<CvmCapability>),
    (dict::CVM_CAPABILITY_NO_CVM_REQUIRED, bits::<CvmCapability>),
    (dict::CARD_DATA_INPUT_CAPABILITY, bits::<CardDataInputCapability>),
    (dict::SECURITY_CAPABILITY, bits::<SecurityCapability>),
    (dict::MOBILE_SUPPORT_INDICATOR, bits::<MobileSupportIndicator>),
    (dict::POS_CARDHOLDER_INTERACTION_INFORMATION, bits::<PosCardholderInteractionInformation>),
    (dict::DS_SLOT_AVAILABILITY, bits::<DsSlotAvailability>),
    (dict::DS_SLOT_MANAGEMENT_CONTROL, bits::<DsSlotManagementControl>),
    (dict::DS_ODS_INFO, bits::<DsOdsInfo>),
    (dict::DS_ODS_INFO_FOR_READER, bits::<DsOdsInfoForReader>),
    (dict::DS_SUMMARY_STATUS, bits::<DsSummaryStatus>),
    (dict::IDS_STATUS, bits::<IdsStatus>),
    (dict::PRE_GEN_AC_PUT_DATA_STATUS, bits::<PutDataStatus>),
    (dict::POST_GEN_AC_PUT_DATA_STATUS, bits::<PutDataStatus>),
    (dict::TTQ, ttq_or_punatc),
    (dict::CRYPTOGRAM_INFORMATION_DATA, cryptogram_information_data),
    (dict::REFERENCE_CONTROL_PARAMETER, reference_control_parameter),
    (dict::DS_AC_TYPE, ds_ac_type),
    (dict::MAG_STRIPE_CVM_CAPABILITY_CVM_REQUIRED, mag_stripe_cvm_capability),
    (dict::MAG_STRIPE_CVM_CAPABILITY_NO_CVM_REQUIRED, mag_stripe_cvm_capability),
    (dict::OUTCOME_PARAMETER_SET, outcome_parameter_set),
    (dict::ERROR_INDICATION, error_indication),
    (dict::USER_INTERFACE_REQUEST_DATA, user_interface_request),
    (dict::FORM_FACTOR_INDICATOR, form_factor_or_third_party_data),
    (dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT, spending_amount_or_capabilities),
    (dict::CARD_AUTHENTICATION_RELATED_DATA, card_authentication_related_data_or_udol),
    (dict::CVM_LIST, cvm_list),
    (dict::CVM_RESULTS, line::<CvmResults>),
    (dict::AFL, afl),
    (dict::TERMINAL_TYPE, line::<TerminalType>),
    (dict::APPLICATION_PRIORITY_INDICATOR, application_priority),
    (dict::KERNEL_IDENTIFIER, kernel_identifier),
    (dict::TRANSACTION_TYPE, transaction_type),
    (dict::TRANSACTION_TIME, transaction_time),
    (dict::POS_ENTRY_MODE, pos_entry_mode),
    (dict::PAN, line::<Pan>),
    (dict::TRACK_2_EQUIVALENT_DATA, track_2),
    (dict::TRACK_2_DATA, track_2),
    (dict::TRANSACTION_DATE, line::<Date>),
    (dict::APPLICATION_EXPIRATION_DATE, line::<Date>),
    (dict::APPLICATION_EFFECTIVE_DATE, line::<Date>),
    (dict::AMOUNT_AUTHORISED_NUMERIC, amount),
    (dict::AMOUNT_OTHER_NUMERIC, amount),
    (dict::OFFLINE_ACCUMULATOR_BALANCE, amount),
    (dict::BALANCE_READ_BEFORE_GEN_AC, amount),
    (dict::BALANCE_READ_AFTER_GEN_AC, amount),
    (dict::READER_CONTACTLESS_FLOOR_LIMIT, amount),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, amount),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM, amount),
    (dict::READER_CVM_REQUIRED_LIMIT, amount),
    (dict::PDOL, data_object_list),
    (dict::CDOL1, data_object_list),
    (dict::CDOL2, data_object_list),
    (dict::DDOL, data_object_list),
    (dict::TDOL, data_object_list),
    (dict::DRDOL, data_object_list),
    (dict::SDOL, data_object_list),
    (dict::LOG_FORMAT, data_object_list),
    (dict::DEFAULT_UDOL, data_object_list),
];

/// One line for each bit that is set.
fn bits<T: BitField>(value: &[u8]) -> Lines {
    Ok(lines_of(T::try_from(value)?))
}

fn lines_of(field: impl BitField) -> Vec<String> {
    field.meanings().map(String::from).collect()
}

/// One line: the value as it prints itself.
fn line<T: for<'a> TryFrom<&'a [u8], Error = Error> + ToString>(value: &[u8]) -> Lines {
    Ok([T::try_from(value)?.to_string()].into())
}

fn amount(value: &[u8]) -> Lines {
    Ok([format!("{} minor units", Amount::try_from(value)?)].into())
}

fn track_2(value: &[u8]) -> Lines {
    let track = Track2::try_from(value)?;
    Ok([format!("PAN {}", track.masked()), format!("expires {}", track.expiry())].into())
}

fn afl(value: &[u8]) -> Lines {
    Ok(Afl::try_from(value)?.entries().iter().map(AflEntry::to_string).collect())
}

fn cvm_list(value: &[u8]) -> Lines {
    let list = CvmList::try_from(value)?;
    let amounts = [format!("X = {} and Y = {} minor units", list.x(), list.y())];
    Ok(amounts.into_iter().chain(list.rules().iter().map(CvRule::to_string)).collect())
}

fn data_object_list(value: &[u8]) -> Lines {
    let list = Dol::parse(value).map_err(Error::DataObjectList)?;
    let line = |entry: crate::tlv::DolEntry| {
        let name = dict::find(entry.tag).map_or("unknown", |object| object.name);
        let unit = if entry.length == 1 { "byte" } else { "bytes" };
        format!("{} {name}, {} {unit}", entry.tag, entry.length)
    };
    Ok(list.iter().map(line).collect())
}

fn application_priority(value: &[u8]) -> Lines {
    let priority = ApplicationPriority(exactly::<1>("ApplicationPriority", value)?[0]);
    let confirmation = priority.needs_confirmation().then(|| String::from("only after the cardholder's confirmation"));
    Ok([format!("priority {}", priority.rank())].into_iter().chain(confirmation).collect())
}

fn kernel_identifier(value: &[u8]) -> Lines {
    let Some(first) = value.first().copied().map(KernelType) else {
        return Ok(["the kernel of the AID".into()].into());
    };
    let kind = if first.is_domestic() { "domestic" } else { "international" };
    Ok([format!("{kind} kernel {}", first.short_kernel_id())].into())
}

/// The first two digits of the processing code of ISO 8583:1987.
fn transaction_type(value: &[u8]) -> Lines {
    let name = match exactly("TransactionType", value)? {
        [0x00] => "purchase",
        [0x01] => "cash",
        [0x09] => "purchase with cashback",
        [0x20] => "refund",
        [0x30] | [0x31] => "balance inquiry",
        _ => return Ok(Vec::new()),
    };
    Ok([name.into()].into())
}

/// HHMMSS.
fn transaction_time(value: &[u8]) -> Lines {
    let number = digits::number("TransactionTime", &exactly::<3>("TransactionTime", value)?)?;
    Ok([format!("{:02}:{:02}:{:02}", number / 10_000, number / 100 % 100, number % 100)].into())
}

/// The first two digits of the POS entry mode of ISO 8583:1987.
fn pos_entry_mode(value: &[u8]) -> Lines {
    let name = match exactly("PosEntryMode", value)? {
        [0x01] => "manual",
        [0x02] => "magnetic stripe",
        [0x05] => "chip, by contact",
        [0x07] => "chip, contactless",
        [0x80] => "magnetic stripe, after the chip failed",
        [0x90] => "magnetic stripe, all data",
        [0x91] => "magnetic stripe, contactless",
        _ => return Ok(Vec::new()),
    };
    Ok([name.into()].into())
}

fn cryptogram_information_data(value: &[u8]) -> Lines {
    let cid = CryptogramInformationData::try_from(value)?;
    let mut lines = Vec::from([String::from(cid.cryptogram_type().name())]);
    lines.extend(lines_of(cid));
    lines.extend(cid.reason_name().map(String::from));
    Ok(lines)
}

fn reference_control_parameter(value: &[u8]) -> Lines {
    let parameter = ReferenceControlParameter::try_from(value)?;
    let mut lines = Vec::from([String::from(parameter.cryptogram_type().name())]);
    lines.extend(lines_of(parameter));
    Ok(lines)
}

fn ds_ac_type(value: &[u8]) -> Lines {
    Ok([DsAcType::try_from(value)?.cryptogram_type().name().into()].into())
}

fn mag_stripe_cvm_capability(value: &[u8]) -> Lines {
    let [byte] = exactly("MagStripeCvmCapability", value)?;
    Ok([MagStripeCvmCapability::from_byte(byte).name().into()].into())
}

fn outcome_parameter_set(value: &[u8]) -> Lines {
    let outcome = OutcomeParameterSet::try_from(value)?;
    let mut lines = Vec::from([
        format!("status: {}", outcome.status().name()),
        format!("start: {}", outcome.start().name()),
        format!("CVM: {}", outcome.cvm().name()),
    ]);
    lines.extend(lines_of(outcome));
    lines.extend(outcome.field_off().map(|time| format!("field off for {time} x 100 ms")));
    if outcome.removal_timeout() != 0 {
        lines.push(format!("removal timeout {} x 100 ms", outcome.removal_timeout()));
    }
    Ok(lines)
}

fn error_indication(value: &[u8]) -> Lines {
    let error = ErrorIndication::try_from(value)?;
    let [sw1, sw2] = error.status_word;
    Ok([
        format!("L1: {}", error.l1.name()),
        format!("L2: {}", error.l2.name()),
        format!("L3: {}", error.l3.name()),
        format!("SW12: {sw1:02X}{sw2:02X}"),
        format!("message on error: {:02X}", error.message_on_error),
    ]
    .into())
}

fn user_interface_request(value: &[u8]) -> Lines {
    let request = UserInterfaceRequestData::try_from(value)?;
    let mut lines = Vec::from([
        format!("message: {:02X}", request.message),
        format!("status: {}", request.status.name()),
        format!("hold time: {} x 100 ms", request.hold_time),
    ]);
    if request.value_qualifier != ValueQualifier::None {
        let [high, low] = request.currency_code;
        let name = request.value_qualifier.name();
        lines.push(format!("{name}: {} minor units of currency {high:X}{low:02X}", request.value));
    }
    Ok(lines)
}

/// The tag has 4 bytes everywhere but with Kernel 2, which reads 2 bytes of mag-stripe positions.
fn ttq_or_punatc(value: &[u8]) -> Lines {
    if value.len() == 2 { Ok(Vec::new()) } else { bits::<Ttq>(value) }
}

/// With Kernel 3 the tag has 4 bytes, with Kernel 2 more.
fn form_factor_or_third_party_data(value: &[u8]) -> Lines {
    if value.len() > FormFactorIndicator::LENGTH {
        let data = ThirdPartyData::from_bytes(value)?;
        let [high, low] = data.country_code;
        let device = data.device_type.map(|code| format!("device type {}", code.escape_ascii()));
        return Ok([format!("country {high:X}{low:02X}")].into_iter().chain(device).collect());
    }
    let indicator = FormFactorIndicator::try_from(value)?;
    let mut lines = Vec::new();
    if indicator.version() == FormFactorIndicator::VERSION {
        lines.push(String::from(indicator.form_factor().name()));
        lines.extend(lines_of(indicator));
    }
    lines.push(String::from(indicator.technology().name()));
    Ok(lines)
}

/// With Kernel 3 the tag has 6 bytes, with Kernel 2 it has 3.
fn spending_amount_or_capabilities(value: &[u8]) -> Lines {
    if value.len() != ApplicationCapabilitiesInformation::LENGTH {
        return amount(value);
    }
    let capabilities = ApplicationCapabilitiesInformation::try_from(value)?;
    let mut lines = Vec::from([match capabilities.data_storage_version() {
        0 => String::from("data storage not supported"),
        version => format!("data storage version {version}"),
    }]);
    lines.extend(lines_of(capabilities));
    lines.push(String::from(capabilities.sds_scheme().name()));
    Ok(lines)
}

/// With Kernel 3 the first byte is a version, with Kernel 2 that of a tag.
fn card_authentication_related_data_or_udol(value: &[u8]) -> Lines {
    if value.first() != Some(&CardAuthenticationRelatedData::VERSION) {
        return data_object_list(value);
    }
    let data = CardAuthenticationRelatedData::from_bytes(value)?;
    let mut lines = Vec::from([format!("fDDA version {}", data.version)]);
    lines.extend(data.ctq.into_iter().flat_map(lines_of));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: Tag, value: &[u8]) -> Vec<String> {
        meanings(tag, value).expect("a structure is known").expect("the value is valid")
    }

    #[test]
    fn bits_and_action_codes_say_what_they_mean() {
        assert_eq!(read(dict::TVR, &[0x80, 0, 0, 0, 0]), ["offline data authentication was not performed"]);
        assert_eq!(read(dict::TERMINAL_ACTION_CODE_DENIAL, &[0, 0x40, 0, 0, 0]), ["expired application"]);
        assert!(read(dict::TVR, &[0; 5]).is_empty());
    }

    #[test]
    fn cvm_rules_are_told_in_the_order_of_the_card_s_preference() {
        let list = [0, 0, 0x13, 0x88, 0, 0, 0, 0, 0x42, 0x01, 0x1E, 0x03, 0x1F, 0x06];
        assert_eq!(
            read(dict::CVM_LIST, &list),
            [
                "X = 5000 and Y = 0 minor units",
                "enciphered PIN verified online, if unattended cash; if unsuccessful, the next rule",
                "signature, if the terminal supports it; if unsuccessful, verification fails",
                "no CVM required, if in the application currency and under X; if unsuccessful, verification fails",
            ]
        );
        assert_eq!(read(dict::CVM_RESULTS, &[0x1E, 0x03, 0x00]), ["signature, if the terminal supports it: unknown"]);
        assert_eq!(read(dict::CVM_RESULTS, &[0x3F, 0x00, 0x01]), ["no CVM performed: failed"]);
    }

    #[test]
    fn files_lists_and_terminals_are_told_in_words() {
        assert_eq!(
            read(dict::AFL, &[0x08, 1, 1, 0, 0x10, 2, 4, 2]),
            ["SFI 1, record 1", "SFI 2, records 2 to 4, the first 2 signed"]
        );
        let pdol = [0x9F, 0x66, 0x04, 0x9F, 0x02, 0x06];
        assert_eq!(
            read(dict::PDOL, &pdol),
            ["9F66 Terminal Transaction Qualifiers (TTQ), 4 bytes", "9F02 Amount, Authorised (Numeric), 6 bytes"]
        );
        assert_eq!(read(dict::TERMINAL_TYPE, &[0x22]), ["merchant, attended, offline with online capability"]);
        assert_eq!(read(dict::TERMINAL_TYPE, &[0x14]), ["financial institution, unattended, online only"]);
        assert_eq!(read(dict::KERNEL_IDENTIFIER, &[0x02]), ["international kernel 2"]);
        assert_eq!(read(dict::APPLICATION_PRIORITY_INDICATOR, &[0x01]), ["priority 1"]);
        assert_eq!(read(dict::TRANSACTION_TYPE, &[0x20]), ["refund"]);
        assert_eq!(read(dict::TRANSACTION_TIME, &[0x09, 0x30, 0x05]), ["09:30:05"]);
        assert_eq!(read(dict::POS_ENTRY_MODE, &[0x07]), ["chip, contactless"]);
        assert_eq!(read(dict::CRYPTOGRAM_INFORMATION_DATA, &[0x81]), ["ARQC", "service not allowed"]);
    }

    #[test]
    fn a_tag_that_kernels_share_is_read_by_its_length() {
        assert_eq!(
            read(dict::FORM_FACTOR_INDICATOR, &[0x23, 0x80, 0x00, 0x00])[..2],
            ["consumer mobile phone", "passcode capable"]
        );
        assert_eq!(read(dict::THIRD_PARTY_DATA, b"\x08\x26\x00\x0002\x00"), ["country 826", "device type 02"]);
        assert_eq!(read(dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT, &[0, 0, 0, 0, 0x12, 0x34]), ["1234 minor units"]);
        assert_eq!(read(dict::UDOL, &[0x9F, 0x6A, 0x04]), ["9F6A Unpredictable Number (Numeric), 4 bytes"]);
        assert_eq!(
            read(dict::CARD_AUTHENTICATION_RELATED_DATA, &[0x01, 1, 2, 3, 4, 0x80, 0x00]),
            ["fDDA version 1", "online PIN required"]
        );
    }

    #[test]
    fn no_line_shows_more_of_an_account_number_than_six_and_four_digits() {
        let track = [0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19, 0xD2, 0x81, 0x22, 0x01, 0x11, 0x43, 0x80];
        assert_eq!(read(dict::TRACK_2_EQUIVALENT_DATA, &track), ["PAN 476173******0119", "expires 2028-12"]);
        assert_eq!(read(dict::PAN, &track[..8]), ["476173******0119"]);
    }

    #[test]
    fn what_cannot_be_is_an_error_and_what_is_not_known_is_nothing() {
        assert!(meanings(dict::TVR, &[0; 4]).expect("a structure is known").is_err());
        assert!(meanings(dict::TRANSACTION_DATE, &[0x26, 0x02, 0x30]).expect("a structure is known").is_err());
        assert_eq!(meanings(dict::APPLICATION_CRYPTOGRAM, &[0; 8]), None);
    }

    #[test]
    fn no_value_of_any_length_makes_a_reading_panic() {
        for (_, read) in READINGS {
            for length in 0..=40 {
                for byte in [0x00, 0x01, 0x1F, 0x5D, 0x80, 0x9F, 0xD2, 0xFF] {
                    let _ = read(&[byte; 40][..length]);
                }
            }
        }
    }

    #[test]
    fn each_tag_is_read_in_one_way() {
        for (index, (tag, _)) in READINGS.iter().enumerate() {
            assert!(READINGS[..index].iter().all(|(earlier, _)| earlier != tag), "{tag}");
        }
    }
}
