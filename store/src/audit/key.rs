//! The key that makes and checks rows of the audit trail.

use umoja_crypto::MacKey;

use crate::keyring::KeyRing;
use crate::ports::Registry;
use crate::secrets::{SecretsDocument, SecretsError};

/// The key of the MACs, derived from a secret of the deployment that no command rotates: the same in every region.
pub struct AuditKey(MacKey);

impl AuditKey {
    /// Loads and unwraps the secret from which the key is derived, and no other secret.
    ///
    /// # Errors
    /// If the settings are unreadable, or no region's KMS unwraps the secret.
    pub async fn load(registry: &dyn Registry, ring: &KeyRing) -> Result<Self, SecretsError> {
        let document = SecretsDocument::stored(registry).await?.ok_or(SecretsError::Absent)?;
        document.verify(ring).await?;
        Ok(Self::derive(document.open_derivation(ring).await?.expose()))
    }

    pub(crate) fn derive(derivation: &[u8; 32]) -> Self {
        Self(MacKey::derive(derivation, "umoja/1/audit"))
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0.tag(parts)
    }

    /// True if `tag` is the tag of these parts, compared in constant time.
    pub(super) fn is_tag(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.0.verify(parts, tag)
    }
}
