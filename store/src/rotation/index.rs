//! Rotating the blind index key: for a while two are live. Everything is written and looked up under both until every
//! profile has its claims under the new one; then the old key goes, and then what it made.
//!
//! Nobody becomes unknown and nobody registers twice, whichever instances have read which step:
//!
//! - While a new key is published, every instance still writes under the old one and looks there, so those that know
//!   one key and those that know both meet under the old index.
//! - When the old key is dropped, every profile of every region has claims under the new one, so those that know both
//!   and those that know only the new one meet there.
//!
//! What a claim says (since when, where, verified) is the same under both keys, so its winner is too.

use umoja_schema::Millis;

use super::newest;
use crate::deployment::SETTINGS_RELOAD_SECS;
use crate::keyring::KeyRing;
use crate::secrets::{INDEX, SecretsDocument, SecretsError, WrappedSecret};

/// What has to happen next to the blind index keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexStep {
    /// Nothing is under way: a new key may be made.
    Publish,
    /// Two keys are live. Once no region holds a profile without claims under the new one, the old one may be dropped.
    Drop,
    /// The old key is dropped. Once no region holds a profile with claims that it made, the rotation is over.
    Finish,
}

impl IndexStep {
    /// How long to wait after the step before was written in every region, in seconds: until then an instance may still
    /// write as before it, so a look for profiles that are behind proves nothing.
    pub const fn wait_secs(self) -> u64 {
        match self {
            Self::Publish => 0,
            Self::Drop | Self::Finish => 2 * SETTINGS_RELOAD_SECS,
        }
    }
}

impl SecretsDocument {
    /// The next step.
    pub fn index_step(&self) -> IndexStep {
        match (self.dropped_index.is_empty(), self.index.len()) {
            (false, _) => IndexStep::Finish,
            (true, 0 | 1) => IndexStep::Publish,
            (true, _) => IndexStep::Drop,
        }
    }

    /// The versions of the live blind index keys, the newest last.
    pub fn index_key_versions(&self) -> Vec<u32> {
        self.index.iter().map(|secret| secret.version).collect()
    }

    /// Does the next step and says which it was. That no profile is behind any more, which all steps but the first rely
    /// on, is for the caller to have seen: `umoja_reconciler::Rewrite`.
    ///
    /// # Errors
    /// If a new key has to be made and some region's KMS does not wrap it.
    pub async fn rotate_index(&mut self, ring: &KeyRing, now: Millis) -> Result<IndexStep, SecretsError> {
        let step = self.index_step();
        match step {
            IndexStep::Publish => {
                let new = WrappedSecret::create(ring, INDEX, newest(&self.index) + 1, now).await?;
                self.index.push(new);
            }
            IndexStep::Drop => {
                let newest = newest(&self.index);
                let dropped = self.index.extract_if(.., |secret| secret.version != newest);
                self.dropped_index = dropped.map(|secret| secret.version).collect();
            }
            IndexStep::Finish => self.dropped_index.clear(),
        }
        Ok(step)
    }
}
