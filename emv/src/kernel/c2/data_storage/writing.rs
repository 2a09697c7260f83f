//! Which cryptogram the card is asked for where the terminal has data to store, and what goes with it
//! (Book C-2, GAC.3 to GAC.13, GAC.40 to GAC.48).

use super::digest::Owner;
use super::{Version, set_status, status, version};
use crate::dict;
use crate::fields::CryptogramType;
use crate::fields::c2::{DsAcType, DsOdsInfo, DsOdsInfoForReader, DsSlotManagementControl, IdsStatus};
use crate::kernel::c2::Fault;
use crate::kernel::c2::context::Context;
use crate::tlv::{Dol, DolData};

/// What becomes of the terminal's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel::c2) enum Writing {
    /// Nothing is written.
    Nothing,
    /// They are written, and this cryptogram is asked for.
    Data(CryptogramType),
}

impl Writing {
    /// Decides it: the terminal says for which cryptograms its data are meant.
    //= C-2 GAC.3-6, GAC.7-8, GAC.9-13
    pub(in crate::kernel::c2) fn decide(asked_for: CryptogramType, context: &Context) -> Result<Self, Fault> {
        if context.database.value(dict::DS_ODS_INFO).is_none() || context.database.value(dict::DSDOL).is_none() {
            return Ok(Writing::Nothing);
        }
        let meant_for = context.read::<DsAcType>(dict::DS_AC_TYPE).and_then(Result::ok);
        let info = context.read::<DsOdsInfoForReader>(dict::DS_ODS_INFO_FOR_READER).and_then(Result::ok);
        let (meant_for, info) = meant_for.zip(info).ok_or(Fault::DsDataMissing)?;
        match choose(asked_for, meant_for.cryptogram_type(), info) {
            Some(cryptogram) => Ok(Writing::Data(cryptogram)),
            None if info.has(DsOdsInfoForReader::STOP_IF_NO_DS_ODS_TERM) => Err(Fault::DsNoMatchingCryptogram),
            None => Ok(Writing::Nothing),
        }
    }
}

/// The cryptogram that is asked for with the data, if there is one that they can go with: the one they
/// are meant for, where that is no more than was asked for; or the one that was asked for, where they
/// can be used with it too.
fn choose(asked_for: CryptogramType, meant_for: CryptogramType, info: DsOdsInfoForReader) -> Option<CryptogramType> {
    use CryptogramType::{Aac, Arqc, Tc};
    match (meant_for, asked_for) {
        (Aac, _) | (Arqc, Tc) => Some(meant_for),
        _ if meant_for == asked_for => Some(meant_for),
        (_, Aac) if info.has(DsOdsInfoForReader::USABLE_FOR_AAC) => Some(Aac),
        (_, Arqc) if info.has(DsOdsInfoForReader::USABLE_FOR_ARQC) => Some(Arqc),
        _ => None,
    }
}

/// The data that go with GENERATE AC behind those of CDOL1: what DSDOL asks for.
//= C-2 GAC.40-44, GAC.45-48
pub(in crate::kernel::c2) fn data_to_write(context: &mut Context) -> Result<DolData, Fault> {
    let dsdol = Dol::parse(context.database.value(dict::DSDOL).unwrap_or_default());
    let asks_for_digest = dsdol.map_err(|_| Fault::CardListMalformed)?.asks_for(dict::DS_DIGEST_H);
    if let Some(digest) = asks_for_digest.then(|| digest(context)).flatten() {
        context.database.set(dict::DS_DIGEST_H, &digest);
    }
    let dsdol = Dol::parse(context.database.value(dict::DSDOL).unwrap_or_default());
    let dsdol = dsdol.map_err(|_| Fault::CardListMalformed)?;
    Ok(dsdol.build_open_ended(|tag| context.database.get(tag)))
}

/// The card is given the data with the command that follows.
//= C-2 GAC.45-48
pub(in crate::kernel::c2) fn note_writing(context: &mut Context) {
    set_status(status(&context.database).with(IdsStatus::WRITE), context);
}

/// DS Digest H of DS Input (Term), where the terminal gave one.
fn digest(context: &Context) -> Option<[u8; 8]> {
    let input = context.database.value(dict::DS_INPUT_TERM)?.try_into().ok()?;
    let owner = Owner { ds_id: context.database.value(dict::DS_ID)?, operator: operator(context)? };
    match version(context)? {
        Version::One => Some(owner.owhf2(input)),
        Version::Two => Some(owner.owhf2aes(input)),
    }
}

/// The object identifier: that of the operator, but for data that leave a permanent slot for a volatile
/// one.
//= C-2 8.2, 8.3
fn operator(context: &Context) -> Option<[u8; 8]> {
    let slot = context.read::<DsSlotManagementControl>(dict::DS_SLOT_MANAGEMENT_CONTROL).and_then(Result::ok);
    let info = context.read::<DsOdsInfo>(dict::DS_ODS_INFO).and_then(Result::ok);
    let was_permanent = slot.is_some_and(|slot| slot.has(DsSlotManagementControl::PERMANENT_SLOT_TYPE));
    let becomes_volatile = info.is_some_and(|info| info.has(DsOdsInfo::VOLATILE_SLOT_TYPE));
    if was_permanent && becomes_volatile {
        return Some([0; 8]);
    }
    context.database.value(dict::DS_REQUESTED_OPERATOR_ID)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-2 GAC.7-8, GAC.9-13
    #[test]
    fn data_go_with_what_they_are_meant_for_or_may_be_used_with() {
        use CryptogramType::{Aac, Arqc, Tc};
        let usable = |bits: &[crate::fields::Bit<DsOdsInfoForReader>]| {
            bits.iter().fold(DsOdsInfoForReader::default(), |info, bit| info.with(*bit))
        };
        let none = usable(&[]);
        let all = usable(&[DsOdsInfoForReader::USABLE_FOR_AAC, DsOdsInfoForReader::USABLE_FOR_ARQC]);
        for (meant_for, asked_for, with_none, with_all) in [
            (Aac, Aac, Some(Aac), Some(Aac)),
            (Aac, Arqc, Some(Aac), Some(Aac)),
            (Aac, Tc, Some(Aac), Some(Aac)),
            (Arqc, Aac, None, Some(Aac)),
            (Arqc, Arqc, Some(Arqc), Some(Arqc)),
            (Arqc, Tc, Some(Arqc), Some(Arqc)),
            (Tc, Aac, None, Some(Aac)),
            (Tc, Arqc, None, Some(Arqc)),
            (Tc, Tc, Some(Tc), Some(Tc)),
        ] {
            assert_eq!(choose(asked_for, meant_for, none), with_none, "{meant_for:?} {asked_for:?}");
            assert_eq!(choose(asked_for, meant_for, all), with_all, "{meant_for:?} {asked_for:?}");
        }
        let other = usable(&[DsOdsInfoForReader::USABLE_FOR_AAC]);
        assert_eq!(choose(Arqc, Tc, other), None);
        let other = usable(&[DsOdsInfoForReader::USABLE_FOR_ARQC, DsOdsInfoForReader::USABLE_FOR_TC]);
        assert_eq!(choose(Aac, Tc, other), None);
    }
}
