//! Legacy hashes in separate parts: a constructor for each source.

use serde::Deserialize;

use super::chain::Chain;
use super::codec::{PasswordEncoding, base64, enough};
use super::digest::Digest;
use super::keys::valid_id;
use super::pbkdf2::Pbkdf2;
use super::recipe::{Family, Recipe};
use super::scrypt::Scrypt;
use super::step::{Place, Step};
use super::{ForeignHash, ImportError};

impl ForeignHash {
    /// Nested and repeated digests: `sha1(salt . password)` is one step, `sha1(salt . md5(password))` two.
    ///
    /// `key_id` names the secret in [`HashKeys`](super::HashKeys) if a step is peppered or keyed; `salt` is empty if no
    /// step uses it. An empty salt of a salted scheme is the scheme without salt.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] if steps, salt, key and length of the hash do not fit together.
    pub fn chain(steps: &[Step], key_id: Option<&str>, salt: &[u8], hash: &[u8]) -> Result<Self, ImportError> {
        let chain = Chain::new(steps.to_vec(), key_id.map(str::to_owned), salt, false)?;
        Self::bare(Recipe::new(Family::Chain(chain), salt.to_vec()), hash.to_vec())
    }

    /// Windows' NT hash: MD4 over UTF-16.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] if it does not have 16 bytes.
    pub fn nt(hash: &[u8]) -> Result<Self, ImportError> {
        Ok(Self::chain(&[Step::plain(Digest::Md4)], None, &[], hash)?.with_encoding(PasswordEncoding::Utf16Le))
    }

    /// PrestaShop before 1.7: MD5 over the shop's `_COOKIE_KEY_`, which `key_id` names, and the password. (Later
    /// versions use bcrypt, which [`parse`](Self::parse) reads.)
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] if it does not have 16 bytes or the id is invalid.
    pub fn presta_shop(key_id: &str, hash: &[u8]) -> Result<Self, ImportError> {
        Self::chain(&[Step::peppered(Digest::Md5, Place::First)], Some(key_id), &[], hash)
    }

    /// OpenCart before 3: SHA-1 three times, twice with the salt first.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] if it does not have 20 bytes or there is no salt.
    pub fn open_cart(salt: &str, hash: &[u8]) -> Result<Self, ImportError> {
        let salted = Step::salted(Digest::Sha1, Place::First);
        Self::chain(&[Step::plain(Digest::Sha1), salted, salted], None, salt.as_bytes(), hash)
    }

    /// PBKDF2 over HMAC with `digest`; the length of the hash is the length of the output. Of an output of more than
    /// 128 bytes, such as passport-local-mongoose's 512, the first 64 are kept: each block is computed by itself, so
    /// the others prove nothing more and only cost time.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn pbkdf2(digest: Digest, iterations: u32, salt: &[u8], hash: &[u8]) -> Result<Self, ImportError> {
        let hash = enough(hash).ok_or(ImportError::Unsupported)?;
        let pbkdf2 = Pbkdf2::new(digest, iterations, hash.len())?;
        Self::bare(Recipe::new(Family::Pbkdf2(pbkdf2), salt.to_vec()), hash.to_vec())
    }

    /// scrypt with N itself, not its logarithm.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn scrypt(n: u64, r: u32, p: u32, salt: &[u8], hash: &[u8]) -> Result<Self, ImportError> {
        let hash = enough(hash).ok_or(ImportError::Unsupported)?;
        Self::bare(Recipe::new(Family::Scrypt(Scrypt::with_n(n, r, p)?), salt.to_vec()), hash.to_vec())
    }

    /// Firebase's scrypt. `key_id` names the project's signer key and salt separator; `memory_cost` and `rounds` are
    /// the project's too; salt and hash are the user's (all decoded).
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn firebase(
        key_id: &str,
        memory_cost: u32,
        rounds: u32,
        salt: &[u8],
        hash: &[u8],
    ) -> Result<Self, ImportError> {
        if !valid_id(key_id) {
            return Err(ImportError::Unsupported);
        }
        let scrypt = Scrypt::new(memory_cost, rounds, 1).map_err(|error| error.of("firebase"))?;
        Self::bare(Recipe::new(Family::Firebase(scrypt, key_id.to_owned()), salt.to_vec()), hash.to_vec())
    }

    /// Keycloak's `credential_data` and `secret_data`, as JSON: `pbkdf2`, `pbkdf2-sha256`, `pbkdf2-sha512`, `argon2`.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn keycloak(credential_data: &str, secret_data: &str) -> Result<Self, ImportError> {
        let credential: KeycloakCredential = json(credential_data)?;
        let secret: KeycloakSecret = json(secret_data)?;
        let (Some(salt), Some(hash)) = (base64(&secret.salt), base64(&secret.value)) else {
            return Err(ImportError::Unsupported);
        };
        let digest = match credential.algorithm.as_str() {
            "pbkdf2" => Digest::Sha1,
            "pbkdf2-sha256" => Digest::Sha256,
            "pbkdf2-sha512" => Digest::Sha512,
            "argon2" => return credential.argon2(&salt, &hash),
            _ => return Err(ImportError::Unsupported),
        };
        Self::pbkdf2(digest, credential.hash_iterations, &salt, &hash)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeycloakCredential {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct KeycloakSecret {
    value: String,
    salt: String,
}

impl KeycloakCredential {
    fn argon2(&self, salt: &[u8], hash: &[u8]) -> Result<ForeignHash, ImportError> {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD_NO_PAD;
        let value = |name: &str, default: &str| match self.additional_parameters.get(name).map(Vec::as_slice) {
            None => Ok(default.to_owned()),
            Some([value]) => Ok(value.clone()),
            Some(_) => Err(ImportError::Unsupported),
        };
        let version = match value("version", "1.3")?.as_str() {
            "1.0" => 16,
            "1.3" => 19,
            _ => return Err(ImportError::Unsupported),
        };
        // Keycloak's defaults.
        let (kind, memory, lanes) = (value("type", "id")?, value("memory", "7168")?, value("parallelism", "1")?);
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        let passes = self.hash_iterations;
        ForeignHash::argon2(&format!("$argon2{kind}$v={version}$m={memory},t={passes},p={lanes}${salt}${hash}"))
    }
}

/// Longest JSON that is read, in bytes.
const LONGEST: usize = 8192;

pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ImportError> {
    if text.len() > LONGEST {
        return Err(ImportError::Unsupported);
    }
    serde_json::from_str(text).map_err(|_| ImportError::Unsupported)
}
