//! The data objects that belong to Kernel 2 alone (Book C-2, Annex A).

mod configuration;
mod error_indication;
mod integrated_data_storage;
mod mobile;
mod outcome_parameter_set;
mod terminal_risk_management_data;
mod track_layout;
mod user_interface_request;

pub use configuration::{
    ApplicationCapabilitiesInformation, CardDataInputCapability, CvmCapability, KernelConfiguration,
    MagStripeCvmCapability, SdsScheme, SecurityCapability,
};
pub use error_indication::{ErrorIndication, L1Error, L2Error, L3Error};
pub use integrated_data_storage::{
    DsAcType, DsOdsInfo, DsOdsInfoForReader, DsSlotAvailability, DsSlotManagementControl, DsSummaryStatus, IdsStatus,
    PutDataStatus,
};
pub use mobile::{MobileSupportIndicator, PosCardholderInteractionInformation, ThirdPartyData};
pub use outcome_parameter_set::{OutcomeCvm, OutcomeParameterSet, OutcomeStart, OutcomeStatus};
pub use terminal_risk_management_data::TerminalRiskManagementData;
pub use track_layout::{DiscretionaryDataPositions, DynamicTrackData, TrackLayout};
pub use user_interface_request::{UiStatus, UserInterfaceRequestData, ValueQualifier};
