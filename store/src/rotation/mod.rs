//! Rotating the deployment's own keys: what has to happen next is in the document of the secrets itself, so every
//! rotation can be broken off anywhere and gone on with, by whoever comes next.

mod index;
mod pepper;
mod signing;
mod steps;

pub use index::IndexStep;
pub use pepper::PepperStep;
pub use signing::{ANSWER_LIFETIME_SECS, SigningStep};
