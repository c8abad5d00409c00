//! The number of steps of all rotations.

use super::index::IndexStep;
use super::signing::SigningStep;
use crate::secrets::{SecretsDocument, WrappedSecret, newest};

impl SecretsDocument {
    /// Counts the steps of all rotations, and the added hash keys of other systems, since the secrets were made. If a
    /// command was interrupted between two regions, the copy with more steps is the newer one.
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
        let pepper = u64::from(newest(&self.pepper)) + u64::from(self.pepper_in_use.unwrap_or_default());
        let proof = u64::from(newest(&self.proof)) + u64::from(self.proof_from);
        steps(&self.signing, signing) + steps(&self.index, index) + pepper + proof + self.hash_keys.len() as u64
    }
}
