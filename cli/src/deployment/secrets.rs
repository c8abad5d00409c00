//! The deployment's secrets, as commands change them: made once, the same in every region, wrapped by every region's key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_crypto::legacy::HashKeys;
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::old_key::with_old_keys;
use umoja_store::ports::{Entropy, Keys};
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::Regions;
use crate::CliError;

/// How long a region's key service may take to wrap a secret, in milliseconds: nobody waits for this.
pub(crate) const WRAP_BUDGET_MS: u64 = 30_000;

/// The keys that regions had before.
pub(crate) type OldKeys = BTreeMap<Region, Arc<dyn Keys>>;

impl Regions {
    /// Makes the secrets, or brings those that there are to every region. True if they were made now.
    pub async fn ensure_secrets(&self) -> Result<bool, CliError> {
        self.ensure_secrets_anew(&BTreeSet::new(), &OldKeys::new()).await
    }

    /// As [`Regions::ensure_secrets`]; the regions of `anew` have got another key, which has to wrap them again. Where no
    /// other region has wrapped them, the key of before opens them, as far as it is in `old`.
    pub(crate) async fn ensure_secrets_anew(&self, anew: &BTreeSet<Region>, old: &OldKeys) -> Result<bool, CliError> {
        let ring = KeyRing::new(&with_old_keys(&self.first()?.home, old), WRAP_BUDGET_MS);
        Ok(self.shared_secrets_with(ring).ensure(anew, self.clock.now()).await?)
    }

    /// The secrets of the region that is ahead, brought to every other one: a rotation may have been interrupted between
    /// two regions. True if there was anything to bring.
    pub(crate) async fn newest_secrets(&self) -> Result<(SecretsDocument, bool), CliError> {
        Ok(self.shared_secrets()?.newest().await?)
    }

    /// Adds the secrets that other systems made their hashes with; gives the ids of those that are new.
    pub(crate) async fn add_hash_keys(&self, keys: &HashKeys, entropy: &dyn Entropy) -> Result<Vec<String>, CliError> {
        Ok(self.shared_secrets()?.add_hash_keys(keys, entropy).await?)
    }

    /// The ids of those secrets, as the region has them that is asked first.
    pub(crate) async fn hash_key_ids(&self) -> Result<Vec<String>, CliError> {
        let stored = SecretsDocument::stored(&*self.first()?.home.registry).await?;
        Ok(stored.map(|document| document.hash_keys.into_keys().collect()).unwrap_or_default())
    }

    /// Drops the wraps of a region that is no longer one of these. False if they are all there is.
    pub(crate) async fn forget_in_secrets(&self, removed: &Region) -> Result<bool, CliError> {
        Ok(self.shared_secrets()?.forget(removed).await?)
    }

    /// What reaches every region's KMS key, from the region that is asked first.
    pub(crate) fn ring(&self, wrap_budget_ms: u64) -> Result<KeyRing, CliError> {
        Ok(KeyRing::new(&self.first()?.home, wrap_budget_ms))
    }

    fn shared_secrets(&self) -> Result<SharedSecrets<'_>, CliError> {
        Ok(self.shared_secrets_with(self.ring(WRAP_BUDGET_MS)?))
    }

    fn shared_secrets_with(&self, ring: KeyRing) -> SharedSecrets<'_> {
        SharedSecrets::new(self.list.iter().map(|region| &region.home), ring)
    }
}

impl From<SharedSecretsError> for CliError {
    fn from(error: SharedSecretsError) -> Self {
        match error {
            SharedSecretsError::Region { region, source } => Self::RegionSecrets { region, source },
            SharedSecretsError::Secrets(source) => Self::Secrets(source),
            SharedSecretsError::Different(_) => Self::Failed(format!(
                "{error}, and none are ever replaced; if a key is being rotated, let `umoja rotate` end or run it again, \
                 else restore the setting `{SETTING}` from a backup"
            )),
            SharedSecretsError::HashKey(_) => Self::Failed(format!("{error}; give the key another id")),
            SharedSecretsError::Changing(_) => {
                Self::Failed(format!("{error}; let that end, and run the command again: it goes on"))
            }
        }
    }
}
