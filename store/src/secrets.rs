//! The deployment's long-lived secrets: the index key, the signing key, and one secret for all derived keys. `umoja
//! init` makes them once. Every region's KMS wraps them, and they are unwrapped once at start-up.

mod derived;
mod factors;
mod oidc;
mod opened;
mod wrapped;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use umoja_crypto::{DataKey, MacKey};
use umoja_schema::{Millis, Region};

use crate::keyring::KeyRing;
use crate::ports::Registry;
use crate::proof_keys::ProofKeys;

pub use self::factors::FactorKeys;
pub use self::oidc::SealedFor;
pub use self::opened::Secrets;
use self::wrapped::DERIVATION;
pub(crate) use self::wrapped::{INDEX, PEPPER, PROOF, SIGNING, newest, signing_key_id};
pub use self::wrapped::{SecretsError, WrappedSecret};

/// The name of the setting that stores the secrets.
pub const SETTING: &str = umoja_schema::names::setting::SECRETS;

/// The document of the setting. It contains only wrapped secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsDocument {
    /// Blind index keys, the newest last; two during a rotation.
    pub index: Vec<WrappedSecret>,
    /// Versions of dropped blind index keys whose ownerships still have to be removed from profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_index: Vec<u32>,
    /// Response signing keys. The last one signs; the others are still published.
    pub signing: Vec<WrappedSecret>,
    /// The secret from which ids, tokens and the keys that seal rows are derived.
    pub derivation: Vec<WrappedSecret>,
    /// Secrets of the proofs of stored items, the newest last. KMS keys of their own wrap them. The newest proves; an
    /// older one is kept as long as an item or a backup may be proved by it.
    pub proof: Vec<WrappedSecret>,
    /// The least version of the secret of proofs whose proofs verify.
    pub proof_from: u32,
    /// Peppers of passwords, the newest last; empty before the first rotation. Peppers are never removed, because a
    /// hash can only be verified with the pepper that made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pepper: Vec<WrappedSecret>,
    /// The version of the pepper for new hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pepper_in_use: Option<u32>,
    /// The hash keys of other systems by id, sealed under a key that is derived from `derivation`, in unpadded
    /// base64url. Like peppers, they are never removed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hash_keys: BTreeMap<String, String>,
    /// MAC of the other members under the newest secret of proofs, in unpadded base64url.
    #[serde(default)]
    pub mac: String,
}

impl SecretsDocument {
    /// Makes the first version of each secret. Every region's KMS has to answer.
    pub async fn create(ring: &KeyRing, now: Millis) -> Result<Self, SecretsError> {
        let mut document = Self {
            index: vec![WrappedSecret::create(ring, INDEX, 1, now).await?],
            dropped_index: Vec::new(),
            signing: vec![WrappedSecret::create(ring, SIGNING, 1, now).await?],
            derivation: vec![WrappedSecret::create(ring, DERIVATION, 1, now).await?],
            proof: vec![WrappedSecret::create(ring, PROOF, 1, now).await?],
            proof_from: 1,
            pepper: Vec::new(),
            pepper_in_use: None,
            hash_keys: BTreeMap::new(),
            mac: String::new(),
        };
        document.sign(ring).await?;
        Ok(document)
    }

    /// Renews the MAC after a change.
    ///
    /// # Errors
    /// If the secret of proofs cannot be unwrapped.
    pub async fn sign(&mut self, ring: &KeyRing) -> Result<(), SecretsError> {
        self.mac = URL_SAFE_NO_PAD.encode(self.mac_key(ring).await?.tag(&[&self.signed()?]));
        Ok(())
    }

    /// Checks the MAC.
    ///
    /// # Errors
    /// [`SecretsError::Unverified`] if it does not verify; another error if the secret of proofs cannot be unwrapped.
    pub async fn verify(&self, ring: &KeyRing) -> Result<(), SecretsError> {
        let mac = URL_SAFE_NO_PAD.decode(&self.mac).map_err(|_| SecretsError::Unverified)?;
        let verifies = self.mac_key(ring).await?.verify(&[&self.signed()?], &mac);
        if verifies { Ok(()) } else { Err(SecretsError::Unverified) }
    }

    async fn mac_key(&self, ring: &KeyRing) -> Result<MacKey, SecretsError> {
        let newest = self.proof.iter().max_by_key(|secret| secret.version).ok_or(SecretsError::Malformed)?;
        Ok(MacKey::derive(newest.unwrap(ring, PROOF).await?.expose(), "umoja/1/secrets"))
    }

    /// The bytes that the MAC covers. Members have a fixed order.
    fn signed(&self) -> Result<Vec<u8>, SecretsError> {
        let without = Self { mac: String::new(), ..self.clone() };
        serde_json::to_vec(&without).map_err(|_| SecretsError::Malformed)
    }

    /// The secrets in a region's settings; `None` before `umoja init`.
    pub async fn stored(registry: &dyn Registry) -> Result<Option<Self>, SecretsError> {
        let document = registry.setting(SETTING).await?;
        document.map(serde_json::from_value).transpose().map_err(|_| SecretsError::Malformed)
    }

    /// True if the region's current KMS key unwraps every secret's wrapped key of the region. False if it rejects one
    /// or if one is missing, because another key wrapped them.
    ///
    /// # Errors
    /// If the region's KMS does not answer, or its key is disabled.
    pub async fn is_wrapped_by(&self, ring: &KeyRing, region: &Region) -> Result<bool, SecretsError> {
        for (purpose, secret) in self.secrets() {
            if secret.unwrapped_by(purpose, ring, region).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Wraps every secret for each region of the key ring that lacks it, and again for the regions in `rekeyed`, whose
    /// KMS key has changed. True if any secret was wrapped.
    pub async fn wrap_for_all(&mut self, ring: &KeyRing, rekeyed: &BTreeSet<Region>) -> Result<bool, SecretsError> {
        let mut any = false;
        for (purpose, secret) in self.secrets_mut() {
            any |= secret.wrap_for_all(purpose, ring, rekeyed).await?;
        }
        Ok(any)
    }

    /// Has the current KMS key of every region of the key ring unwrap each secret. Where a region's key does not, a
    /// secret that another region's key has just unwrapped is wrapped for it. `leaving`, a region that is about to be
    /// removed, only unwraps. True if any secret was wrapped.
    ///
    /// # Errors
    /// With no change for that secret, if no region's key unwraps it, if two keys unwrap different values, or if a
    /// region's KMS does not answer.
    pub async fn wrap_where_unopened(
        &mut self,
        ring: &KeyRing,
        leaving: Option<&Region>,
    ) -> Result<bool, SecretsError> {
        let mut any = false;
        for (purpose, secret) in self.secrets_mut() {
            any |= secret.wrap_where_unopened(purpose, ring, leaving).await?;
        }
        Ok(any)
    }

    /// Takes over the wrapped keys that only `other`, another region's copy, has. If the copies hold different wrapped
    /// keys of a region, the one that the region's KMS key unwraps stays. False, with no change, if the copies are of
    /// different secrets.
    pub async fn merge(&mut self, other: &Self, ring: &KeyRing) -> Result<bool, SecretsError> {
        if self == other {
            return Ok(true);
        }
        let own: Vec<_> = self.secrets().collect();
        let theirs: Vec<_> = other.secrets().collect();
        let beside = |document: &Self| {
            (document.dropped_index.clone(), document.pepper_in_use, document.hash_keys.clone(), document.proof_from)
        };
        if own.len() != theirs.len() || beside(self) != beside(other) {
            return Ok(false);
        }
        for ((purpose, own), (their_purpose, theirs)) in own.iter().zip(&theirs) {
            let same = (purpose, own.version, own.created_at) == (their_purpose, theirs.version, theirs.created_at);
            if !same || own.unwrap(ring, purpose).await?.expose() != theirs.unwrap(ring, purpose).await?.expose() {
                return Ok(false);
            }
        }
        let theirs = theirs.into_iter().map(|(_, secret)| secret.clone()).collect::<Vec<_>>();
        for ((purpose, own), theirs) in self.secrets_mut().zip(theirs) {
            for (region, blob) in &theirs.wrapped {
                let differs = own.wrapped.get(region).is_some_and(|stored| stored != blob);
                let replaces = differs
                    && own.unwrapped_by(purpose, ring, region).await.is_ok_and(|key| key.is_none())
                    && theirs.unwrapped_by(purpose, ring, region).await.is_ok_and(|key| key.is_some());
                if replaces || !own.wrapped.contains_key(region) {
                    own.wrapped.insert(region.clone(), blob.clone());
                }
            }
        }
        Ok(true)
    }

    /// Drops the wrapped keys of a region that was removed from the deployment, after the current KMS key of every
    /// region of the key ring has unwrapped each secret ([`SecretsDocument::wrap_where_unopened`]).
    ///
    /// # Errors
    /// As for [`SecretsDocument::wrap_where_unopened`]: then no wrapped key was dropped.
    pub async fn forget(&mut self, ring: &KeyRing, removed: &Region) -> Result<(), SecretsError> {
        self.wrap_where_unopened(ring, Some(removed)).await?;
        for (_, secret) in self.secrets_mut() {
            secret.wrapped.remove(removed);
        }
        Ok(())
    }

    /// The regions that have a wrapped key of any secret.
    pub fn wrapped_for(&self) -> BTreeSet<&Region> {
        self.secrets().flat_map(|(_, secret)| secret.wrapped.keys()).collect()
    }

    /// The secret from which ids, tokens and keys are derived.
    pub(crate) async fn open_derivation(&self, ring: &KeyRing) -> Result<DataKey, SecretsError> {
        self.derivation.last().ok_or(SecretsError::Malformed)?.unwrap(ring, DERIVATION).await
    }

    /// The keys of proofs. `ring` may be one of the KMS keys that wrap their secret, and of no others.
    pub(crate) async fn open_proofs(&self, ring: &KeyRing) -> Result<ProofKeys, SecretsError> {
        let live = self.proof.iter().filter(|secret| secret.version >= self.proof_from);
        let opened = live.map(async |secret| {
            let key = secret.unwrap(ring, PROOF).await?;
            Ok::<_, SecretsError>((secret.version, *key.expose()))
        });
        let opened = try_join_all(opened).await?;
        self.verify(ring).await?;
        if opened.is_empty() { Err(SecretsError::Malformed) } else { Ok(ProofKeys::new(opened)) }
    }

    /// Whether another document has the same secrets of proofs, and the same of them verify.
    pub(crate) fn proofs_are_those_of(&self, other: &Self) -> bool {
        (&self.proof, self.proof_from) == (&other.proof, other.proof_from)
    }

    fn secrets(&self) -> impl Iterator<Item = (&'static str, &WrappedSecret)> {
        let index = self.index.iter().map(|secret| (INDEX, secret));
        let signing = self.signing.iter().map(|secret| (SIGNING, secret));
        let pepper = self.pepper.iter().map(|secret| (PEPPER, secret));
        let proof = self.proof.iter().map(|secret| (PROOF, secret));
        let derivation = self.derivation.iter().map(|secret| (DERIVATION, secret));
        index.chain(signing).chain(derivation).chain(proof).chain(pepper)
    }

    fn secrets_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut WrappedSecret)> {
        let index = self.index.iter_mut().map(|secret| (INDEX, secret));
        let signing = self.signing.iter_mut().map(|secret| (SIGNING, secret));
        let pepper = self.pepper.iter_mut().map(|secret| (PEPPER, secret));
        let proof = self.proof.iter_mut().map(|secret| (PROOF, secret));
        let derivation = self.derivation.iter_mut().map(|secret| (DERIVATION, secret));
        index.chain(signing).chain(derivation).chain(proof).chain(pepper)
    }
}
