//! Balance reading: S16 and S17, Waiting for Pre-Gen AC Balance and for Post-Gen AC Balance, and the
//! procedures that lead there (Book C-2, 7.1 and 7.3, S16, S17).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::context::Context;
use super::generate_ac_response::Answered;
use super::{Fault, State, decision};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::Amount;
use crate::fields::c2::ApplicationCapabilitiesInformation;
use crate::kernel::{Value, ValueQualifier};
use crate::oda::StaticData;
use crate::tlv::{Tag, Tlv};

/// GET DATA was sent, before GENERATE AC.
#[derive(Debug)]
pub(super) struct BalanceBefore {
    pub(super) amount: Amount,
    pub(super) static_data: Option<StaticData>,
}

/// GET DATA was sent, after GENERATE AC, which was answered with these data.
#[derive(Debug)]
pub(super) struct BalanceAfter {
    pub(super) answered: Answered,
    pub(super) response: Zeroizing<Vec<u8>>,
}

/// Whether a balance is read: where the card lets it be read, and the terminal wants it, which it says
/// with an object of this tag, be it empty.
//= C-2 BR1.1-2, BR2.1-2
pub(super) fn is_wanted(tag: Tag, context: &Context) -> bool {
    context.database.is_present(tag)
        && context
            .read::<ApplicationCapabilitiesInformation>(dict::APPLICATION_CAPABILITIES_INFORMATION)
            .and_then(Result::ok)
            .is_some_and(|capabilities| capabilities.has(ApplicationCapabilitiesInformation::BALANCE_READING_SUPPORTED))
}

impl BalanceBefore {
    //= C-2 BR1.3-4
    pub(super) fn ask(self, context: &mut Context) -> State {
        context.transmit(Command::get_data(dict::OFFLINE_ACCUMULATOR_BALANCE));
        State::BalanceBefore(self)
    }

    /// RA.
    //= C-2 S16.4, S16.7-8
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        store(dict::BALANCE_READ_BEFORE_GEN_AC, &response, context);
        decision::choose_cryptogram(self.amount, self.static_data, context)
    }
}

impl BalanceAfter {
    //= C-2 BR2.3-4
    pub(super) fn ask(self, context: &mut Context) -> State {
        context.transmit(Command::get_data(dict::OFFLINE_ACCUMULATOR_BALANCE));
        State::BalanceAfter(self)
    }

    /// RA.
    //= C-2 S17.2, S17.5-6
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        store(dict::BALANCE_READ_AFTER_GEN_AC, &response, context);
        self.go_on(context)
    }

    /// L1RSP: the cryptogram is there, and the balance is none of its business.
    //= C-2 S17.1
    pub(super) fn go_on(self, context: &mut Context) -> Result<State, Fault> {
        self.answered.go_on(&self.response, context)
    }
}

/// Keeps the balance that the card gives, if it gives one.
fn store(tag: Tag, response: &Response<'_>, context: &mut Context) {
    if response.status.is_success()
        && let Ok(Tlv { tag: dict::OFFLINE_ACCUMULATOR_BALANCE, value, .. }) = Tlv::parse(response.data)
        && Amount::try_from(value).is_ok()
    {
        context.database.set(tag, value);
    }
}

/// What is left on the card, to be shown with an approval.
//= C-2 S910.75
pub(super) fn shown(context: &Context) -> Option<Value> {
    let balance = context.read::<Amount>(dict::BALANCE_READ_AFTER_GEN_AC)?.ok()?;
    let currency = context.database.value(dict::APPLICATION_CURRENCY_CODE).and_then(|code| code.try_into().ok());
    Some(Value {
        qualifier: ValueQualifier::Balance,
        minor_units: balance.minor_units(),
        currency: currency.unwrap_or_default(),
    })
}
