//! Rotating the deployment's own keys: what has to happen next is in the document of the secrets itself, so every
//! rotation can be broken off anywhere and gone on with, by whoever comes next.

mod index;
mod signing;

pub use index::IndexStep;
pub use signing::{ANSWER_LIFETIME_SECS, SigningStep};

use crate::secrets::{SecretsDocument, WrappedSecret};

impl SecretsDocument {
    /// Counts the steps of all rotations since the secrets were made. Of two regions' copies, after a command was
    /// interrupted between two regions, the one with more steps is ahead.
    pub fn rotation_steps(&self) -> u64 {
        let steps = |secrets: &[WrappedSecret], stage: u64| 3 * u64::from(newest(secrets)) + stage;
        let signing = match self.signing_step() {
            SigningStep::Promote => 0,
            SigningStep::Retire => 1,
            SigningStep::Publish => 2,
        };
        let index = match self.index_step() {
            IndexStep::Drop => 0,
            IndexStep::Finish => 1,
            IndexStep::Publish => 2,
        };
        steps(&self.signing, signing) + steps(&self.index, index)
    }
}

fn newest(secrets: &[WrappedSecret]) -> u32 {
    secrets.iter().map(|secret| secret.version).max().unwrap_or_default()
}
