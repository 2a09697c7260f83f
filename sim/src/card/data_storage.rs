//! Integrated data storage: a slot in which whoever runs a system of terminals keeps data of its own, such as a
//! ticket. It is read with GET PROCESSING OPTIONS and written with GENERATE AC (EMV Contactless Book C-2, S3R1.10,
//! GAC.40, S910.8 and Annex A).

use emv::dict;
use emv::fields::c2::{ApplicationCapabilitiesInformation, DsOdsInfo, DsSlotAvailability, DsSlotManagementControl};
use emv::tlv::Writer;

use super::data;
use super::dol::{self, Values};
use super::issued::Issued;
use crate::crypto::{Padding, owhf2};

/// What the card asks the terminal for with GET PROCESSING OPTIONS: whose data it wants.
pub(super) const PDOL: dol::List = &[(dict::DS_REQUESTED_OPERATOR_ID, 8), (dict::DSVN_TERM, 1)];

/// What the card asks the terminal for with GENERATE AC, behind the data of CDOL1, if the terminal has something to
/// store. The last value may be shorter.
pub(super) const DSDOL: dol::List =
    &[(dict::DS_INPUT_CARD, 8), (dict::DS_DIGEST_H, 8), (dict::DS_ODS_INFO, 1), (dict::DS_ODS_TERM, 160)];

/// Version 1: summaries of 8 bytes, and digests with DES. The card signs refusals too, whose summaries count as well.
pub(super) fn capabilities() -> ApplicationCapabilitiesInformation {
    ApplicationCapabilitiesInformation::from_bytes([0x01, 0x00, 0x00])
        .with(ApplicationCapabilitiesInformation::CDA_OVER_TC_ARQC_AND_AAC)
}

/// Who is told of the slot and may write it in one transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator([u8; 8]);

impl Operator {
    /// The operator that the terminal names; nothing where the card doesn't ask for it, or the terminal knows nothing
    /// of data storage, and so sends zeros.
    pub(super) fn named(terminal: Values<'_>) -> Option<Self> {
        let id = terminal.find(dict::DS_REQUESTED_OPERATOR_ID)?.try_into().ok()?;
        (id != [0; 8]).then_some(Operator(id))
    }
}

/// The card's one slot, and what it holds if it was ever written.
#[derive(Clone, Default)]
pub(super) struct Storage(Option<Slot>);

#[derive(Clone)]
struct Slot {
    operator: Operator,
    /// Of which type the operator wanted the slot.
    info: DsOdsInfo,
    /// OWHF2 of what the operator shows to write a permanent slot once more.
    digest: [u8; 8],
    data: Vec<u8>,
    /// The transaction that wrote it: the same data written again are something new.
    atc: [u8; 2],
}

/// What became of the slot in a transaction.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    /// DS Summary 2 and 3: before the cryptogram, and after it.
    pub(super) summaries: [[u8; 8]; 2],
    /// Nothing could be stored, and the terminal wants no payment then.
    pub(super) must_decline: bool,
}

impl Storage {
    /// Tells an operator of the slot: what it holds, or that it has room; nothing where it is kept for somebody else.
    /// Whether there was something to tell.
    pub(super) fn describe(&self, operator: Operator, card: &Issued, atc: [u8; 2], response: &mut Writer) -> bool {
        match &self.0 {
            Some(slot) if slot.operator == operator => {
                response.put(dict::DS_ODS_CARD, &slot.data);
                response.put(dict::DS_SLOT_MANAGEMENT_CONTROL, slot.control().as_bytes());
            }
            Some(slot) if slot.is_permanent() => return false,
            _ => {
                let availability = DsSlotAvailability::default()
                    .with(DsSlotAvailability::PERMANENT_SLOT_TYPE)
                    .with(DsSlotAvailability::VOLATILE_SLOT_TYPE);
                response.put(dict::DS_SLOT_AVAILABILITY, availability.as_bytes());
            }
        }
        let [a, b, c, d, ..] = operator.0;
        response.put(dict::DS_SUMMARY_1, &self.summary(card));
        response.put(dict::DS_UNPREDICTABLE_NUMBER, &card.device_entropy([a, b, c, d], atc));
        true
    }

    /// Stores what the terminal sent for the DSDOL, if it sent anything and may write the slot.
    pub(super) fn store(
        &mut self,
        operator: Operator,
        card: &Issued,
        atc: [u8; 2],
        terminal: Option<Values<'_>>,
    ) -> Stored {
        let before = self.summary(card);
        let must_decline = terminal.is_some_and(|terminal| {
            let info = DsOdsInfo::from_bytes(terminal.array(dict::DS_ODS_INFO));
            let is_allowed = self.is_open_to(operator, card, terminal.array(dict::DS_INPUT_CARD));
            if is_allowed {
                let data = terminal.find(dict::DS_ODS_TERM).unwrap_or_default().to_vec();
                self.0 = Some(Slot { operator, info, digest: terminal.array(dict::DS_DIGEST_H), data, atc });
            }
            !is_allowed && info.has(DsOdsInfo::DECLINE_ON_DATA_STORAGE_ERROR)
        });
        Stored { summaries: [before, self.summary(card)], must_decline }
    }

    /// Whether an operator may write the slot: a permanent one belongs to whoever has the input of its digest.
    fn is_open_to(&self, operator: Operator, card: &Issued, input: [u8; 8]) -> bool {
        let Some(slot) = self.0.as_ref().filter(|slot| slot.is_permanent()) else { return true };
        let ds_id = data::ds_id(&card.application.table);
        slot.operator == operator && slot.digest == owhf2(&ds_id, operator.0, input)
    }

    /// DS Summary: other bytes for each state of the slot. A kernel compares them; how they are made is the card's.
    fn summary(&self, card: &Issued) -> [u8; 8] {
        let state = self.0.as_ref().map_or_else(Vec::new, |Slot { operator, info, digest, data, atc }| {
            [&operator.0[..], info.as_bytes(), digest, atc, data].concat()
        });
        card.master_key.mac(&state, Padding::Marked)
    }
}

impl Slot {
    fn is_permanent(&self) -> bool {
        self.info.has(DsOdsInfo::PERMANENT_SLOT_TYPE)
    }

    fn control(&self) -> DsSlotManagementControl {
        let mut control = DsSlotManagementControl::default();
        control.put(DsSlotManagementControl::PERMANENT_SLOT_TYPE, self.is_permanent());
        control.put(DsSlotManagementControl::VOLATILE_SLOT_TYPE, !self.is_permanent());
        control.put(DsSlotManagementControl::LOW_VOLATILITY, self.info.has(DsOdsInfo::LOW_VOLATILITY));
        control
    }
}
