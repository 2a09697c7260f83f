//! The data objects that belong to Kernel 3 alone (Book C-3, Annex A).

mod card_authentication_related_data;
mod form_factor_indicator;
mod issuer_application_data;
mod issuer_script_results;

pub use card_authentication_related_data::CardAuthenticationRelatedData;
pub use form_factor_indicator::{FormFactor, FormFactorIndicator, PaymentTransactionTechnology};
pub use issuer_application_data::IssuerApplicationData;
pub use issuer_script_results::{IssuerScriptResult, ScriptOutcome};
