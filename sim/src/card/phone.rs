//! A phone, which verifies its holder itself, and asks to be looked at where it has not (EMV Contactless Book C-2,
//! S910.71).

use emv::fields::c2::PosCardholderInteractionInformation;

use super::personality::ApplicationTable;

/// Whether the card has verified its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The card verifies nobody.
    Unknown,
    /// The phone is yet to ask its holder.
    Unverified,
    /// The phone asks; when it is presented again the holder has answered.
    Asked,
    /// The phone has verified its holder.
    Verified,
}

impl Holder {
    /// The holder of a new card.
    pub(super) fn of(table: &ApplicationTable) -> Self {
        match (table.on_device_cvm, table.see_phone) {
            (true, true) => Holder::Unverified,
            (true, false) => Holder::Verified,
            (false, _) => Holder::Unknown,
        }
    }

    /// The card enters the field.
    pub(super) fn present(&mut self) {
        if *self == Holder::Asked {
            *self = Holder::Verified;
        }
    }

    /// The card has told the terminal that its holder must act.
    pub(super) fn ask(&mut self) {
        if *self == Holder::Unverified {
            *self = Holder::Asked;
        }
    }

    /// Whether nothing can be paid before the holder has acted.
    pub(super) fn must_act(self) -> bool {
        matches!(self, Holder::Unverified | Holder::Asked)
    }

    /// What the card tells the terminal of its holder, if it is a phone.
    pub(super) fn interaction(self) -> Option<PosCardholderInteractionInformation> {
        let bit = match self {
            Holder::Unknown => return None,
            Holder::Unverified | Holder::Asked => PosCardholderInteractionInformation::OD_CVM_REQUIRED,
            Holder::Verified => PosCardholderInteractionInformation::OD_CVM_SUCCESSFUL,
        };
        Some(PosCardholderInteractionInformation::default().with(bit))
    }
}
