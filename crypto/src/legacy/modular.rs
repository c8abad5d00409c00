//! Strings of crypt(3) and the PHC format: `$id$...`.

use super::bcrypt::Bcrypt;
use super::before::Before;
use super::codec::TextEncoding;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::pbkdf2::Pbkdf2;
use super::phpass::Stretched;
use super::recipe::{Family, Recipe};
use super::scrypt::Scrypt;
use super::unix::Crypt;

pub(super) type Result<T> = std::result::Result<T, ImportError>;

/// Strings that begin with a dollar sign.
pub(super) fn modular(native: &str) -> Result<ForeignHash> {
    let (id, rest) = native[1..].split_once('$').ok_or(ImportError::Unsupported)?;
    match id {
        // Magento 2 writes `:0` behind a bcrypt hash of Magento 1.
        "2a" | "2b" | "2y" | "2x" => bcrypt(native.strip_suffix(":0").unwrap_or(native), Before::Unchanged),
        "wp" => bcrypt(&native[3..], Before::WordPress),
        "P" | "H" | "S" => stretched(native, Before::Unchanged),
        "1" | "apr1" | "5" | "6" => {
            let (crypt, salt, hash) = Crypt::parse(native)?;
            ForeignHash::bare(Recipe::new(Family::Crypt(crypt), salt), hash)
        }
        "argon2i" | "argon2d" | "argon2id" => ForeignHash::argon2(native),
        "scrypt" => scrypt(Scrypt::modular(rest)?),
        "pbkdf2" => pbkdf2(Pbkdf2::modular("sha1", rest)?),
        _ => match id.strip_prefix("pbkdf2-") {
            Some(digest) => pbkdf2(Pbkdf2::modular(digest, rest)?),
            None => Err(ImportError::Unsupported),
        },
    }
}

pub(super) fn bcrypt(native: &str, before: Before) -> Result<ForeignHash> {
    let (bcrypt, salt, hash) = Bcrypt::parse(native)?;
    ForeignHash::bare(Recipe { before, ..Recipe::new(Family::Bcrypt(bcrypt), salt) }, hash)
}

pub(super) fn stretched(native: &str, before: Before) -> Result<ForeignHash> {
    let (stretched, salt, hash) = Stretched::parse(native)?;
    ForeignHash::bare(Recipe { before, ..Recipe::new(Family::Stretched(stretched), salt) }, hash)
}

pub(super) fn pbkdf2((pbkdf2, salt, hash): super::pbkdf2::Parsed) -> Result<ForeignHash> {
    ForeignHash::bare(Recipe::new(Family::Pbkdf2(pbkdf2), salt), hash)
}

pub(super) fn scrypt((scrypt, salt, hash): (Scrypt, Vec<u8>, Vec<u8>)) -> Result<ForeignHash> {
    ForeignHash::bare(Recipe::new(Family::Scrypt(scrypt), salt), hash)
}

pub(super) fn hex(text: &str) -> Result<Vec<u8>> {
    TextEncoding::Hex.decode(text).map(|bytes| bytes.to_vec()).ok_or(ImportError::Unsupported)
}
