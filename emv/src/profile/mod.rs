//! Terminal and scheme configuration, parsed into types that can't be wrong.

mod combination;
mod point_of_interaction;
mod terminal;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use combination::{Aid, Combination, InvalidAid, InvalidKernelId, KernelId, Limits};
pub use point_of_interaction::{InvalidPoiInformation, PoiInformation, PointOfInteraction};
pub use terminal::TerminalData;

use crate::fields::{Amount, Tvr};
use crate::kernel::{c2, c3};
use crate::oda::{CaKeys, RevocationList};

/// All that the transactions of a terminal have in common.
#[derive(Debug)]
pub struct Profile {
    /// The terminal's own data objects.
    pub terminal: TerminalData,
    /// What cards may ask for before an application is selected; by default no more than the country.
    pub point_of_interaction: PointOfInteraction,
    /// The public keys of the schemes' certification authorities.
    pub ca_keys: CaKeys,
    /// The issuer certificates that the schemes have revoked.
    pub revoked: RevocationList,
    combinations: Arc<[Combination]>,
    kernels: Vec<KernelConfiguration>,
}

impl Profile {
    /// A profile of these combinations, in the reader's order of preference
    /// (EMV Contactless Book A, 5.5; Book B, 3.3.2.5).
    pub fn new(
        terminal: TerminalData,
        ca_keys: CaKeys,
        revoked: RevocationList,
        applications: impl IntoIterator<Item = (Combination, KernelConfiguration)>,
    ) -> Self {
        let (combinations, kernels): (Vec<_>, Vec<_>) = applications.into_iter().unzip();
        let point_of_interaction = PointOfInteraction { country: terminal.country, ..PointOfInteraction::default() };
        Profile { terminal, point_of_interaction, ca_keys, revoked, combinations: combinations.into(), kernels }
    }

    /// The combinations, in order.
    pub fn combinations(&self) -> &Arc<[Combination]> {
        &self.combinations
    }

    /// The kernel configuration of the combination at `index`.
    ///
    /// # Panics
    /// If there is no such combination: indices come from [`Profile::combinations`].
    pub fn kernel(&self, index: usize) -> &KernelConfiguration {
        &self.kernels[index]
    }

    /// The same profile for a transaction that must go online: the floor limits of these combinations are zero, those
    /// for the cards of a program too, and Kernel 2 goes online above one, whatever the Terminal Action Codes say.
    ///
    /// A card may still approve offline what has no amount, and a kernel may still decline.
    #[must_use]
    pub fn online_for(&self, must_go_online: impl Fn(usize) -> bool) -> Self {
        let applications = self.combinations.iter().cloned().zip(self.kernels.iter().cloned()).enumerate();
        let applications = applications.map(|(index, application)| match application {
            (combination, kernel) if must_go_online(index) => (combination.online(), kernel.online()),
            application => application,
        });
        let (terminal, point_of_interaction) = (self.terminal.clone(), self.point_of_interaction.clone());
        let profile = Profile::new(terminal, self.ca_keys.clone(), self.revoked.clone(), applications);
        Profile { point_of_interaction, ..profile }
    }
}

/// The configuration of a kernel for one combination. All kernels there are form this one enum.
#[derive(Debug, Clone)]
pub enum KernelConfiguration {
    /// Kernel 2.
    C2(Arc<c2::Configuration>),
    /// Kernel 3.
    C3(Arc<c3::Configuration>),
}

impl KernelConfiguration {
    /// The same, with floor limits of zero.
    fn online(self) -> Self {
        match self {
            KernelConfiguration::C2(configuration) => {
                let mut configuration = Arc::unwrap_or_clone(configuration);
                configuration.floor_limit = Amount::ZERO;
                configuration.action_codes.online.set(Tvr::EXCEEDS_FLOOR_LIMIT);
                KernelConfiguration::C2(Arc::new(configuration))
            }
            KernelConfiguration::C3(configuration) => {
                let mut configuration = Arc::unwrap_or_clone(configuration);
                for program in &mut configuration.dynamic_reader_limits {
                    program.limits.contactless_floor_limit = Some(Amount::ZERO);
                }
                KernelConfiguration::C3(Arc::new(configuration))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::fields::{AdditionalTerminalCapabilities, TerminalCapabilities};
    use crate::kernel::Database;
    use crate::oda::Environment;

    #[test]
    fn a_transaction_that_must_go_online_has_floor_limits_of_zero_where_it_must() {
        let terminal = TerminalData {
            terminal_type: 0x22,
            country: [0x02, 0x76],
            capabilities: TerminalCapabilities::default(),
            additional_capabilities: AdditionalTerminalCapabilities::default(),
            terminal_id: *b"TERMINAL",
            merchant_id: *b"MERCHANT       ",
            merchant_category_code: [0x53, 0x11],
            merchant_name_and_location: vec![],
            acquirer_id: [0; 6],
            ifd_serial_number: *b"00000001",
        };
        let limits = Limits { contactless_floor_limit: Some(Amount::from(5000)), ..Limits::default() };
        let combination = |kernel_id| Combination {
            aid: Aid::try_from(&[0xA0, 0x00, 0x00, 0x00, kernel_id][..]).unwrap(),
            kernel_id: KernelId::emvco(kernel_id),
            transaction_types: vec![0x00],
            limits: limits.clone(),
        };
        let mut kernel_2 = c2::Configuration::from_objects(&Database::new()).unwrap();
        kernel_2.floor_limit = Amount::from(5000);
        kernel_2.action_codes.online = Tvr::default();
        let program = c3::DynamicReaderLimits { program_id: [0x31].into_iter().collect(), limits: limits.clone() };
        let kernel_3 = c3::Configuration { dynamic_reader_limits: vec![program], ..c3::Configuration::default() };
        let applications = [
            (combination(2), KernelConfiguration::C2(Arc::new(kernel_2))),
            (combination(3), KernelConfiguration::C3(Arc::new(kernel_3))),
        ];
        let profile = Profile::new(terminal, CaKeys::new(Environment::Test), RevocationList::new(), applications);
        let floor_limits = |must_go_online: [bool; 2]| {
            let online = profile.online_for(|index| must_go_online[index]);
            let [entry_2, entry_3] = [0, 1].map(|index| online.combinations()[index].limits.contactless_floor_limit);
            let (KernelConfiguration::C2(kernel_2), KernelConfiguration::C3(kernel_3)) =
                (online.kernel(0), online.kernel(1))
            else {
                panic!("the kernels stay what they are");
            };
            let goes_online = kernel_2.action_codes.online.has(Tvr::EXCEEDS_FLOOR_LIMIT);
            let program = kernel_3.dynamic_reader_limits[0].limits.contactless_floor_limit;
            ((entry_2, Some(kernel_2.floor_limit), goes_online), (entry_3, program))
        };
        let (zero, given) = (Some(Amount::ZERO), Some(Amount::from(5000)));
        assert_eq!(floor_limits([true, false]), ((zero, zero, true), (given, given)));
        assert_eq!(floor_limits([false, true]), ((given, given, false), (zero, zero)));
    }
}
