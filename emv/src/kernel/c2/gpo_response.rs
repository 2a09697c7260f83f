//! S3, Waiting for GPO Response (Book C-2, S3).

use super::card_response::{self, Refused};
use super::context::Context;
use super::mag_stripe::MagStripeRecordResponse;
use super::relay_resistance_response::RelayResistanceResponse;
use super::{Fault, State, reading};
use crate::apdu::Response;
use crate::dict;
use crate::fields::c2::KernelConfiguration;
use crate::fields::{Aip, RelayResistance};

/// GET PROCESSING OPTIONS was sent.
#[derive(Debug)]
pub(super) struct GpoResponse;

impl GpoResponse {
    /// RA.
    //= C-2 S3.8-9, S3.13-14, S3.15-18
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        // S3.8
        if !response.status.is_success() {
            return Err(Fault::GpoRefused(response.status));
        }
        // S3.10 to S3.14
        store(&response, context).map_err(|_| Fault::GpoMalformed)?;
        if context.database.value(dict::AIP).is_none() || context.database.value(dict::AFL).is_none() {
            return Err(Fault::GpoDataMissing);
        }
        // S3.15 to S3.18
        let kernel = context.configuration.kernel;
        if !kernel.has(KernelConfiguration::EMV_MODE_NOT_SUPPORTED) && context.aip().has(Aip::C2_EMV_MODE_SUPPORTED) {
            emv_mode(context)
        } else if !kernel.has(KernelConfiguration::MAG_STRIPE_MODE_NOT_SUPPORTED) {
            MagStripeRecordResponse::first(context)
        } else {
            Err(Fault::MagStripeNotSupported)
        }
    }
}

/// A response of format 1 or of format 2 (EMV Book 3, 6.5.8.4).
//= C-2 S3.10-12
fn store(response: &Response<'_>, context: &mut Context) -> Result<(), Refused> {
    match card_response::format_1(response) {
        Some(value) => {
            let objects = [(dict::AIP, Some(Aip::LENGTH)), (dict::AFL, None)];
            card_response::store_format_1(&mut context.database, value, &objects)
        }
        None => card_response::store(&mut context.database, response.data),
    }
}

/// EMV mode begins with relay resistance, where card and kernel both support it.
//= C-2 S3.60, S3.65
fn emv_mode(context: &mut Context) -> Result<State, Fault> {
    let kernel = context.configuration.kernel;
    if kernel.has(KernelConfiguration::RELAY_RESISTANCE_SUPPORTED)
        && context.aip().has(Aip::C2_RELAY_RESISTANCE_SUPPORTED)
    {
        return Ok(RelayResistanceResponse::first(context));
    }
    context.set_relay_resistance(RelayResistance::NotPerformed);
    reading::start(context)
}
