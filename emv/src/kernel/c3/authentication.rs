//! Offline Data Authentication (Book C-3, 5.6 and Annex C).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Aip, CryptogramType, Ctq, Ttq};
use crate::kernel::shared::{icc_key, issuer_key};
use crate::kernel::{Event, OdaMethod};
use crate::oda::{self, FastDynamicData, FddaUse, StaticData};
use crate::tlv::Tag;

/// Authenticates a card that has approved, and at special purpose readers one that asks to go online.
//= C-3 5.6.1.1
pub(super) fn authenticate(context: &mut Context) -> Result<(), Fault> {
    if context.decline_required {
        return Ok(());
    }
    if context.online_required {
        if context.cryptogram_type() == CryptogramType::Arqc {
            authenticate_for_online(context);
        }
        return Ok(());
    }
    match verify(FddaUse::OfflineApproval, context) {
        Ok(()) => Ok(()),
        Err(_) => failed(context),
    }
}

/// The result is the reader's to use; the book gives it no consequence. With 2.10 it dropped SDA, which
/// such readers may still need.
//= C-3 5.6.2.1, 5.6.2.2
fn authenticate_for_online(context: &mut Context) {
    let options = context.configuration.options;
    let signed = |tag| context.database.value(tag).is_some();
    if signed(dict::SIGNED_DYNAMIC_APPLICATION_DATA) {
        if options.fdda_for_online {
            let _ = verify(FddaUse::Online, context);
        }
    } else if options.sda_for_online
        && signed(dict::SIGNED_STATIC_APPLICATION_DATA)
        && context.aip().has(Aip::SDA_SUPPORTED)
    {
        let result = verify_static(context);
        context.record(Event::OfflineDataAuthentication { method: OdaMethod::Sda, result });
    }
}

/// What the card prefers where it can't be authenticated.
//= C-3 5.6.1.2
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

/// SDA (EMV Book 2, 5).
fn verify_static(context: &Context) -> Result<(), oda::Fault> {
    let static_data = static_data(context)?;
    let issuer_key = issuer_key(&context.database, &context.profile, context.rid, context.transaction.date)?;
    let signed = context.database.value(dict::SIGNED_STATIC_APPLICATION_DATA).unwrap_or_default();
    oda::verify_static(&issuer_key, signed, &static_data).map(|_| ())
}

/// The records that are to be authenticated, and what the SDA Tag List adds.
fn static_data(context: &Context) -> Result<StaticData, oda::Fault> {
    if !context.static_data_complete {
        return Err(oda::Fault::StaticRecord);
    }
    let mut static_data = context.static_data.clone();
    static_data.add_tag_list(context.database.value(dict::SDA_TAG_LIST).unwrap_or_default(), context.aip())?;
    Ok(static_data)
}

/// fDDA: the chain of keys, then the signature.
//= C-3 C.1
fn verify_chain(purpose: FddaUse, context: &Context) -> Result<(), oda::Fault> {
    let object = |tag: Tag| context.database.value(tag).unwrap_or_default();
    if !context.aip().has(Aip::DDA_SUPPORTED) || object(dict::SIGNED_DYNAMIC_APPLICATION_DATA).is_empty() {
        return Err(oda::Fault::MissingSignature);
    }
    let static_data = static_data(context)?;
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

    /// The results of a method that were written down.
    fn results_of(wanted: OdaMethod, context: &Context) -> Vec<Result<(), oda::Fault>> {
        let result = |output: &Output| match output {
            Output::Record(Event::OfflineDataAuthentication { method, result }) if *method == wanted => Some(*result),
            _ => None,
        };
        context.outputs.iter().filter_map(result).collect()
    }

    fn results(context: &Context) -> Vec<Result<(), oda::Fault>> {
        results_of(OdaMethod::Fdda, context)
    }

    fn signed(context: Context) -> Context {
        context
            .given(dict::AIP, Aip::default().with(Aip::DDA_SUPPORTED).as_bytes())
            .given(dict::CA_PUBLIC_KEY_INDEX, &[0xC1])
            .given(dict::PAN, &[0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19])
            .given(dict::SIGNED_DYNAMIC_APPLICATION_DATA, &[1; 128])
    }

    //= test C-3 5.6.1.2
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

    //= test C-3 5.6.1.2
    #[test]
    fn a_card_without_ctq_prefers_nothing() {
        let mut context = context(&[Ttq::EMV_CONTACT_CHIP_SUPPORTED]).with_cryptogram(CryptogramType::Tc);
        assert_eq!(authenticate(&mut context), Ok(()));
        assert_eq!(context.indicators(), (false, true));
    }

    //= test C-3 C.1
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

    //= test C-3 5.6.2.1
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

    //= test C-3 5.6.2.2
    #[test]
    fn a_card_without_a_dynamic_signature_may_have_its_static_one_verified() {
        let sda = Options { sda_for_online: true, ..Options::default() };
        let both = Options { fdda_for_online: true, ..sda };
        let signed = |tag: Tag, aip: Aip, options, cryptogram_type| {
            let mut context = context(&[])
                .given(dict::AIP, aip.as_bytes())
                .given(tag, &[1; 128])
                .with_cryptogram(cryptogram_type)
                .with_options(options);
            context.online_required = true;
            authenticate(&mut context).unwrap();
            assert_eq!(context.indicators(), (true, false));
            results_of(OdaMethod::Sda, &context)
        };
        let (supported, arqc) = (Aip::default().with(Aip::SDA_SUPPORTED), CryptogramType::Arqc);
        let (of_static, of_dynamic) = (dict::SIGNED_STATIC_APPLICATION_DATA, dict::SIGNED_DYNAMIC_APPLICATION_DATA);
        for options in [sda, both] {
            assert_eq!(signed(of_static, supported, options, arqc), [Err(oda::Fault::CaKeyNotFound)]);
        }
        assert_eq!(signed(of_static, supported, Options::default(), arqc), []);
        assert_eq!(signed(of_static, supported, sda, CryptogramType::Tc), []);
        assert_eq!(signed(of_static, Aip::default(), sda, arqc), []);
        assert_eq!(signed(of_dynamic, supported, both, arqc), []);
    }

    //= test C-3 5.6.1.1
    #[test]
    fn what_is_declined_is_not_verified() {
        let mut context = signed(context(&[])).with_cryptogram(CryptogramType::Aac);
        context.decline_required = true;
        authenticate(&mut context).unwrap();
        assert_eq!(results(&context), []);
    }
}
