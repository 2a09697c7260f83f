//! Layouts: which fields a message has, and what stands in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::super::message::Mti;
use super::{Composition, Element};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// May this be sold? Clearing follows by other means.
    Authorisation,
    /// May this be sold? If so, it is posted.
    Financial,
    /// May this be given back? Where a dialect has none of its own, it goes as a sale does.
    Refund,
    /// This sale is to be given back, in whole or in part.
    ReferencedRefund,
    /// This sale is to be undone as a whole, before it is settled.
    Void,
    /// May this be held, to be captured later?
    PreAuthorisation,
    /// May more be held?
    Increment,
    /// What is held is captured, in whole or in part.
    Completion,
    /// What is held is given up.
    Release,
    /// A tip was added to this sale.
    Adjustment,
    /// Is this card good?
    Verification,
    /// Card and terminal have approved.
    Advice,
    /// A request is taken back.
    Reversal,
    /// The terminal begins its work.
    SignOn,
    /// The terminal ends its work.
    SignOff,
    /// Is the host there?
    Echo,
    /// The terminal wants keys.
    KeyExchange,
}

impl Purpose {
    /// Each, with its name in a dialect's file.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Authorisation, "authorisation"),
        (Self::Financial, "financial"),
        (Self::Refund, "refund"),
        (Self::ReferencedRefund, "referenced_refund"),
        (Self::Void, "void"),
        (Self::PreAuthorisation, "pre_authorisation"),
        (Self::Increment, "increment"),
        (Self::Completion, "completion"),
        (Self::Release, "release"),
        (Self::Adjustment, "adjustment"),
        (Self::Verification, "verification"),
        (Self::Advice, "advice"),
        (Self::Reversal, "reversal"),
        (Self::SignOn, "sign_on"),
        (Self::SignOff, "sign_off"),
        (Self::Echo, "echo"),
        (Self::KeyExchange, "key_exchange"),
    ];

    /// Whether money depends on such a message.
    pub fn is_about_money(self) -> bool {
        !matches!(self, Self::SignOn | Self::SignOff | Self::Echo | Self::KeyExchange)
    }

    /// What such a message must say, whatever the dialect.
    pub(super) fn needs(self) -> &'static [Element] {
        if self.is_about_money() {
            &[Element::ProcessingCode, Element::Amount, Element::Stan, Element::Currency, Element::TerminalId]
        } else {
            &[Element::Stan]
        }
    }

    /// Whether this element may say the same in all such messages: of an advice or a reversal, what was decided; and what
    /// is done, where that is the same.
    pub(super) fn may_have_constant(self, element: Element) -> bool {
        match element {
            Element::ResponseCode => self.is_advice() || self == Self::Reversal,
            Element::ProcessingCode => self.is_of_one_kind(),
            _ => false,
        }
    }

    /// Whether such a message is about an earlier one, and must name it.
    pub(super) fn names_original(self) -> bool {
        let is_first = matches!(self, Self::PreAuthorisation | Self::Verification);
        self == Self::Reversal || (self.is_of_one_kind() && !is_first)
    }

    /// Whether all such messages are for one kind of transaction, so that a dialect can say its processing code once and
    /// for all.
    pub(super) fn is_of_one_kind(self) -> bool {
        use Purpose::*;
        matches!(
            self,
            ReferencedRefund | Void | PreAuthorisation | Increment | Completion | Release | Adjustment | Verification
        )
    }

    /// Whether the host is told what was decided, and not asked.
    pub fn is_advice(self) -> bool {
        matches!(self, Self::Advice | Self::Completion | Self::Adjustment)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(purpose, _)| purpose == self).map(|(_, name)| *name);
        f.write_str(name.expect("the table names every purpose"))
    }
}

/// A message as a dialect lays it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Its type.
    pub mti: Mti,
    /// Its type where it may have been sent before.
    pub repeat: Mti,
    /// The fields that have what the dialect places there, where there is a value for it.
    pub fields: BTreeSet<u8>,
    /// Fields that always have the same value.
    pub constants: BTreeMap<u8, String>,
    /// Fields that are composed of several data elements. One is sent where there is a value for each of them.
    pub compositions: BTreeMap<u8, Composition>,
    /// Response codes that only its answer has, and the code of 1987 that says the same.
    pub response_codes: BTreeMap<String, String>,
}
