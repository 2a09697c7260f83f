//! S13, Waiting for CCC Response – 1: of a card without on-device cardholder verification; the
//! cardholder is verified as the reader is configured (Book C-2, S13).

use super::completion::{self, Answer, Asked};
use super::{Context, Fault, State};
use crate::apdu::Response;
use crate::fields::c2::MagStripeCvmCapability;
use crate::kernel::Cvm;

/// COMPUTE CRYPTOGRAPHIC CHECKSUM was sent.
#[derive(Debug)]
pub(in crate::kernel::c2) struct ChecksumResponse1(pub(super) Asked);

impl ChecksumResponse1 {
    /// RA.
    //= C-2 S13.14.1-4
    pub(in crate::kernel::c2) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        let answer = Answer::read(&response, context)?;
        let atc = answer.atc.ok_or(Fault::ChecksumDataMissing)?;
        match (answer.cvc3_track_2, answer.interaction) {
            (Some(cvc3_track_2), _) => {
                self.choose_cvm(context);
                self.0.go_online(&answer, atc, cvc3_track_2, context)
            }
            (None, Some(interaction)) => Ok(completion::without_checksum(interaction, context)),
            (None, None) => Err(Fault::ChecksumDataMissing),
        }
    }

    //= C-2 S13.24-26
    fn choose_cvm(&self, context: &mut Context) {
        let configuration = &context.configuration;
        let cvm_required = self.0.amount > configuration.cvm_required_limit;
        let capability = if cvm_required {
            configuration.mag_stripe_cvm_capability_cvm_required
        } else {
            configuration.mag_stripe_cvm_capability_no_cvm_required
        };
        context.cvm = cvm(capability);
        context.receipt = cvm_required || context.cvm == Some(Cvm::ObtainSignature);
    }
}

fn cvm(capability: MagStripeCvmCapability) -> Option<Cvm> {
    match capability {
        MagStripeCvmCapability::NoCvm => Some(Cvm::NoCvm),
        MagStripeCvmCapability::ObtainSignature => Some(Cvm::ObtainSignature),
        MagStripeCvmCapability::OnlinePin => Some(Cvm::OnlinePin),
        MagStripeCvmCapability::NotApplicable | MagStripeCvmCapability::Rfu(_) => None,
    }
}
