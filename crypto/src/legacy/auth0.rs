//! Auth0's `custom_password_hash` object.
//!
//! <https://auth0.com/docs/manage-users/user-migration/bulk-user-import-database-schema-and-examples>

use serde::Deserialize;

use super::codec::{PasswordEncoding, TextEncoding};
use super::digest::Digest;
use super::keys::HashKeys;
use super::parts::json;
use super::step::{HmacKey, Place, Step};
use super::{ForeignHash, ImportError};

#[derive(Deserialize)]
struct Custom {
    algorithm: String,
    hash: Hash,
    salt: Option<Salt>,
    password: Option<PasswordText>,
    keylen: Option<usize>,
    cost: Option<u64>,
    #[serde(rename = "blockSize")]
    block_size: Option<u32>,
    parallelization: Option<u32>,
}

#[derive(Deserialize)]
struct Hash {
    value: String,
    encoding: Option<String>,
    digest: Option<String>,
    key: Option<Key>,
}

#[derive(Deserialize)]
struct Key {
    value: String,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Salt {
    value: String,
    encoding: Option<String>,
    position: Option<String>,
}

#[derive(Deserialize)]
struct PasswordText {
    encoding: Option<String>,
}

impl ForeignHash {
    /// Auth0's `custom_password_hash`, as JSON.
    ///
    /// The key of an HMAC is looked up among `keys`, and only its id is kept.
    ///
    /// # Errors
    /// [`ImportError`]; [`ImportError::MissingKey`] if the key of an HMAC is not among `keys`.
    pub fn auth0(custom_password_hash: &str, keys: &HashKeys) -> Result<Self, ImportError> {
        let custom: Custom = json(custom_password_hash)?;
        let encoding = custom.password.as_ref().and_then(|password| password.encoding.as_deref());
        let encoding = match encoding.unwrap_or("utf8") {
            "utf8" => PasswordEncoding::Utf8,
            "ascii" => PasswordEncoding::Ascii,
            "latin1" | "binary" => PasswordEncoding::Latin1,
            "utf16le" | "ucs2" => PasswordEncoding::Utf16Le,
            _ => return Err(ImportError::Unsupported),
        };
        let hash = match custom.algorithm.as_str() {
            "argon2" | "bcrypt" | "ldap" | "pbkdf2" => Self::parse(&custom.hash.value)?,
            "hmac" => custom.hmac(keys)?,
            "scrypt" => custom.scrypt()?,
            digest => custom.digest(digest)?,
        };
        Ok(hash.with_encoding(encoding))
    }
}

impl Custom {
    fn digest(&self, name: &str) -> Result<ForeignHash, ImportError> {
        let digest = Digest::of(name).ok_or(ImportError::Unsupported)?;
        let (salt, place) = self.salt()?;
        let step = Step { salt: place, ..Step::plain(digest) };
        ForeignHash::chain(&[step], None, &salt, &self.hash()?)
    }

    fn hmac(&self, keys: &HashKeys) -> Result<ForeignHash, ImportError> {
        let digest = self.hash.digest.as_deref().and_then(Digest::of).ok_or(ImportError::Unsupported)?;
        let key = self.hash.key.as_ref().ok_or(ImportError::Unsupported)?;
        let key = decode(&key.value, key.encoding.as_deref(), TextEncoding::Utf8)?;
        let id = keys.id_of(&key).ok_or(ImportError::MissingKey)?;
        let (salt, place) = self.salt()?;
        let step = Step { salt: place, ..Step::hmac(digest, HmacKey::Secret) };
        ForeignHash::chain(&[step], Some(id), &salt, &self.hash()?)
    }

    fn scrypt(&self) -> Result<ForeignHash, ImportError> {
        let ((salt, _), hash) = (self.salt()?, self.hash()?);
        if self.keylen.is_some_and(|length| length != hash.len()) {
            return Err(ImportError::Unsupported);
        }
        // Node's defaults.
        let (n, r, p) = (self.cost.unwrap_or(16384), self.block_size.unwrap_or(8), self.parallelization.unwrap_or(1));
        ForeignHash::scrypt(n, r, p, &salt, &hash)
    }

    fn hash(&self) -> Result<Vec<u8>, ImportError> {
        decode(&self.hash.value, self.hash.encoding.as_deref(), TextEncoding::Base64)
    }

    /// The salt and its place. A missing salt is the same as an empty one.
    fn salt(&self) -> Result<(Vec<u8>, Option<Place>), ImportError> {
        let Some(salt) = self.salt.as_ref().filter(|salt| !salt.value.is_empty()) else {
            return Ok((Vec::new(), None));
        };
        let place = match salt.position.as_deref() {
            None | Some("prefix") => Place::First,
            Some("suffix") => Place::Last,
            Some(_) => return Err(ImportError::Unsupported),
        };
        Ok((decode(&salt.value, salt.encoding.as_deref(), TextEncoding::Utf8)?, Some(place)))
    }
}

fn decode(text: &str, encoding: Option<&str>, default: TextEncoding) -> Result<Vec<u8>, ImportError> {
    let encoding = match encoding {
        None => default,
        Some("hex") => TextEncoding::Hex,
        Some("base64") => TextEncoding::Base64,
        Some("utf8") => TextEncoding::Utf8,
        Some(_) => return Err(ImportError::Unsupported),
    };
    encoding.decode(text).map(|bytes| bytes.to_vec()).ok_or(ImportError::Unsupported)
}
