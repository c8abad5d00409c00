//! The deployment's long-lived secrets: index key, signing key, and one for everything derived. Made once by
//! `umoja init`, stored wrapped by every region's KMS, unwrapped once at start.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{try_join_all, try_join3};
use serde::{Deserialize, Serialize};
use umoja_crypto::Aad;
use umoja_crypto::DataKey;
use umoja_crypto::IndexKey;
use umoja_crypto::MacKey;
use umoja_crypto::WrappingKey;
use umoja_crypto::jws::SigningKey;
use umoja_schema::{BlindIndex, CompanyId, IdentifierKind, LogRow, Millis, Region, UserId};

use crate::keyring::KeyRing;
use crate::ports::{EncryptionContext, Entropy, KeysError, Registry, StoreError};

/// The name of the setting that holds them.
pub const SETTING: &str = umoja_schema::names::setting::SECRETS;

pub(crate) const INDEX: &str = "index";
pub(crate) const SIGNING: &str = "signing";
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
        if own.len() != theirs.len() || self.dropped_index != other.dropped_index {
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

    fn secrets(&self) -> impl Iterator<Item = (&'static str, &WrappedSecret)> {
        let index = self.index.iter().map(|secret| (INDEX, secret));
        let signing = self.signing.iter().map(|secret| (SIGNING, secret));
        index.chain(signing).chain(self.derivation.iter().map(|secret| (DERIVATION, secret)))
    }

    fn secrets_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut WrappedSecret)> {
        let index = self.index.iter_mut().map(|secret| (INDEX, secret));
        let signing = self.signing.iter_mut().map(|secret| (SIGNING, secret));
        index.chain(signing).chain(self.derivation.iter_mut().map(|secret| (DERIVATION, secret)))
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

/// The unwrapped secrets.
pub struct Secrets {
    index: Vec<IndexKey>,
    signing: Vec<SigningKey>,
    user_ids: MacKey,
    requests: MacKey,
    resets: MacKey,
    rows: WrappingKey,
}

impl Secrets {
    /// Loads and unwraps them.
    pub async fn load(registry: &dyn Registry, ring: &KeyRing) -> Result<Self, SecretsError> {
        let document = SecretsDocument::stored(registry).await?.ok_or(SecretsError::Absent)?;
        Self::open(&document, ring).await
    }

    /// Unwraps them, all at once: a start waits for one answer of a KMS and not for three.
    pub async fn open(document: &SecretsDocument, ring: &KeyRing) -> Result<Self, SecretsError> {
        let derivation = document.derivation.last().ok_or(SecretsError::Malformed)?;
        if document.index.is_empty() || document.signing.is_empty() {
            return Err(SecretsError::Malformed);
        }
        let index = document.index.iter().map(async |secret| {
            let key = secret.unwrap(ring, INDEX).await?;
            Ok::<_, SecretsError>(IndexKey::new(secret.version, key.expose()))
        });
        let signing = document.signing.iter().map(async |secret| {
            let key = secret.unwrap(ring, SIGNING).await?;
            Ok::<_, SecretsError>(SigningKey::from_seed(&signing_key_id(secret.version), *key.expose()))
        });
        let (index, signing, derivation) =
            try_join3(try_join_all(index), try_join_all(signing), derivation.unwrap(ring, DERIVATION)).await?;
        let rows = MacKey::derive(derivation.expose(), "umoja/1/rows");
        let mut wide = [0; 64];
        wide[..32].copy_from_slice(&rows.tag(&[b"first"]));
        wide[32..].copy_from_slice(&rows.tag(&[b"second"]));
        Ok(Self {
            index,
            signing,
            user_ids: MacKey::derive(derivation.expose(), "umoja/1/user-ids"),
            requests: MacKey::derive(derivation.expose(), "umoja/1/requests"),
            resets: MacKey::derive(derivation.expose(), "umoja/1/password-resets"),
            rows: WrappingKey::new(wide),
        })
    }

    /// The blind indexes of an identifier, one for each live key with the key's version: all are written, and all are
    /// looked under, so that a key can be rotated without anybody becoming unknown or registering twice.
    pub fn indexes(
        &self,
        kind: IdentifierKind,
        company: Option<&CompanyId>,
        normalised: &str,
    ) -> Vec<(u32, BlindIndex)> {
        self.index.iter().map(|key| (key.version(), blind(key, kind, company, normalised))).collect()
    }

    /// The versions of the live blind index keys.
    pub fn index_key_versions(&self) -> impl Iterator<Item = u32> {
        self.index.iter().map(IndexKey::version)
    }

    /// The key that signs responses.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing[self.signing.len() - 1]
    }

    /// Every key to publish.
    pub fn signing_keys(&self) -> &[SigningKey] {
        &self.signing
    }

    /// The id of the user that a company registers under an idempotency key: the same in every region.
    pub fn user_id(&self, company: &CompanyId, idempotency_key: &str) -> UserId {
        let tag = self.user_ids.tag(&[company.as_str().as_bytes(), idempotency_key.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag[..16]);
        UserId::v8(bytes)
    }

    /// What a request is remembered by: a keyed hash, so that the table shows neither ids nor keys of requests.
    pub fn request_hash(&self, parts: &[&str]) -> [u8; 32] {
        self.requests.tag(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
    }

    /// The tag of a password reset token: the same in every region, whichever other secrets are rotated.
    pub fn reset_tag(&self, parts: &[&str]) -> [u8; 32] {
        self.resets.tag(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
    }

    /// True if it is the tag of these parts, compared in constant time.
    pub fn is_reset_tag(&self, parts: &[&str], tag: &[u8]) -> bool {
        self.resets.verify(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>(), tag)
    }

    /// Seals a free text into a row, bound to the row. Rows stay for ever and are read by operators, and nobody can
    /// promise that a caller's text holds no personal data.
    pub fn seal_text(&self, row: &LogRow, text: &str, entropy: &dyn Entropy) -> Vec<u8> {
        self.rows.seal_bytes(entropy.array(), &row_aad(row), text.as_bytes())
    }

    /// Opens a text that [`Secrets::seal_text`] sealed into this row.
    pub fn open_text(&self, row: &LogRow, sealed: &[u8]) -> Option<String> {
        let bytes = self.rows.open_bytes(&row_aad(row), sealed).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

fn blind(key: &IndexKey, kind: IdentifierKind, company: Option<&CompanyId>, normalised: &str) -> BlindIndex {
    let domain = company.map_or_else(|| "umoja".to_owned(), |company| format!("umoja:{company}"));
    BlindIndex::new(key.index(&domain, kind.as_str(), normalised))
}

fn row_aad(row: &LogRow) -> Aad {
    Aad::new().bytes(row.user.as_bytes()).text(&row.key).text(&row.kind)
}
