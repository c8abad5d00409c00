//! Keyed hashes over lists of parts, for cursors, idempotency marks and hashed client addresses.
//!
//! # Danger
//!
//! A tag proves only that a holder of the key made it. Use one label per purpose, so that a tag of one purpose is not
//! accepted for another.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A key for HMAC-SHA-256, derived for one purpose; wiped when dropped.
#[derive(Clone)]
pub struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// Derives the key of one purpose from a secret: HKDF-SHA-256 (RFC 5869), no salt, info `umoja/mac/1 ` + label.
    pub fn derive(secret: &[u8; 32], label: &str) -> Self {
        Self(derive(secret, "umoja/mac/1 ", label))
    }

    /// HMAC-SHA-256 (RFC 2104) over the number of parts and each part behind its length (64 bits, big-endian).
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = hmac_sha256(&self.0);
        hmac.update(&(parts.len() as u64).to_be_bytes());
        for part in parts {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }

    /// Whether `tag` is the tag of `parts`, compared in constant time; any other length is wrong.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        tag.len() == 32 && bool::from(self.tag(parts).ct_eq(tag))
    }

    /// Whether `tag` is the first 16 bytes of the tag of `parts` (RFC 2104 section 5), compared in constant time.
    pub fn verify_truncated(&self, parts: &[&[u8]], tag: &[u8; 16]) -> bool {
        self.tag(parts)[..16].ct_eq(tag).into()
    }
}

pub(crate) fn derive(secret: &[u8; 32], prefix: &str, label: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand_multi_info(&[prefix.as_bytes(), label.as_bytes()], key.as_mut_slice())
        .expect("far below HKDF's limit of 255 blocks");
    key
}

pub(crate) fn hmac_sha256(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0u8; 64]);
    block[..32].copy_from_slice(key);
    // A key padded with zeros to the block is the same key (RFC 2104 section 2), and this constructor cannot fail.
    Hmac::new((&*block).into())
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_shifted_boundaries_have_different_tags() {
        let key = MacKey::derive(&[1; 32], "cursor");
        assert_ne!(key.tag(&[b"ab", b"c"]), key.tag(&[b"a", b"bc"]));
        assert_ne!(key.tag(&[b"abc"]), key.tag(&[b"abc", b""]));
        assert_ne!(key.tag(&[]), key.tag(&[b""]));
    }

    #[test]
    fn labels_and_secrets_separate_keys() {
        let tag = MacKey::derive(&[1; 32], "cursor").tag(&[b"x"]);
        assert_ne!(tag, MacKey::derive(&[1; 32], "client").tag(&[b"x"]));
        assert_ne!(tag, MacKey::derive(&[2; 32], "cursor").tag(&[b"x"]));
    }

    #[test]
    fn the_hmac_gives_the_published_answers() {
        // RFC 4231 test cases 1 to 3; their keys are shorter than ours and padded with zeros by HMAC itself.
        for (key, data, expected) in [
            (&[0x0b; 20][..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ] {
            let mut padded = [0; 32];
            padded[..key.len()].copy_from_slice(key);
            let mut hmac = hmac_sha256(&padded);
            hmac.update(data);
            assert_eq!(hex::encode(hmac.finalize().into_bytes()), expected);
        }
    }

    #[test]
    fn only_the_whole_right_tag_verifies() {
        let key = MacKey::derive(&[1; 32], "cursor");
        let tag = key.tag(&[b"x"]);
        assert!(key.verify(&[b"x"], &tag));
        assert!(!key.verify(&[b"y"], &tag));
        for length in 0..32 {
            assert!(!key.verify(&[b"x"], &tag[..length]));
        }
        assert!(!key.verify(&[b"x"], &[&tag[..], &[0]].concat()));
    }
}
