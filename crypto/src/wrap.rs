//! Wrapping keys locally: what a key ring on disk does where KMS does it in the cloud.
//!
//! # Danger
//!
//! The context is part of the lock, not a comment: a wrapped key must not open for another record. No commitment is
//! made here because, unlike data keys, wrapping keys are only ever drawn by us and never come with the message.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::aad::Aad;
use crate::cbc_hmac::{self, Keys, TAG_LEN};
use crate::keys::Opaque;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 16 + TAG_LEN;

/// A 512-bit key that wraps data keys and seals small texts; wiped when dropped.
///
/// A blob is version (1 byte), IV (16), tag (32), ciphertext: A256CBC-HS512 under keys derived with HKDF-SHA-512, one
/// pair for keys and one for bytes, so that neither kind of blob opens as the other.
#[derive(Clone)]
pub struct WrappingKey {
    keys: Keys,
    bytes: Keys,
}

impl WrappingKey {
    /// Takes 64 bytes from a cryptographic source.
    pub fn new(secret: [u8; 64]) -> Self {
        let secret = Zeroizing::new(secret);
        let hkdf = Hkdf::<Sha512>::new(None, secret.as_slice());
        Self { keys: pair(&hkdf, b"umoja/wrap/1 keys"), bytes: pair(&hkdf, b"umoja/wrap/1 bytes") }
    }

    /// Wraps a 32-byte secret for `context`; `iv` is drawn at random and used once. Always 97 bytes.
    pub fn wrap(&self, iv: [u8; 16], context: &Aad, secret: &[u8; 32]) -> Vec<u8> {
        seal(&self.keys, iv, context, secret)
    }

    /// Unwraps a 32-byte secret in the context it was wrapped for.
    ///
    /// # Errors
    /// [`Opaque`] for another context, another key, or anything that is not such a blob.
    pub fn unwrap(&self, context: &Aad, blob: &[u8]) -> Result<Zeroizing<[u8; 32]>, Opaque> {
        let opened = open(&self.keys, context, blob)?;
        let mut secret = Zeroizing::new([0; 32]);
        if opened.len() != secret.len() {
            return Err(Opaque);
        }
        secret.copy_from_slice(&opened);
        Ok(secret)
    }

    /// Seals bytes of any length for `context`; `iv` is drawn at random and used once.
    pub fn seal_bytes(&self, iv: [u8; 16], context: &Aad, plaintext: &[u8]) -> Vec<u8> {
        seal(&self.bytes, iv, context, plaintext)
    }

    /// Opens what [`seal_bytes`](Self::seal_bytes) sealed, in the same context.
    ///
    /// # Errors
    /// [`Opaque`] for another context, another key, or anything that is not such a blob.
    pub fn open_bytes(&self, context: &Aad, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opaque> {
        open(&self.bytes, context, blob)
    }
}

fn pair(hkdf: &Hkdf<Sha512>, info: &[u8]) -> Keys {
    let mut okm = Zeroizing::new([0u8; 64]);
    hkdf.expand(info, okm.as_mut_slice()).expect("far below HKDF's limit of 255 blocks");
    let mut keys = Keys { enc: Zeroizing::new([0; 32]), mac: Zeroizing::new([0; 32]) };
    keys.mac.copy_from_slice(&okm[..32]);
    keys.enc.copy_from_slice(&okm[32..]);
    keys
}

fn seal(keys: &Keys, iv: [u8; 16], context: &Aad, plaintext: &[u8]) -> Vec<u8> {
    let (ciphertext, tag) = cbc_hmac::seal(keys, &iv, &[&[VERSION], context.as_bytes()], plaintext);
    [&[VERSION], &iv[..], &tag, &ciphertext].concat()
}

fn open(keys: &Keys, context: &Aad, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opaque> {
    let (head, ciphertext) = blob.split_at_checked(HEAD).ok_or(Opaque)?;
    if head[0] != VERSION {
        return Err(Opaque);
    }
    let mut iv = [0; 16];
    iv.copy_from_slice(&head[1..17]);
    cbc_hmac::open(keys, &iv, &[&[VERSION], context.as_bytes()], ciphertext, &head[17..])
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> WrappingKey {
        WrappingKey::new([5; 64])
    }

    fn context(user: &str) -> Aad {
        Aad::new().u64(1).text(user).text("profile")
    }

    #[test]
    fn a_wrapped_key_moved_to_another_record_does_not_open() {
        let blob = key().wrap([1; 16], &context("u1"), &[7; 32]);
        assert_eq!(blob.len(), 97);
        assert_eq!(*key().unwrap(&context("u1"), &blob).unwrap(), [7; 32]);
        assert_eq!(key().unwrap(&context("u2"), &blob), Err(Opaque));
        assert_eq!(WrappingKey::new([6; 64]).unwrap(&context("u1"), &blob), Err(Opaque));
    }

    #[test]
    fn a_cut_extended_or_flipped_blob_does_not_open() {
        let blob = key().wrap([1; 16], &context("u1"), &[7; 32]);
        for length in 0..blob.len() {
            assert_eq!(key().unwrap(&context("u1"), &blob[..length]), Err(Opaque));
        }
        assert_eq!(key().unwrap(&context("u1"), &[&blob[..], &[0]].concat()), Err(Opaque));
        for at in 0..blob.len() {
            let mut flipped = blob.clone();
            flipped[at] ^= 0x80;
            assert_eq!(key().unwrap(&context("u1"), &flipped), Err(Opaque));
        }
    }

    #[test]
    fn keys_and_bytes_never_open_as_each_other() {
        let sealed = key().seal_bytes([1; 16], &context("u1"), &[7; 32]);
        assert_eq!(key().open_bytes(&context("u1"), &sealed).unwrap().as_slice(), &[7; 32]);
        assert_eq!(key().unwrap(&context("u1"), &sealed), Err(Opaque));
        let wrapped = key().wrap([1; 16], &context("u1"), &[7; 32]);
        assert_eq!(key().open_bytes(&context("u1"), &wrapped), Err(Opaque));
    }

    #[test]
    fn debug_of_a_wrapping_key_says_nothing_about_it() {
        assert_eq!(format!("{:?}", key()), "WrappingKey([redacted])");
    }
}
