//! The deployment's long-lived secrets: index key, signing key, and one for everything derived. Made once by
//! `umoja init`, stored wrapped by every region's KMS, unwrapped once at start.

mod opened;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_crypto::DataKey;
use umoja_schema::{Millis, Region};

use crate::keyring::KeyRing;
use crate::ports::{EncryptionContext, KeysError, Registry, StoreError};

pub use self::opened::Secrets;

/// The name of the setting that holds them.
pub const SETTING: &str = umoja_schema::names::setting::SECRETS;

pub(crate) const INDEX: &str = "index";
pub(crate) const SIGNING: &str = "signing";
pub(crate) const PEPPER: &str = "pepper";
const DERIVATION: &str = "derivation";

/// The setting's document. Wrapped secrets only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsDocument {
    /// Blind index keys, the newest last; two while one is rotated.
    pub index: Vec<WrappedSecret>,
    /// Versions of blind index keys that are gone, and whose claims have still to be taken out of profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_index: Vec<u32>,
    /// Response signing keys, the one to sign with last; the others are still published.
    pub signing: Vec<WrappedSecret>,
    /// What ids, tokens and the sealing of rows are derived from.
    pub derivation: Vec<WrappedSecret>,
    /// Peppers of passwords, the newest last; none before the first rotation. They stay: a hash made with one can only be
    /// verified with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pepper: Vec<WrappedSecret>,
    /// The version of the pepper that new hashes are made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pepper_in_use: Option<u32>,
    /// By id, the secrets that other systems made their hashes with: sealed under a key that is derived from
    /// `derivation`, unpadded base64url. They stay, like peppers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hash_keys: BTreeMap<String, String>,
}

/// One wrapped secret of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedSecret {
    /// Its version, from 1.
    pub version: u32,
    /// When it was made, Unix seconds.
    pub created_at: u64,
    /// By region: the blob, unpadded base64url.
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
    /// There are none.
    #[error("the deployment has no secrets yet; run `umoja init`")]
    Absent,
    /// What is stored is malformed.
    #[error("the deployment's secrets are malformed")]
    Malformed,
    /// Some region has not wrapped a new secret; a region without it could not start.
    #[error("the KMS of {0} did not wrap the secret; every region's has to when secrets are made")]
    RegionMissing(Region),
    /// Some region's KMS does not wrap a secret that there is.
    #[error("the KMS of {region} did not wrap the deployment's secrets: {source}")]
    NotWrapped {
        /// Which region.
        region: Region,
        /// Why.
        source: KeysError,
    },
}

impl SecretsDocument {
    /// Makes the first version of each secret. Every region's KMS has to answer.
    pub async fn create(ring: &KeyRing, now: Millis) -> Result<Self, SecretsError> {
        Ok(Self {
            index: vec![WrappedSecret::create(ring, INDEX, 1, now).await?],
            dropped_index: Vec::new(),
            signing: vec![WrappedSecret::create(ring, SIGNING, 1, now).await?],
            derivation: vec![WrappedSecret::create(ring, DERIVATION, 1, now).await?],
            pepper: Vec::new(),
            pepper_in_use: None,
            hash_keys: BTreeMap::new(),
        })
    }

    /// What a region's settings hold; nothing before `umoja init`.
    pub async fn stored(registry: &dyn Registry) -> Result<Option<Self>, SecretsError> {
        let document = registry.setting(SETTING).await?;
        document.map(serde_json::from_value).transpose().map_err(|_| SecretsError::Malformed)
    }

    /// True if every secret's entry of a region opens under the KMS key that the region has now; false if that refuses
    /// one, or has wrapped none: it is another key than the one that wrapped them.
    ///
    /// # Errors
    /// If the region's KMS does not answer, or its key is disabled.
    pub async fn is_wrapped_by(&self, ring: &KeyRing, region: &Region) -> Result<bool, SecretsError> {
        let keys = ring.keys_of(region).ok_or_else(|| SecretsError::RegionMissing(region.clone()))?;
        for (purpose, secret) in self.secrets() {
            let Some(entry) = secret.wrapped.get(region) else { return Ok(false) };
            let blob = URL_SAFE_NO_PAD.decode(entry).map_err(|_| SecretsError::Malformed)?;
            match keys.unwrap(&blob, &context(purpose, secret.version)).await {
                Ok(_) => {}
                Err(KeysError::Refused) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Has every secret wrapped by each region of the ring that lacks it, and by those of `anew` again, whose key is
    /// another one now. True if any was.
    pub async fn wrap_for_all(&mut self, ring: &KeyRing, anew: &BTreeSet<Region>) -> Result<bool, SecretsError> {
        let mut any = false;
        for (purpose, secret) in self.secrets_mut() {
            any |= secret.wrap_for_all(purpose, ring, anew).await?;
        }
        Ok(any)
    }

    /// Takes over what `other`, another region's copy, has wrapped besides. False, and nothing changed, if the copies
    /// are not of the same secrets.
    pub async fn merge(&mut self, other: &Self, ring: &KeyRing) -> Result<bool, SecretsError> {
        let own: Vec<_> = self.secrets().collect();
        let theirs: Vec<_> = other.secrets().collect();
        let beside =
            |document: &Self| (document.dropped_index.clone(), document.pepper_in_use, document.hash_keys.clone());
        if own.len() != theirs.len() || beside(self) != beside(other) {
            return Ok(false);
        }
        for ((purpose, own), (their_purpose, theirs)) in own.iter().zip(&theirs) {
            let same = (purpose, own.version, own.created_at) == (their_purpose, theirs.version, theirs.created_at);
            if !same || own.unwrap(ring, purpose).await?.expose() != theirs.unwrap(ring, purpose).await?.expose() {
                return Ok(false);
            }
        }
        let theirs = theirs.into_iter().map(|(_, secret)| secret.wrapped.clone()).collect::<Vec<_>>();
        for ((_, own), theirs) in self.secrets_mut().zip(theirs) {
            for (region, blob) in theirs {
                own.wrapped.entry(region).or_insert(blob);
            }
        }
        Ok(true)
    }

    /// Drops what a region's KMS has wrapped, after the region was removed from the deployment. False, and nothing is
    /// changed, if some secret would have no wrap left.
    pub fn forget(&mut self, region: &Region) -> bool {
        let needed = |(_, secret): (_, &WrappedSecret)| !secret.wrapped.keys().any(|other| other != region);
        if self.secrets().any(needed) {
            return false;
        }
        for (_, secret) in self.secrets_mut() {
            secret.wrapped.remove(region);
        }
        true
    }

    /// What ids, tokens and keys are derived from.
    pub(crate) async fn open_derivation(&self, ring: &KeyRing) -> Result<DataKey, SecretsError> {
        self.derivation.last().ok_or(SecretsError::Malformed)?.unwrap(ring, DERIVATION).await
    }

    fn secrets(&self) -> impl Iterator<Item = (&'static str, &WrappedSecret)> {
        let index = self.index.iter().map(|secret| (INDEX, secret));
        let signing = self.signing.iter().map(|secret| (SIGNING, secret));
        let pepper = self.pepper.iter().map(|secret| (PEPPER, secret));
        index.chain(signing).chain(self.derivation.iter().map(|secret| (DERIVATION, secret))).chain(pepper)
    }

    fn secrets_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut WrappedSecret)> {
        let index = self.index.iter_mut().map(|secret| (INDEX, secret));
        let signing = self.signing.iter_mut().map(|secret| (SIGNING, secret));
        let pepper = self.pepper.iter_mut().map(|secret| (PEPPER, secret));
        index.chain(signing).chain(self.derivation.iter_mut().map(|secret| (DERIVATION, secret))).chain(pepper)
    }
}

impl WrappedSecret {
    /// Makes a secret.
    pub async fn create(ring: &KeyRing, purpose: &str, version: u32, now: Millis) -> Result<Self, SecretsError> {
        let new = ring.generate(&context(purpose, version)).await?;
        if let Some(missing) = ring.regions().find(|region| !new.wrapped.contains_key(*region)) {
            return Err(SecretsError::RegionMissing(missing.clone()));
        }
        let wrapped = new.wrapped.into_iter().map(|(region, blob)| (region, URL_SAFE_NO_PAD.encode(blob))).collect();
        Ok(Self { version, created_at: now.secs(), wrapped })
    }

    async fn wrap_for_all(
        &mut self,
        purpose: &str,
        ring: &KeyRing,
        anew: &BTreeSet<Region>,
    ) -> Result<bool, SecretsError> {
        let lacks = |region: &&Region| anew.contains(*region) || !self.wrapped.contains_key(*region);
        let lacking: Vec<Region> = ring.regions().filter(lacks).cloned().collect();
        if lacking.is_empty() {
            return Ok(false);
        }
        let mut others = self.clone();
        others.wrapped.retain(|region, _| !anew.contains(region));
        // With every region's key replaced at once, only the old entries are left to try: the keys of before open them.
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

    async fn unwrap(&self, ring: &KeyRing, purpose: &str) -> Result<DataKey, SecretsError> {
        let decode = |(region, text): (&Region, &String)| {
            URL_SAFE_NO_PAD.decode(text).map(|blob| (region.clone(), blob)).map_err(|_| SecretsError::Malformed)
        };
        let wrapped = self.wrapped.iter().map(decode).collect::<Result<_, _>>()?;
        Ok(ring.unwrap(&wrapped, &context(purpose, self.version)).await?)
    }
}

/// The id (`kid`) of a version of the key that signs answers.
pub(crate) fn signing_key_id(version: u32) -> String {
    format!("umoja-{version}")
}

fn context(purpose: &str, version: u32) -> EncryptionContext {
    EncryptionContext::from([
        ("umoja:secret".into(), purpose.to_owned()),
        ("umoja:version".into(), version.to_string()),
    ])
}

/// The version of the newest of the secrets; 0 if there are none.
pub(crate) fn newest(secrets: &[WrappedSecret]) -> u32 {
    secrets.iter().map(|secret| secret.version).max().unwrap_or_default()
}
