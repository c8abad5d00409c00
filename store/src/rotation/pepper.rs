//! Rotating the pepper of passwords: it is published first, and used after every instance has read it. Former peppers
//! stay, because a hash cannot move to another pepper without the password. Logins replace the hashes that were made
//! with them.

use umoja_schema::Millis;

use crate::deployment::SETTINGS_WAIT_SECS;
use crate::keyring::KeyRing;
use crate::secrets::{PEPPER, SecretsDocument, SecretsError, WrappedSecret, newest};

/// The next step of rotating the pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PepperStep {
    /// No rotation is under way: a new pepper may be made and published.
    Publish,
    /// A new pepper is published. New hashes may use it once every instance can verify with it.
    Promote,
}

impl PepperStep {
    /// How long to wait after the previous step was written in every region, in seconds.
    pub const fn wait_secs(self) -> u64 {
        match self {
            Self::Publish => 0,
            Self::Promote => SETTINGS_WAIT_SECS,
        }
    }
}

impl SecretsDocument {
    /// The next step.
    pub fn pepper_step(&self) -> PepperStep {
        if self.pepper_in_use.unwrap_or_default() == newest(&self.pepper) {
            PepperStep::Publish
        } else {
            PepperStep::Promote
        }
    }

    /// Does the next step and returns it.
    ///
    /// # Errors
    /// If a new pepper has to be made and a region's KMS does not wrap it.
    pub async fn rotate_pepper(&mut self, ring: &KeyRing, now: Millis) -> Result<PepperStep, SecretsError> {
        let (step, version) = (self.pepper_step(), newest(&self.pepper));
        match step {
            PepperStep::Publish => self.pepper.push(WrappedSecret::create(ring, PEPPER, version + 1, now).await?),
            PepperStep::Promote => self.pepper_in_use = Some(version),
        }
        Ok(step)
    }
}
