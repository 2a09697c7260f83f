//! S14, Waiting for CCC Response – 2: of a device that verifies its holder itself (Book C-2, S14).

use super::completion::{self, Answer, Asked};
use super::{Context, Fault, State};
use crate::apdu::Response;
use crate::kernel::Cvm;

/// COMPUTE CRYPTOGRAPHIC CHECKSUM was sent.
#[derive(Debug)]
pub(in crate::kernel::c2) struct ChecksumResponse2(pub(super) Asked);

impl ChecksumResponse2 {
    /// RA.
    //= C-2 S14.14-17
    pub(in crate::kernel::c2) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        let answer = Answer::read(&response, context)?;
        let (Some(atc), Some(interaction)) = (answer.atc, answer.interaction) else {
            return Err(Fault::ChecksumDataMissing);
        };
        let Some(cvc3_track_2) = answer.cvc3_track_2 else {
            return Ok(completion::without_checksum(interaction, context));
        };
        self.choose_cvm(&answer, context)?;
        self.0.go_online(&answer, atc, cvc3_track_2, context)
    }

    //= C-2 S14.20-21, S14.32-34
    fn choose_cvm(&self, answer: &Answer, context: &mut Context) -> Result<(), Fault> {
        let cvm_required = self.0.amount > context.configuration.cvm_required_limit;
        let verified = answer.verified_on_device();
        if cvm_required && !verified {
            return Err(Fault::OnDeviceCvmMissing);
        }
        context.cvm = Some(if verified { Cvm::ConfirmationCodeVerified } else { Cvm::NoCvm });
        context.receipt = cvm_required;
        Ok(())
    }
}
