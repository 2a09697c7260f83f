//! Terminal and scheme configuration, parsed into types that can't be wrong.

mod combination;
mod point_of_interaction;
mod terminal;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use combination::{Aid, Combination, InvalidAid, InvalidKernelId, KernelId, Limits};
pub use point_of_interaction::{InvalidPoiInformation, PoiInformation, PointOfInteraction};
pub use terminal::TerminalData;

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
}

/// The configuration of a kernel for one combination. All kernels there are form this one enum.
#[derive(Debug, Clone)]
pub enum KernelConfiguration {
    /// Kernel 2.
    C2(Arc<c2::Configuration>),
    /// Kernel 3.
    C3(Arc<c3::Configuration>),
}
