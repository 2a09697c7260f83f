//! Offline Data Authentication (Book C-3, 5.6 and Annex C).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Aip, CryptogramType, Ctq, Ttq};
use crate::kernel::shared::icc_key;
use crate::kernel::{Event, OdaMethod};
use crate::oda::{self, FastDynamicData, FddaUse};
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
    let mut static_data = context.static_data.clone();
    static_data.add_tag_list(object(dict::SDA_TAG_LIST), context.aip())?;
    let icc_key = icc_key(&context.database, &context.profile, context.rid, &static_data, context.transaction.date)?;

    let data = FastDynamicData {
        unpredictable_number: object(dict::UNPREDICTABLE_NUMBER).try_into().map_err(|_| oda::Fault::HashMismatch)?,
        amount_authorised: context.transaction.amount_authorised.unwrap_or_default().to_bcd(),
        transaction_currency_code: context.transaction.currency,
        card_authentication_related_data: object(dict::CARD_AUTHENTICATION_RELATED_DATA),
    };
    oda::verify_fast_dynamic(&icc_key, object(dict::SIGNED_DYNAMIC_APPLICATION_DATA), &data, purpose).map(|_| ())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::Options;
    use super::super::testing::context;
    use super::*;
    use crate::fields::Bit;
    use crate::kernel::Output;

    /// The methods and results that were written down.
    fn results(context: &Context) -> Vec<Result<(), oda::Fault>> {
        let result = |output: &Output| match output {
            Output::Record(Event::OfflineDataAuthentication { method: OdaMethod::Fdda, result }) => Some(*result),
            _ => None,
        };
        context.outputs.iter().filter_map(result).collect()
    }

    fn signed(context: Context) -> Context {
        context
            .given(dict::AIP, Aip::default().with(Aip::DDA_SUPPORTED).as_bytes())
            .given(dict::CA_PUBLIC_KEY_INDEX, &[0xC1])
            .given(dict::PAN, &[0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19])
            .given(dict::SIGNED_DYNAMIC_APPLICATION_DATA, &[1; 128])
    }

    #[test]
    fn where_it_fails_the_card_prefers_online_then_its_contacts_then_nothing() {
        let (online, contacts) = (Ctq::GO_ONLINE_IF_ODA_FAILS, Ctq::SWITCH_INTERFACE_IF_ODA_FAILS);
        let (offline_only, chip) = (Ttq::OFFLINE_ONLY_READER, Ttq::EMV_CONTACT_CHIP_SUPPORTED);
        type Case<'a, T> = (&'a [Bit<Ctq>], &'a [Bit<Ttq>], T);
        let cases: [Case<'_, _>; 7] = [
            (&[online], &[], Ok((true, false))),
            (&[online, contacts], &[chip], Ok((true, false))),
            (&[online], &[offline_only, chip], Ok((false, true))),
            (&[online, contacts], &[offline_only, chip], Err(Fault::ContactChipPreferred)),
            (&[contacts], &[chip], Err(Fault::ContactChipPreferred)),
            (&[contacts], &[], Ok((false, true))),
            (&[], &[chip], Ok((false, true))),
        ];
        for (ctq, ttq, expected) in cases {
            let mut context = context(ttq).with_cryptogram(CryptogramType::Tc).with_ctq(ctq);
            assert_eq!(authenticate(&mut context).map(|()| context.indicators()), expected);
            assert_eq!(results(&context), [Err(oda::Fault::MissingSignature)]);
        }
    }

    #[test]
    fn a_card_without_ctq_prefers_nothing() {
        let mut context = context(&[Ttq::EMV_CONTACT_CHIP_SUPPORTED]).with_cryptogram(CryptogramType::Tc);
        assert_eq!(authenticate(&mut context), Ok(()));
        assert_eq!(context.indicators(), (false, true));
    }

    #[test]
    fn the_first_thing_that_is_missing_is_named() {
        let whole = || signed(context(&[]).with_cryptogram(CryptogramType::Tc));
        let mut broken_record = whole();
        broken_record.static_data_complete = false;
        for (mut context, fault) in [
            (whole(), oda::Fault::CaKeyNotFound),
            (whole().given(dict::AIP, &[0x00, 0x00]), oda::Fault::MissingSignature),
            (whole().given(dict::SIGNED_DYNAMIC_APPLICATION_DATA, &[]), oda::Fault::MissingSignature),
            (whole().given(dict::CA_PUBLIC_KEY_INDEX, &[]), oda::Fault::CaKeyNotFound),
            (whole().given(dict::PAN, &[]), oda::Fault::PanMismatch),
            (broken_record, oda::Fault::StaticRecord),
        ] {
            authenticate(&mut context).unwrap();
            assert_eq!(results(&context), [Err(fault)]);
        }
    }

    #[test]
    fn what_goes_online_is_verified_at_special_purpose_readers_only_and_without_consequence() {
        let enabled = Options { fdda_for_online: true, ..Options::default() };
        let verified = |options, cryptogram_type| {
            let mut context = signed(context(&[])).with_cryptogram(cryptogram_type).with_options(options);
            context.online_required = true;
            authenticate(&mut context).unwrap();
            assert_eq!(context.indicators(), (true, false));
            results(&context).len()
        };
        assert_eq!(verified(enabled, CryptogramType::Arqc), 1);
        assert_eq!(verified(enabled, CryptogramType::Tc), 0);
        assert_eq!(verified(Options::default(), CryptogramType::Arqc), 0);
    }

    #[test]
    fn what_is_declined_is_not_verified() {
        let mut context = signed(context(&[])).with_cryptogram(CryptogramType::Aac);
        context.decline_required = true;
        authenticate(&mut context).unwrap();
        assert_eq!(results(&context), []);
    }
}
