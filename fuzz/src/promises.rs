//! What holds of every tap, whatever the card does: nothing is approved offline without a signature that was verified
//! since the application was selected, unless the acquirer's action codes ask for none and no phone is believed; and
//! the results and the outcome agree.

use emv::fields::Tvr;
use emv::kernel::{Cvm, Decision, Event, Outcome, c2};
use emv::profile::{KernelConfiguration, KernelId, Profile};
use emv::tap::Output;

/// What a kernel has told of itself since it was activated.
#[derive(Default)]
pub struct Promises {
    kernel: Option<KernelId>,
    is_verified: bool,
    results: Option<Tvr>,
}

impl Promises {
    /// Takes notice of what the tap wants, and panics where that is not what was promised.
    pub fn hold(&mut self, output: &Output, profile: &Profile) {
        match output {
            Output::Record(Event::Selected { kernel_id, .. }) => {
                *self = Promises { kernel: Some(kernel_id.clone()), ..Promises::default() };
            }
            Output::Record(Event::OfflineDataAuthentication { result, .. }) => self.is_verified = result.is_ok(),
            Output::Record(Event::Results { tvr, .. }) => self.results = Some(*tvr),
            Output::AwaitOnlineResponse(outcome) | Output::Finished(outcome) => self.agree(outcome, profile),
            _ => {}
        }
    }

    fn agree(&self, outcome: &Outcome, profile: &Profile) {
        let tvr = self.results.unwrap_or_default();
        if outcome.decision == Decision::Approved {
            // What Kernel 2 makes of an approval without one is for the action codes, below.
            let says_so = tvr.has(Tvr::OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED) || tvr.has(Tvr::CDA_FAILED);
            let is_wanted = self.kernel_2(profile).is_none() || !says_so;
            let is_believed = outcome.cvm == Some(Cvm::ConfirmationCodeVerified);
            assert!(self.is_verified || !(is_wanted || is_believed), "approved without a signature");
            assert!(self.results.is_some(), "approved without results");
        }
        let Some(codes) = self.kernel_2(profile).map(|configuration| &configuration.action_codes) else { return };
        if matches!(outcome.decision, Decision::Approved | Decision::OnlineRequest) {
            assert!(!tvr.meets(codes.denial), "{:?} with results that are to be denied: {tvr:?}", outcome.decision);
        }
        if outcome.decision == Decision::Approved {
            assert!(!tvr.meets(codes.online), "approved with results that are to go online: {tvr:?}");
        }
    }

    /// The configuration of the kernel, where that is Kernel 2: it alone has action codes.
    fn kernel_2<'a>(&self, profile: &'a Profile) -> Option<&'a c2::Configuration> {
        let kernel = self.kernel.as_ref()?;
        let index = profile.combinations().iter().position(|combination| combination.kernel_id == *kernel)?;
        match profile.kernel(index) {
            KernelConfiguration::C2(configuration) => Some(configuration),
            KernelConfiguration::C3(_) => None,
        }
    }
}
