//! The spellings of other systems that name their family.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::before::{Before, Typed};
use super::chain::Chain;
use super::digest::Digest;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::keys::HashKeys;
use super::modular::{Result, bcrypt, hex, modular, pbkdf2, scrypt, stretched};
use super::pbkdf2::Pbkdf2;
use super::recipe::{Family, Recipe};
use super::scrypt::Scrypt;
use super::step::{Place, Step};
use super::{kratos, ldap, spring, werkzeug};

const LONGEST: usize = 1024;

impl ForeignHash {
    /// Reads a spelling that names its family (the table in [`legacy`](super)).
    ///
    /// A bare row of hexadecimal digits does not name one: use [`chain`](Self::chain) or [`nt`](Self::nt).
    ///
    /// # Errors
    /// [`ImportError`] with the reason of the rejection, without any of the string.
    pub fn parse(native: &str) -> Result<Self> {
        Self::parse_with(native, &HashKeys::default())
    }

    /// Like [`parse`](Self::parse), for spellings that hold or need a secret (Kratos, SuperTokens): it is looked up
    /// among `keys`, and only its id is kept.
    ///
    /// # Errors
    /// [`ImportError`]; [`ImportError::MissingKey`] if the secret is not among `keys`.
    pub fn parse_with(native: &str, keys: &HashKeys) -> Result<Self> {
        parse(native.trim_matches([' ', '\t', '\r', '\n']), keys)
    }
}

fn parse(native: &str, keys: &HashKeys) -> Result<ForeignHash> {
    if native.len() > LONGEST {
        return Err(ImportError::Unsupported);
    }
    if native.starts_with('{') {
        return braced(native);
    }
    if let Some(rest) = native.strip_prefix('$') {
        let kratos = rest.split_once('$').and_then(|(id, rest)| kratos::read(id, rest, keys));
        return kratos.unwrap_or_else(|| modular(native));
    }
    // Nextcloud's `OC\Security\Hasher`: the version of the format is before the hash.
    if let Some(nextcloud) = ["1|", "2|", "3|"].iter().find_map(|version| native.strip_prefix(version)) {
        let known = nextcloud.starts_with("$2") || nextcloud.starts_with("$argon2");
        return if known { modular(nextcloud) } else { Err(ImportError::Unsupported) };
    }
    if let Some(drupal) = native.strip_prefix("U$") {
        return stretched(&format!("${drupal}"), Before::hex_of(Digest::Md5));
    }
    if native.contains('$') {
        return if werkzeug::is_one(native) { werkzeug::read(native) } else { django(native) };
    }
    if native.contains(':') {
        return with_colons(native);
    }
    let (pbkdf2, salt, hash) = Pbkdf2::asp_net(native)?;
    ForeignHash::bare(Recipe::new(Family::Pbkdf2(pbkdf2), salt), hash)
}

/// `{SCHEME}...`: LDAP directories and, after the same brackets, Spring.
fn braced(native: &str) -> Result<ForeignHash> {
    let (scheme, rest) = native[1..].split_once('}').ok_or(ImportError::Unsupported)?;
    let scheme = scheme.to_ascii_lowercase();
    // Spring's id for the schemes of LDAP.
    let (scheme, rest) = match (scheme.as_str(), rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))) {
        ("ldap", Some((inner, rest))) => (inner.to_ascii_lowercase(), rest),
        _ => (scheme, rest),
    };
    spring::read(&scheme, rest).unwrap_or_else(|| ldap::read(&scheme, rest))
}

/// Django's `algorithm$...`.
fn django(native: &str) -> Result<ForeignHash> {
    let (algorithm, rest) = native.split_once('$').ok_or(ImportError::Unsupported)?;
    match algorithm {
        "pbkdf2_sha256" => pbkdf2(Pbkdf2::django("sha256", rest)?),
        "pbkdf2_sha1" => pbkdf2(Pbkdf2::django("sha1", rest)?),
        "scrypt" => scrypt(Scrypt::django(rest)?),
        "argon2" => ForeignHash::argon2(&format!("${rest}")),
        "bcrypt" => bcrypt(rest, Before::Unchanged),
        "bcrypt_sha256" => bcrypt(rest, Before::hex_of(Digest::Sha256)),
        "md5" | "sha1" => {
            let digest = Digest::of(algorithm).ok_or(ImportError::Unsupported)?;
            let (salt, hash) = rest.split_once('$').ok_or(ImportError::Unsupported)?;
            let step = if salt.is_empty() { Step::plain(digest) } else { Step::salted(digest, Place::First) };
            ForeignHash::chain(&[step], None, salt.as_bytes(), &hex(hash)?)
        }
        _ => Err(ImportError::Unsupported),
    }
}

/// Strings with colons: Lucia's `s2:salt:hash`, better-auth's `salt:hash`, and what Magento writes.
///
/// Lucia and better-auth have one scrypt over the text of the salt, and the password in form NFKC. The hash of
/// better-auth is the second of two texts, and is longer than any salt that Magento makes.
fn with_colons(native: &str) -> Result<ForeignHash> {
    let (rest, lucia) = match native.strip_prefix("s2:") {
        Some(rest) => (rest, true),
        None => (native, false),
    };
    match rest.split_once(':') {
        Some((salt, key)) if key.len() == 128 && (lucia || salt.len() == 32) && hex(key).is_ok() => {
            let hash = ForeignHash::scrypt(16384, 16, 1, salt.as_bytes(), &hex(key)?)?;
            Ok(hash.with_typed(Typed::Nfkc))
        }
        _ if lucia => Err(ImportError::Unsupported),
        _ => magento(native),
    }
}

/// Magento 1's `hash:salt` and 2's `hash:salt:version[:version...]`: each version hashes the previous result.
///
/// 0 is MD5, 1 is SHA-256, both with the salt first; 2 and `3_<bytes>_<passes>_<memory>` are libsodium's argon2id and
/// are read as the last one only. (`Magento\Framework\Encryption\Encryptor`.) Joomla 1.5 also wrote `hash:salt`, with
/// the salt last: read it with [`ForeignHash::chain`].
fn magento(native: &str) -> Result<ForeignHash> {
    let mut fields = native.splitn(3, ':');
    let (Some(hash), Some(salt)) = (fields.next(), fields.next()) else { return Err(ImportError::Unsupported) };
    let hash = hex(hash)?;
    if salt.is_empty() {
        return Err(ImportError::Unsupported);
    }
    let Some(versions) = fields.next() else {
        let digest = match hash.len() {
            16 => Digest::Md5,
            32 => Digest::Sha256,
            64 => Digest::Sha512,
            _ => return Err(ImportError::Unsupported),
        };
        return ForeignHash::chain(&[Step::salted(digest, Place::First)], None, salt.as_bytes(), &hash);
    };
    let mut versions: Vec<_> = versions.split(':').collect();
    let argon2 = match versions.last() {
        Some(&"2") => Some("3_32_2_67108864"),
        Some(version) if version.starts_with("3_") => Some(*version),
        _ => None,
    };
    if argon2.is_some() {
        versions.pop();
    }
    let steps = versions.iter().map(|version| match *version {
        "0" => Ok(Step::salted(Digest::Md5, Place::First)),
        "1" => Ok(Step::salted(Digest::Sha256, Place::First)),
        _ => Err(ImportError::Unsupported),
    });
    let steps = steps.collect::<Result<Vec<_>>>()?;
    let Some(argon2) = argon2 else { return ForeignHash::chain(&steps, None, salt.as_bytes(), &hash) };
    let phc = libsodium(argon2, salt.as_bytes(), &hash)?;
    if steps.is_empty() {
        return ForeignHash::argon2(&phc);
    }
    let chain = Chain::new(steps, None, salt.as_bytes(), true)?;
    let length = chain.len().ok_or(ImportError::Unsupported)?;
    ForeignHash::wrapped(Recipe::new(Family::Chain(chain), salt.as_bytes().to_vec()), length, phc)
}

/// The PHC string of `crypto_pwhash`: one lane, a salt of 16 bytes, which Magento repeats or cuts.
fn libsodium(version: &str, salt: &[u8], hash: &[u8]) -> Result<String> {
    let numbers = version.split('_').map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    let Some([3, length, passes, memory]) = numbers.as_deref() else { return Err(ImportError::Unsupported) };
    if usize::try_from(*length) != Ok(hash.len()) {
        return Err(ImportError::Unsupported);
    }
    let salt: Vec<u8> = salt.iter().copied().cycle().take(16).collect();
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={},t={passes},p=1${salt}${hash}", memory / 1024))
}
