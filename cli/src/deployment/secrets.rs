//! The deployment's secrets, as commands change them: made once, equal in every region, wrapped by every region's key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_accounts::People;
use umoja_crypto::legacy::HashKeys;
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Entropy, Keys};
use umoja_store::previous_kms_key::with_old_keys;
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SETTING, Secrets, SecretsDocument};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::{DeployedRegion, Regions};
use crate::CliError;

/// How long a region's key service may take to wrap a secret, in milliseconds: no caller waits for this.
pub(crate) const WRAP_BUDGET_MS: u64 = 30_000;

/// How long the key service of a peer may take to wrap a data key while an operator waits, in milliseconds.
const COMMAND_WRAP_BUDGET_MS: u64 = 5_000;

/// The former keys of regions.
pub(crate) type OldKeys = BTreeMap<Region, Arc<dyn Keys>>;

impl DeployedRegion {
    /// The deployment's secrets as the region has them, opened by this ring.
    pub(crate) async fn secrets(&self, ring: &KeyRing) -> Result<Secrets, CliError> {
        let secrets = Secrets::load(&*self.home.registry, ring).await;
        secrets.map_err(|source| CliError::RegionSecrets { region: self.name().clone(), source })
    }

    /// The people of the region, for a command that writes for one person.
    pub(crate) async fn people(&self) -> Result<People, CliError> {
        self.people_within(COMMAND_WRAP_BUDGET_MS).await
    }

    /// The people of the region. A write waits so long for the key services of its peers, in milliseconds.
    pub(crate) async fn people_within(&self, wrap_budget_ms: u64) -> Result<People, CliError> {
        let home = self.home.clone();
        let sealer = Arc::new(Sealer::new(KeyRing::new(&home, wrap_budget_ms), Arc::clone(&home.entropy)));
        let secrets = Arc::new(self.secrets(sealer.ring()).await?);
        Ok(People { home, sealer, secrets })
    }
}

impl Regions {
    /// Makes the secrets, or stores the existing ones in every region. True if they were made now.
    pub async fn ensure_secrets(&self) -> Result<bool, CliError> {
        self.ensure_secrets_rekeyed(&BTreeSet::new(), &OldKeys::new()).await
    }

    /// As [`Regions::ensure_secrets`]; the regions in `rekeyed` have another key, which has to wrap them. If no other
    /// region has wrapped them, the former key opens them, if it is in `old`.
    pub(crate) async fn ensure_secrets_rekeyed(
        &self,
        rekeyed: &BTreeSet<Region>,
        old: &OldKeys,
    ) -> Result<bool, CliError> {
        let ring = KeyRing::new(&with_old_keys(&self.first()?.home, old), WRAP_BUDGET_MS);
        Ok(self.shared_secrets_with(ring).ensure(rekeyed, self.clock.now()).await?)
    }

    /// Stores the newest secrets of any region in every other region, and returns them: a rotation may have been
    /// interrupted between two regions. True if a region lacked them.
    pub(crate) async fn newest_secrets(&self) -> Result<(SecretsDocument, bool), CliError> {
        Ok(self.shared_secrets()?.newest().await?)
    }

    /// Adds the secrets with which other systems made their hashes. Returns the ids of the new ones.
    pub(crate) async fn add_hash_keys(&self, keys: &HashKeys, entropy: &dyn Entropy) -> Result<Vec<String>, CliError> {
        Ok(self.shared_secrets()?.add_hash_keys(keys, entropy).await?)
    }

    /// The ids of those secrets in the region that is asked first.
    pub(crate) async fn hash_key_ids(&self) -> Result<Vec<String>, CliError> {
        let stored = SecretsDocument::stored(&*self.first()?.home.registry).await?;
        Ok(stored.map(|document| document.hash_keys.into_keys().collect()).unwrap_or_default())
    }

    /// Has every region's key open the secrets, and wrap those that it does not open; a region that leaves only opens
    /// them for the others.
    pub(crate) async fn wrap_unopened_secrets(&self, leaving: Option<&Region>) -> Result<bool, CliError> {
        Ok(self.shared_secrets()?.wrap_where_unopened(leaving).await?)
    }

    /// Whether the secrets have a wrapped key of a region: one that is listed, or whose removal has not ended.
    pub(crate) async fn has_wrapped_secrets_of(&self, region: &Region) -> Result<bool, CliError> {
        Ok(self.shared_secrets()?.is_wrapped_for(region).await?)
    }

    /// Drops the wrapped keys of a region that was removed from the secrets, after every other region's key has opened
    /// them.
    pub(crate) async fn forget_in_secrets(&self, removed: &Region) -> Result<(), CliError> {
        Ok(self.shared_secrets()?.forget(removed).await?)
    }

    /// The key ring of the region that is asked first.
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
                "{error}, and secrets are never replaced; if a key is being rotated, let `umoja rotate` end or run it \
                 again, else restore the setting `{SETTING}` from a backup"
            )),
            SharedSecretsError::HashKeyId(_) | SharedSecretsError::HashKeyLength(_) => Self::Failed(error.to_string()),
            SharedSecretsError::Changing(_) => {
                Self::Failed(format!("{error}; let that end, and run the command again: it continues"))
            }
        }
    }
}
