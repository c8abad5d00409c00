//! Rotating the blind index key: for a while two keys are live. Writers write and readers look under both, until every
//! profile has its ownerships under the new key. Then the old key is dropped, and after it the ownerships that it made.
//!
//! No user becomes unknown or registers twice, whichever steps the instances have read:
//!
//! - While a new key is published, every instance still writes and looks under the old one. So instances that know only
//!   the old key and instances that know both meet under the old index.
//! - When the old key is dropped, every profile of every region has ownerships under the new one. So instances that
//!   know both keys and instances that know only the new one meet there.
//!
//! The content of an ownership (since when, where, verified) is the same under both keys, so its winner is too.

use umoja_schema::Millis;

use crate::deployment::SETTINGS_WAIT_SECS;
use crate::keyring::KeyRing;
use crate::secrets::{INDEX, SecretsDocument, SecretsError, WrappedSecret, newest};

/// The next step of rotating the blind index key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexStep {
    /// No rotation is under way: a new key may be made.
    Publish,
    /// Two keys are live. The old one may be dropped once every profile in every region has ownerships under the new
    /// one.
    Drop,
    /// The old key is dropped. The rotation ends once no profile in any region has ownerships under it.
    Finish,
}

impl IndexStep {
    /// How long to wait after the previous step was written in every region, in seconds. Until then an instance may
    /// still write as before that step, so a search for profiles that are behind proves nothing.
    pub const fn wait_secs(self) -> u64 {
        match self {
            Self::Publish => 0,
            Self::Drop | Self::Finish => SETTINGS_WAIT_SECS,
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

    /// Does the next step and returns it. For all steps but the first, the caller must have checked that no profile is
    /// behind (`umoja_reconciler::Reencryption`).
    ///
    /// # Errors
    /// If a new key has to be made and a region's KMS does not wrap it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(version: u32) -> WrappedSecret {
        WrappedSecret { version, created_at: 1, wrapped: [].into() }
    }

    fn document(index: &[u32], dropped: &[u32]) -> SecretsDocument {
        let secrets = |versions: &[u32]| versions.iter().map(|version| secret(*version)).collect();
        SecretsDocument {
            index: secrets(index),
            dropped_index: dropped.to_vec(),
            signing: secrets(&[1]),
            derivation: secrets(&[1]),
            proof: secrets(&[1]),
            proof_from: 1,
            pepper: Vec::new(),
            pepper_in_use: None,
            hash_keys: [].into(),
            mac: String::new(),
        }
    }

    #[test]
    fn the_document_determines_the_next_step_and_steps_increase() {
        let states = [
            (document(&[1], &[]), IndexStep::Publish),
            (document(&[1, 2], &[]), IndexStep::Drop),
            (document(&[2], &[1]), IndexStep::Finish),
            (document(&[2], &[]), IndexStep::Publish),
            (document(&[2, 3], &[]), IndexStep::Drop),
        ];
        for (document, step) in &states {
            assert_eq!(document.index_step(), *step, "{document:?}");
        }
        assert!(states.is_sorted_by(|(one, _), (next, _)| one.rotation_steps() + 1 == next.rotation_steps()));
        // The rotation of the other key counts too, and every state of both has a higher number than the one before it.
        let signing = SecretsDocument { signing: vec![secret(2), secret(1)], ..document(&[1, 2], &[]) };
        assert_eq!(signing.rotation_steps(), document(&[1, 2], &[]).rotation_steps() + 1);
    }

    #[test]
    fn a_document_without_dropped_keys_keeps_its_form() {
        let text = serde_json::to_string(&document(&[1], &[])).unwrap();
        assert!(!text.contains("dropped_index"));
        assert_eq!(serde_json::from_str::<SecretsDocument>(&text).unwrap(), document(&[1], &[]));
        let text = serde_json::to_string(&document(&[2], &[1])).unwrap();
        assert_eq!(serde_json::from_str::<SecretsDocument>(&text).unwrap(), document(&[2], &[1]));
    }
}
