//! Rotating the key that signs answers: it is published, then used, and then the old key is retired, each step after
//! every instance has read the previous one. Every step can be repeated, because the document itself determines the
//! next step.

use umoja_schema::Millis;

use crate::deployment::SETTINGS_WAIT_SECS;
use crate::keyring::KeyRing;
use crate::secrets::{SIGNING, SecretsDocument, SecretsError, WrappedSecret, newest, signing_key_id};

/// How long an answer is valid, in seconds. A client may check an answer of the old key for this time.
pub const ANSWER_LIFETIME_SECS: u64 = 60;

/// The next step of rotating the key that signs answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningStep {
    /// No rotation is under way: a new key may be made and published.
    Publish,
    /// A new key is published. It may sign once every instance publishes it.
    Promote,
    /// The new key signs. The old key may be removed once no client checks its answers any more.
    Retire,
}

impl SigningStep {
    /// How long to wait after the previous step was written in every region, in seconds.
    pub const fn wait_secs(self) -> u64 {
        match self {
            Self::Publish => 0,
            Self::Promote => SETTINGS_WAIT_SECS,
            Self::Retire => SETTINGS_WAIT_SECS + ANSWER_LIFETIME_SECS,
        }
    }
}

impl SecretsDocument {
    /// The next step. The last key of the list signs; all keys are published.
    pub fn signing_step(&self) -> SigningStep {
        let signs = self.signing.last().is_some_and(|secret| secret.version == newest(&self.signing));
        match (signs, self.signing.len()) {
            (false, _) => SigningStep::Promote,
            (true, 0 | 1) => SigningStep::Publish,
            (true, _) => SigningStep::Retire,
        }
    }

    /// The ids (`kid`) of the published keys. The last one signs.
    pub fn signing_key_ids(&self) -> Vec<String> {
        self.signing.iter().map(|secret| signing_key_id(secret.version)).collect()
    }

    /// Does the next step and returns it.
    ///
    /// # Errors
    /// If a new key has to be made and a region's KMS does not wrap it.
    pub async fn rotate_signing(&mut self, ring: &KeyRing, now: Millis) -> Result<SigningStep, SecretsError> {
        let step = self.signing_step();
        match step {
            SigningStep::Publish => {
                let signs = self.signing.last().ok_or(SecretsError::Malformed)?.version;
                let new = WrappedSecret::create(ring, SIGNING, signs + 1, now).await?;
                self.signing.insert(self.signing.len() - 1, new);
            }
            SigningStep::Promote => self.signing.sort_by_key(|secret| secret.version),
            SigningStep::Retire => {
                self.signing.drain(..self.signing.len() - 1);
            }
        }
        Ok(step)
    }
}
