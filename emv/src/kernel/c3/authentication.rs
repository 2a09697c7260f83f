//! Offline Data Authentication (Book C-3, 5.6 and Annex C).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Aip, CryptogramType, Ctq, Pan, Ttq};
use crate::kernel::{Event, OdaMethod};
use crate::oda::{self, EncodedCertificate, FastDynamicData, FddaUse};
use crate::tlv::Tag;

/// fDDA, where the card has approved (5.6.1), or asks to go online at a special purpose reader
/// (5.6.2).
pub(super) fn authenticate(context: &mut Context) -> Result<(), Fault> {
    if !context.online_required && !context.decline_required {
        if verify(FddaUse::OfflineApproval, context).is_err() {
            return failed(context);
        }
    } else if context.online_required && !context.decline_required {
        let signed = context.database.value(dict::SIGNED_DYNAMIC_APPLICATION_DATA).is_some();
        let enabled = context.configuration.options.fdda_for_online;
        if enabled && signed && context.cryptogram_type() == CryptogramType::Arqc {
            // The result is the reader's to use; the book gives it no consequence.
            let _ = verify(FddaUse::Online, context);
        }
    }
    Ok(())
}

/// 5.6.1.2: what the card prefers where it can't be authenticated.
fn failed(context: &mut Context) -> Result<(), Fault> {
    let wants = |bit| context.ctq().is_some_and(|ctq| ctq.has(bit));
    if wants(Ctq::GO_ONLINE_IF_ODA_FAILS) && context.is_online_capable() {
        context.online_required = true;
    } else if wants(Ctq::SWITCH_INTERFACE_IF_ODA_FAILS) && context.ttq.has(Ttq::EMV_CONTACT_CHIP_SUPPORTED) {
        return Err(Fault::ContactChipPreferred);
    } else {
        context.decline_required = true;
    }
    Ok(())
}

fn verify(purpose: FddaUse, context: &mut Context) -> Result<(), oda::Fault> {
    let result = verify_chain(purpose, context);
    context.record(Event::OfflineDataAuthentication { method: OdaMethod::Fdda, result });
    result
}

/// The chain of keys, then the signature.
fn verify_chain(purpose: FddaUse, context: &Context) -> Result<(), oda::Fault> {
    let object = |tag: Tag| context.database.value(tag).unwrap_or_default();
    if !context.aip().has(Aip::DDA_SUPPORTED) || object(dict::SIGNED_DYNAMIC_APPLICATION_DATA).is_empty() {
        return Err(oda::Fault::MissingSignature);
    }
    if !context.static_data_complete {
        return Err(oda::Fault::StaticRecord);
    }
    let rid = object(dict::DF_NAME).first_chunk::<5>().copied().ok_or(oda::Fault::CaKeyNotFound)?;
    let &[index] = object(dict::CA_PUBLIC_KEY_INDEX) else { return Err(oda::Fault::CaKeyNotFound) };
    let date = context.transaction.date;
    let pan = Pan::from_cn(object(dict::PAN)).map_err(|_| oda::Fault::PanMismatch)?;

    let ca_key = context.profile.ca_keys.usable(rid, index, date)?;
    let issuer_certificate = EncodedCertificate {
        certificate: object(dict::ISSUER_PUBLIC_KEY_CERTIFICATE),
        remainder: object(dict::ISSUER_PUBLIC_KEY_REMAINDER),
        exponent: object(dict::ISSUER_PUBLIC_KEY_EXPONENT),
    };
    let issuer_key = oda::recover_issuer_key(ca_key, issuer_certificate, &pan, date, &context.profile.revoked)?;
    let icc_certificate = EncodedCertificate {
        certificate: object(dict::ICC_PUBLIC_KEY_CERTIFICATE),
        remainder: object(dict::ICC_PUBLIC_KEY_REMAINDER),
        exponent: object(dict::ICC_PUBLIC_KEY_EXPONENT),
    };
    let mut static_data = context.static_data.clone();
    static_data.add_tag_list(object(dict::SDA_TAG_LIST), context.aip())?;
    let icc_key = oda::recover_icc_key(&issuer_key, icc_certificate, &static_data, &pan, date)?;

    let data = FastDynamicData {
        unpredictable_number: object(dict::UNPREDICTABLE_NUMBER).try_into().map_err(|_| oda::Fault::HashMismatch)?,
        amount_authorised: context.transaction.amount_authorised.unwrap_or_default().to_bcd(),
        transaction_currency_code: context.transaction.currency,
        card_authentication_related_data: object(dict::CARD_AUTHENTICATION_RELATED_DATA),
    };
    oda::verify_fast_dynamic(&icc_key, object(dict::SIGNED_DYNAMIC_APPLICATION_DATA), &data, purpose).map(|_| ())
}
