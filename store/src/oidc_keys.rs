//! The keys that sign the tokens of single sign-on, unwrapped.
//!
//! Their documents ([`OidcKeySet`]) are settings like those of webhooks. The private halves are sealed under the
//! deployment's derived secret, as hash keys of other systems and the tokens of targets are: every region's KMS wraps
//! that one secret, so adding a region, removing one and rotating a KMS key need no step for these keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umoja_crypto::jws::Jwk;
use umoja_crypto::{Algorithm, SigningKey, VerifyingKey};
use umoja_schema::{Millis, OidcAlgorithm, OidcKey, OidcKeySet};

use crate::ports::{Entropy, Registry, StoreError};
use crate::secrets::{SealedFor, Secrets};

/// Why the keys cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum OidcKeysError {
    /// The settings cannot be read.
    #[error("the keys of single sign-on: {0}")]
    Store(#[from] StoreError),
    /// There are no keys of an algorithm.
    #[error("the deployment has no keys of single sign-on for {0}; run `umoja rotate oidc-key`")]
    Absent(OidcAlgorithm),
    /// A stored key does not open under the deployment's secrets, or is no key.
    #[error("the keys of single sign-on for {0} are malformed")]
    Malformed(OidcAlgorithm),
    /// The library cannot make a key.
    #[error("no key of single sign-on could be made for {0}")]
    NotMade(OidcAlgorithm),
}

/// A new key, sealed for its document.
///
/// # Errors
/// [`OidcKeysError::NotMade`].
pub fn new_oidc_key(
    algorithm: OidcAlgorithm,
    secrets: &Secrets,
    entropy: &dyn Entropy,
    now: Millis,
) -> Result<OidcKey, OidcKeysError> {
    let key = SigningKey::generate(of_crypto(algorithm)).map_err(|_| OidcKeysError::NotMade(algorithm))?;
    let sealed = secrets.seal_oidc(SealedFor::Key, entropy, key.private_key_der());
    Ok(OidcKey {
        kid: key.kid().to_owned(),
        public: key.jwk(),
        sealed: Some(sealed),
        created_at: now,
        retired_at: None,
    })
}

/// The unwrapped keys of all algorithms, as of one time. Load them again from time to time: a rotation changes them, and
/// a retired key ends.
#[derive(Debug)]
pub struct OidcKeys {
    es256: SigningKey,
    rs256: SigningKey,
    published: Vec<(String, VerifyingKey)>,
    hints: Vec<(String, VerifyingKey)>,
    jwks: Value,
    etag: String,
}

impl OidcKeys {
    /// Reads and unwraps the keys of a region.
    ///
    /// # Errors
    /// [`OidcKeysError`].
    pub async fn load(registry: &dyn Registry, secrets: &Secrets, now: Millis) -> Result<Self, OidcKeysError> {
        let mut sets = Vec::new();
        for algorithm in OidcAlgorithm::ALL {
            let stored = registry.setting(&OidcKeySet::setting(&algorithm)).await?;
            let stored = stored.ok_or(OidcKeysError::Absent(algorithm))?;
            sets.push(OidcKeySet::read(algorithm.as_str(), stored).map_err(StoreError::from)?);
        }
        Self::open(&sets, secrets, now)
    }

    /// Unwraps the keys of these documents.
    ///
    /// # Errors
    /// [`OidcKeysError::Absent`] without a document of an algorithm, [`OidcKeysError::Malformed`].
    pub fn open(sets: &[OidcKeySet], secrets: &Secrets, now: Millis) -> Result<Self, OidcKeysError> {
        let signer = |algorithm| {
            let set = sets.iter().find(|set| set.id == algorithm).ok_or(OidcKeysError::Absent(algorithm))?;
            opened(set.id, &set.current, secrets).ok_or(OidcKeysError::Malformed(algorithm))
        };
        let (es256, rs256) = (signer(OidcAlgorithm::Es256)?, signer(OidcAlgorithm::Rs256)?);
        let (mut published, mut hints, mut jwks) = (Vec::new(), Vec::new(), Vec::new());
        for set in sets {
            let public = |key: &OidcKey| {
                let jwk = Jwk::parse(&key.public).ok().filter(|jwk| jwk.kid() == Some(key.kid.as_str()));
                jwk.map(|jwk| (key.kid.clone(), jwk.key().clone())).ok_or(OidcKeysError::Malformed(set.id))
            };
            for key in set.published(now) {
                published.push(public(key)?);
                jwks.push(key.public.clone());
            }
            for key in set.for_hints(now) {
                hints.push(public(key)?);
            }
        }
        let jwks = json!({ "keys": jwks });
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(jwks.to_string())[..16]));
        Ok(Self { es256, rs256, published, hints, jwks, etag })
    }

    /// The published keys, a JWK set (RFC 7517 section 5): those that sign, those that will, and for a day those that
    /// did.
    pub const fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// The entity tag of [`OidcKeys::jwks`], with its quotes.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The key that signs with an algorithm.
    pub const fn signer(&self, algorithm: OidcAlgorithm) -> &SigningKey {
        match algorithm {
            OidcAlgorithm::Es256 => &self.es256,
            OidcAlgorithm::Rs256 => &self.rs256,
        }
    }

    /// The published key of this name, for tokens.
    pub fn verify(&self, kid: &str) -> Option<&VerifyingKey> {
        named(&self.published, kid)
    }

    /// The key of this name, for an `id_token_hint`: for ninety days also one that signs no more.
    pub fn verify_hint(&self, kid: &str) -> Option<&VerifyingKey> {
        named(&self.hints, kid)
    }
}

fn named<'k>(keys: &'k [(String, VerifyingKey)], kid: &str) -> Option<&'k VerifyingKey> {
    keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
}

/// The private half, if it is that of the public half in the document.
fn opened(algorithm: OidcAlgorithm, key: &OidcKey, secrets: &Secrets) -> Option<SigningKey> {
    let der = secrets.open_oidc(SealedFor::Key, key.sealed.as_deref()?)?;
    let opened = SigningKey::from_pkcs8(&key.kid, of_crypto(algorithm), &der).ok()?;
    (opened.jwk() == key.public).then_some(opened)
}

const fn of_crypto(algorithm: OidcAlgorithm) -> Algorithm {
    match algorithm {
        OidcAlgorithm::Es256 => Algorithm::Es256,
        OidcAlgorithm::Rs256 => Algorithm::Rs256,
    }
}
