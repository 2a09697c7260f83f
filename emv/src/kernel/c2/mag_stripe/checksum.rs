//! S78, common processing once the records of mag-stripe mode are read: what the card is asked to
//! compute a checksum over (Book C-2, S78).

use alloc::boxed::Box;

use super::completion::Asked;
use super::tracks::Tracks;
use super::{ChecksumResponse1, ChecksumResponse2, Context, Fault, MagStripeFirstWriteFlag, State};
use crate::apdu::Command;
use crate::dict;
use crate::fields::Amount;
use crate::fields::c2::MobileSupportIndicator;
use crate::kernel::Cvm;
use crate::tlv::Dol;

/// Asks for the checksum once the terminal has seen what it wants to see.
//= C-2 S78.1-7
pub(super) fn go_on(tracks: Box<Tracks>, context: &mut Context) -> Result<State, Fault> {
    match context.database.get(dict::PROCEED_TO_FIRST_WRITE_FLAG) {
        Some([]) => context.exchange.need(dict::PROCEED_TO_FIRST_WRITE_FLAG),
        Some([0]) => {}
        _ => return ask(tracks, context),
    }
    context.exchange_data();
    context.start_timer();
    Ok(State::MagStripeFirstWriteFlag(MagStripeFirstWriteFlag(tracks)))
}

/// Asks for the checksum.
//= C-2 S78.8-9, S78.10-11, S78.16, S78.19-20
fn ask(tracks: Box<Tracks>, context: &mut Context) -> Result<State, Fault> {
    // S78.8
    let amount = context.transaction.amount_authorised.ok_or(Fault::MagStripeAmountMissing)?;
    // S78.10
    if amount > context.transaction_limit() {
        return Err(Fault::MagStripeTransactionLimitExceeded);
    }
    //= C-2 S78.12-14
    context.answer_terminal_at_last();
    let unpredictable_number = draw_unpredictable_number(tracks.un_digits(), context);
    // S78.16
    if !context.on_device_cvm() {
        compute(context)?;
        return Ok(State::ChecksumResponse1(ChecksumResponse1(Asked { tracks, unpredictable_number, amount })));
    }
    // S78.19, S78.20
    if amount > context.configuration.cvm_required_limit {
        let mobile = MobileSupportIndicator::default()
            .with(MobileSupportIndicator::MOBILE_SUPPORTED)
            .with(MobileSupportIndicator::OD_CVM_REQUIRED);
        context.database.set(dict::MOBILE_SUPPORT_INDICATOR, mobile.as_bytes());
        context.cvm = Some(Cvm::ConfirmationCodeVerified);
    }
    compute(context)?;
    Ok(State::ChecksumResponse2(ChecksumResponse2(Asked { tracks, unpredictable_number, amount })))
}

/// Unpredictable Number (Numeric): as many digits as the card's tracks have room for, behind zeros.
//= C-2 S78.15
fn draw_unpredictable_number(digits: u32, context: &mut Context) -> u32 {
    let number = u32::from_be_bytes(context.draw_unpredictable_number()) % 10_u32.pow(digits);
    let bcd = Amount::from(number).to_bcd();
    context.database.set(dict::UNPREDICTABLE_NUMBER_NUMERIC, &bcd[2..]);
    number
}

/// Sends COMPUTE CRYPTOGRAPHIC CHECKSUM with what the card's UDOL asks for, or else the reader's.
//= C-2 S78.17-18, S78.21-22
fn compute(context: &mut Context) -> Result<(), Fault> {
    let udol = context.database.value(dict::UDOL).or_else(|| context.database.value(dict::DEFAULT_UDOL));
    let udol = Dol::parse(udol.unwrap_or_default()).map_err(|_| Fault::UdolMalformed)?;
    let data = context.database.dol_data(udol);
    context.transmit(Command::compute_cryptographic_checksum(&data));
    Ok(())
}
