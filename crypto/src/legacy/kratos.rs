//! Ory Kratos' and SuperTokens' own spellings.
//!
//! <https://www.ory.com/docs/kratos/manage-identities/import-user-accounts-identities>;
//! <https://supertokens.com/docs/migration/legacy/account-creation/user-creation> (`$f_scrypt`).

use super::codec::base64;
use super::digest::Digest;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::keys::HashKeys;
use super::modular::{Result, modular};
use super::step::{HmacKey, PASSWORD, Place, Step};

/// `$id$rest`; `None` if it is another system's.
pub(super) fn read(id: &str, rest: &str, keys: &HashKeys) -> Option<Result<ForeignHash>> {
    let crypt = |id: &str| modular(&format!("${id}${rest}"));
    Some(match id {
        "md5-crypt" => crypt("1"),
        "sha256-crypt" => crypt("5"),
        "sha512-crypt" => crypt("6"),
        "md5" | "sha1" | "sha256" | "sha512" => digest(Digest::of(id)?, rest),
        "firescrypt" => firescrypt(rest, keys),
        "f_scrypt" => f_scrypt(rest, keys),
        _ => hmac(Digest::of(id.strip_prefix("hmac-")?)?, rest, keys),
    })
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    base64(text).ok_or(ImportError::Unsupported)
}

/// `hash`, or `pf=format$salt$hash`; the format has `{SALT}` and `{PASSWORD}` among any other text.
fn digest(digest: Digest, rest: &str) -> Result<ForeignHash> {
    let fields: Vec<_> = rest.split('$').collect();
    match fields[..] {
        [hash] => ForeignHash::chain(&[Step::plain(digest)], None, &[], &bytes(hash)?),
        [format, salt, hash] => {
            let format = bytes(format.strip_prefix("pf=").ok_or(ImportError::Unsupported)?)?;
            let surround = replaced(&format, b"{SALT}", &bytes(salt)?);
            let step = if surround == PASSWORD { Step::plain(digest) } else { Step::salted(digest, Place::Around) };
            let salt = if surround == PASSWORD { &[] } else { surround.as_slice() };
            ForeignHash::chain(&[step], None, salt, &bytes(hash)?)
        }
        _ => Err(ImportError::Unsupported),
    }
}

fn replaced(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + value.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(name) {
            out.extend_from_slice(value);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// `hash$key`; the hash is base64 of hexadecimal digits.
fn hmac(digest: Digest, rest: &str, keys: &HashKeys) -> Result<ForeignHash> {
    let (hash, key) = rest.split_once('$').ok_or(ImportError::Unsupported)?;
    let hash = hex::decode(bytes(hash)?).map_err(|_| ImportError::Unsupported)?;
    let id = keys.id_of(&bytes(key)?).ok_or(ImportError::MissingKey)?;
    ForeignHash::chain(&[Step::hmac(digest, HmacKey::Secret)], Some(id), &[], &hash)
}

/// `ln=14,r=8,p=1$salt$hash$separator$signer key`.
fn firescrypt(rest: &str, keys: &HashKeys) -> Result<ForeignHash> {
    let fields: Vec<_> = rest.split('$').collect();
    let [params, salt, hash, separator, signer_key] = fields[..] else { return Err(ImportError::Unsupported) };
    let [ln, r, p] = numbers(params.split(','), ["ln=", "r=", "p="])?;
    let (separator, signer_key) = (bytes(separator)?, bytes(signer_key)?);
    let id = keys.firebase_id(|key, with| key == signer_key && with == separator).ok_or(ImportError::MissingKey)?;
    if p != 1 {
        return Err(ImportError::Unsupported);
    }
    ForeignHash::firebase(id, ln, r, &bytes(salt)?, &bytes(hash)?)
}

/// `hash$salt$m=14$r=8$s=separator`; the signer key is in SuperTokens' settings: the only one with this separator.
fn f_scrypt(rest: &str, keys: &HashKeys) -> Result<ForeignHash> {
    let fields: Vec<_> = rest.split('$').collect();
    let [hash, salt, memory, rounds, separator] = fields[..] else { return Err(ImportError::Unsupported) };
    let [memory, rounds] = numbers([memory, rounds].into_iter(), ["m=", "r="])?;
    let separator = bytes(separator.strip_prefix("s=").ok_or(ImportError::Unsupported)?)?;
    let id = keys.firebase_id(|_, with| with == separator).ok_or(ImportError::MissingKey)?;
    ForeignHash::firebase(id, memory, rounds, &bytes(salt)?, &bytes(hash)?)
}

/// Numbers under these names, in this order.
fn numbers<'a, const N: usize>(params: impl Iterator<Item = &'a str>, names: [&str; N]) -> Result<[u32; N]> {
    let params: Vec<_> = params.collect();
    let mut numbers = [0; N];
    if params.len() != N {
        return Err(ImportError::Unsupported);
    }
    for ((param, name), number) in params.iter().zip(names).zip(&mut numbers) {
        let value = param.strip_prefix(name).ok_or(ImportError::Unsupported)?;
        *number = value.parse().map_err(|_| ImportError::Unsupported)?;
    }
    Ok(numbers)
}
