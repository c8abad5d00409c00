//! Rotating the deployment's own keys. The document of the secrets itself determines the next step, so a rotation can
//! stop at any point and any later command can continue it.

mod index;
mod pepper;
mod proof;
mod signing;
mod steps;

pub use index::IndexStep;
pub use pepper::PepperStep;
pub use proof::ProofStep;
pub use signing::{ANSWER_LIFETIME_SECS, SigningStep};
