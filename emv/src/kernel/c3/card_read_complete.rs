//! Card Read Complete (Book C-3, 5.4), and what follows without the card.

use super::context::Context;
use super::{Fault, State, authentication, completion, restrictions, verification};
use crate::dict::{self, Book};
use crate::fields::c3::IssuerApplicationData;
use crate::fields::{CryptogramInformationData, CryptogramType, Pan, Track2, Ttq};
use crate::kernel::{MessageId, Status, UiRequest};
use crate::tlv::Tag;

/// What every card gives (Book C-3, A.2).
const MANDATORY: &[Tag] = &[
    dict::APPLICATION_CRYPTOGRAM,
    dict::AIP,
    dict::ATC,
    dict::ISSUER_APPLICATION_DATA,
    dict::PDOL,
    dict::TRACK_2_EQUIVALENT_DATA,
];

/// From here on the kernel decides alone.
pub(super) fn complete(context: &mut Context) -> Result<State, Fault> {
    // 5.4.1.1
    context.show(UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully));
    check_data(context)?;
    dispose(context);
    restrictions::check(context)?;
    authentication::authenticate(context)?;
    verification::select_cvm(context);
    Ok(completion::complete(context))
}

/// 5.4.2.1, 4.1.1.4 and, for the PAN, A.2.
fn check_data(context: &Context) -> Result<(), Fault> {
    if MANDATORY.iter().any(|tag| context.database.value(*tag).is_none()) {
        return Err(Fault::MandatoryDataMissing);
    }
    for &tag in &context.card_data {
        let (value, known) = (context.database.value(tag), dict::find_in(Book::C3, tag));
        if let (Some(value), Some(known)) = (value, known)
            && !(known.length.0..=known.length.1).contains(&value.len())
        {
            return Err(Fault::DataMalformed);
        }
    }
    let track2 = context.database.value(dict::TRACK_2_EQUIVALENT_DATA).unwrap_or_default();
    let track2 = Track2::try_from(track2).map_err(|_| Fault::DataMalformed)?;
    match context.database.value(dict::PAN).map(Pan::from_cn) {
        None => Ok(()),
        Some(Ok(pan)) if pan == *track2.pan() => Ok(()),
        Some(Ok(_)) => Err(Fault::PanMismatch),
        Some(Err(_)) => Err(Fault::DataMalformed),
    }
}

/// 5.4.3: what the card has decided.
fn dispose(context: &mut Context) {
    if context.database.value(dict::CRYPTOGRAM_INFORMATION_DATA).is_none() {
        let cid = cid_of_issuer_application_data(context);
        context.database.set(dict::CRYPTOGRAM_INFORMATION_DATA, cid.as_bytes());
    }
    match context.cryptogram_type() {
        CryptogramType::Tc => {}
        CryptogramType::Arqc => context.online_required = true,
        CryptogramType::Aac | CryptogramType::Rfu => context.decline_required = true,
    }
    if context.ttq.has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED) {
        context.online_required = true;
    }
}

/// 5.4.3.1: byte 5 of the Issuer Application Data tells the type where there is no CID. Data of fewer
/// bytes tell none.
fn cid_of_issuer_application_data(context: &Context) -> CryptogramInformationData {
    let data = context.database.value(dict::ISSUER_APPLICATION_DATA).unwrap_or_default();
    let cryptogram_type =
        IssuerApplicationData::from_bytes(data).map_or(CryptogramType::Rfu, IssuerApplicationData::cryptogram_type);
    CryptogramInformationData::new(cryptogram_type)
}
