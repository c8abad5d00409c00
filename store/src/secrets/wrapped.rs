//! One secret of the deployment, wrapped by the KMS key of every region.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_crypto::DataKey;
use umoja_schema::{Millis, Region};

use crate::keyring::KeyRing;
use crate::ports::{EncryptionContext, KeysError, StoreError};

pub(crate) const INDEX: &str = "index";
pub(crate) const SIGNING: &str = "signing";
pub(crate) const PEPPER: &str = "pepper";
pub(crate) const PROOF: &str = "proof";
pub(super) const DERIVATION: &str = "derivation";

/// One wrapped secret of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedSecret {
    /// The version, from 1.
    pub version: u32,
    /// When the secret was made, in Unix seconds.
    pub created_at: u64,
    /// The wrapped key of each region, in unpadded base64url.
    pub wrapped: BTreeMap<Region, String>,
}

/// Why the secrets cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A KMS failed.
    #[error("the deployment's secrets: {0}")]
    Keys(#[from] KeysError),
    /// The settings cannot be read.
    #[error("the deployment's secrets: {0}")]
    Store(#[from] StoreError),
    /// There are no secrets.
    #[error("the deployment has no secrets yet; run `umoja init`")]
    Absent,
    /// The stored document is malformed.
    #[error("the deployment's secrets are malformed")]
    Malformed,
    /// Something else than Umoja changed the stored document.
    #[error(
        "the deployment's secrets were changed by something else than Umoja; `umoja init` replaces them by those of another region"
    )]
    Unverified,
    /// A region's KMS did not wrap a new secret. That region could not start without it.
    #[error("the KMS of {0} did not wrap the secret; a new secret needs the KMS of every region")]
    RegionMissing(Region),
    /// A region's KMS did not wrap an existing secret.
    #[error("the KMS of {region} did not wrap the deployment's secrets: {source}")]
    NotWrapped {
        /// The region.
        region: Region,
        /// The cause.
        source: KeysError,
    },
    /// No region's current KMS key unwraps a secret.
    #[error("no region's KMS key unwraps version {version} of the secret `{purpose}`")]
    Unopened {
        /// The secret.
        purpose: &'static str,
        /// Its version.
        version: u32,
    },
    /// The KMS keys of two regions unwrap different secrets.
    #[error("the KMS keys of the regions unwrap different values of version {version} of the secret `{purpose}`")]
    Ambiguous {
        /// The secret.
        purpose: &'static str,
        /// Its version.
        version: u32,
    },
}

impl WrappedSecret {
    /// Makes a secret.
    pub async fn create(ring: &KeyRing, purpose: &str, version: u32, now: Millis) -> Result<Self, SecretsError> {
        let ring = ring_of(ring, purpose);
        let new = ring.generate(&context(purpose, version)).await?;
        if let Some(missing) = ring.regions().find(|region| !new.wrapped.contains_key(*region)) {
            return Err(SecretsError::RegionMissing(missing.clone()));
        }
        let wrapped = new.wrapped.into_iter().map(|(region, blob)| (region, URL_SAFE_NO_PAD.encode(blob))).collect();
        Ok(Self { version, created_at: now.secs(), wrapped })
    }

    pub(super) async fn wrap_for_all(
        &mut self,
        purpose: &str,
        ring: &KeyRing,
        rekeyed: &BTreeSet<Region>,
    ) -> Result<bool, SecretsError> {
        let ring = ring_of(ring, purpose);
        let lacks = |region: &&Region| rekeyed.contains(*region) || !self.wrapped.contains_key(*region);
        let lacking: Vec<Region> = ring.regions().filter(lacks).cloned().collect();
        if lacking.is_empty() {
            return Ok(false);
        }
        let mut others = self.clone();
        others.wrapped.retain(|region, _| !rekeyed.contains(region));
        // If the keys of all regions were replaced at once, only the old wrapped keys are left to try. The previous KMS
        // keys unwrap them.
        let key = match others.unwrap(ring, purpose).await {
            Ok(key) => key,
            Err(error) => self.unwrap(ring, purpose).await.map_err(|_| error)?,
        };
        for region in lacking {
            let keys = ring.keys_of(&region).ok_or_else(|| SecretsError::RegionMissing(region.clone()))?;
            let wrapped = keys.wrap(&key, &context(purpose, self.version)).await;
            let blob = wrapped.map_err(|source| SecretsError::NotWrapped { region: region.clone(), source })?;
            self.wrapped.insert(region, URL_SAFE_NO_PAD.encode(blob));
        }
        Ok(true)
    }

    pub(super) async fn wrap_where_unopened(
        &mut self,
        purpose: &'static str,
        ring: &KeyRing,
        leaving: Option<&Region>,
    ) -> Result<bool, SecretsError> {
        let ring = ring_of(ring, purpose);
        let version = self.version;
        let mut found: Option<DataKey> = None;
        let mut unopened = Vec::new();
        for region in ring.regions().filter(|region| Some(*region) != leaving) {
            match (self.unwrapped_by(purpose, ring, region).await?, &found) {
                (None, _) => unopened.push(region.clone()),
                (Some(key), None) => found = Some(key),
                (Some(key), Some(found)) if key.expose() == found.expose() => {}
                (Some(_), Some(_)) => return Err(SecretsError::Ambiguous { purpose, version }),
            }
        }
        if found.is_none()
            && let Some(leaving) = leaving.filter(|region| ring.keys_of(region).is_some())
        {
            found = self.unwrapped_by(purpose, ring, leaving).await?;
        }
        let key = found.ok_or(SecretsError::Unopened { purpose, version })?;
        let context = context(purpose, version);
        for region in &unopened {
            let failed = |source| SecretsError::NotWrapped { region: region.clone(), source };
            let keys = ring.keys_of(region).ok_or_else(|| SecretsError::RegionMissing(region.clone()))?;
            let blob = keys.wrap(&key, &context).await.map_err(failed)?;
            self.wrapped.insert(region.clone(), URL_SAFE_NO_PAD.encode(blob));
        }
        Ok(!unopened.is_empty())
    }

    /// The secret, unwrapped by the region's current KMS key alone; `None` if the region has no wrapped key, or its key
    /// rejects it.
    pub(super) async fn unwrapped_by(
        &self,
        purpose: &str,
        ring: &KeyRing,
        region: &Region,
    ) -> Result<Option<DataKey>, SecretsError> {
        let ring = ring_of(ring, purpose);
        let keys = ring.keys_of(region).ok_or_else(|| SecretsError::RegionMissing(region.clone()))?;
        let blob = self.wrapped.get(region).and_then(|entry| URL_SAFE_NO_PAD.decode(entry).ok());
        let Some(blob) = blob else { return Ok(None) };
        match keys.unwrap(&blob, &context(purpose, self.version)).await {
            Ok(key) => Ok(Some(key)),
            Err(KeysError::Rejected) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn unwrap(&self, ring: &KeyRing, purpose: &str) -> Result<DataKey, SecretsError> {
        // One damaged entry does not hide the others.
        let decode = |(region, text): (&Region, &String)| Some((region.clone(), URL_SAFE_NO_PAD.decode(text).ok()?));
        let wrapped = self.wrapped.iter().filter_map(decode).collect();
        Ok(ring_of(ring, purpose).unwrap(&wrapped, &context(purpose, self.version)).await?)
    }
}

/// The id (`kid`) of a version of the key that signs answers.
pub(crate) fn signing_key_id(version: u32) -> String {
    format!("umoja-{version}")
}

/// The KMS keys that wrap the secrets of a purpose.
fn ring_of<'a>(ring: &'a KeyRing, purpose: &str) -> &'a KeyRing {
    if purpose == PROOF { ring.for_proofs() } else { ring }
}

fn context(purpose: &str, version: u32) -> EncryptionContext {
    EncryptionContext::from([
        ("umoja:secret".into(), purpose.to_owned()),
        ("umoja:version".into(), version.to_string()),
    ])
}

/// The version of the newest secret; 0 if there are none.
pub(crate) fn newest(secrets: &[WrappedSecret]) -> u32 {
    secrets.iter().map(|secret| secret.version).max().unwrap_or_default()
}
