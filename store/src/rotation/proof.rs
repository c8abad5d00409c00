//! Rotating the secret of proofs: a new version proves at once, because every process that meets it looks for it in the
//! settings. A job then proves the stored items again, and after it the old versions may be retired.

use umoja_schema::Millis;

use crate::keyring::KeyRing;
use crate::secrets::{PROOF, SecretsDocument, SecretsError, WrappedSecret, newest};

/// The next step of rotating the secret of proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofStep {
    /// Only the newest version verifies: a new one may be made.
    Publish,
    /// Several versions verify. The old ones may be retired once every item, and every backup that may be restored, is
    /// proved by the newest.
    Retire,
}

impl SecretsDocument {
    /// The next step.
    pub fn proof_step(&self) -> ProofStep {
        if self.proof_from.max(1) < newest(&self.proof) { ProofStep::Retire } else { ProofStep::Publish }
    }

    /// The versions of the secret, the newest last.
    pub fn proof_versions(&self) -> Vec<u32> {
        self.proof.iter().map(|secret| secret.version).collect()
    }

    /// Does the next step and returns it. Retired versions stay in the document.
    ///
    /// # Errors
    /// If a new version has to be made and a region's KMS does not wrap it.
    pub async fn rotate_proof(&mut self, ring: &KeyRing, now: Millis) -> Result<ProofStep, SecretsError> {
        let (step, version) = (self.proof_step(), newest(&self.proof));
        match step {
            ProofStep::Publish => {
                self.proof_from = version;
                self.proof.push(WrappedSecret::create(ring, PROOF, version + 1, now).await?);
            }
            ProofStep::Retire => self.proof_from = version,
        }
        Ok(step)
    }
}
