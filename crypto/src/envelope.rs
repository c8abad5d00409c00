//! The record envelope: one part of a user's record under one data key.
//!
//! # Danger
//!
//! A data key seals one envelope and never a second one. The commitment `kc` is required: without it an attacker can
//! make a blob that opens under two keys, and key repair could be given a wrong one.

use hkdf::Hkdf;
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::aad::Aad;
use crate::cbc_hmac::{self, Keys};
use crate::keys::{DataKey, Opaque};

/// The envelope format written today.
pub const FMT: u8 = 1;
/// A256CBC-HS512 (RFC 7518 section 5.2.5) with HKDF-SHA-512 key derivation and key commitment.
pub const SUITE_A256CBC_HS512: u8 = 1;

const INFO: &[u8] = b"umoja/1";

/// A sealed part. Its fields are not secret, and every field is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Format of the envelope; other values than [`FMT`] are kept and replicated, never opened.
    pub fmt: u8,
    /// Cipher suite; other values than [`SUITE_A256CBC_HS512`] are kept and replicated, never opened.
    pub suite: u8,
    /// Message id: 32 random bytes, the salt of the key derivation.
    pub mid: [u8; 32],
    /// Initialisation vector: 16 unpredictable bytes.
    pub iv: [u8; 16],
    /// Key commitment: the data key's fingerprint under this message id.
    pub kc: [u8; 32],
    /// Authentication tag.
    pub tag: [u8; 32],
    /// Ciphertext.
    pub info: Vec<u8>,
}

/// HKDF-SHA-512 (RFC 5869) of the data key: MAC key, encryption key, commitment.
fn derive(key: &DataKey, suite: u8, mid: &[u8; 32]) -> (Keys, [u8; 32]) {
    let hkdf = Hkdf::<Sha512>::new(Some(mid), key.expose());
    let mut okm = Zeroizing::new([0u8; 96]);
    expand(&hkdf, &[INFO, &[suite]].concat(), okm.as_mut_slice());
    let mut keys = Keys { enc: Zeroizing::new([0; 32]), mac: Zeroizing::new([0; 32]) };
    let mut kc = [0; 32];
    keys.mac.copy_from_slice(&okm[..32]);
    keys.enc.copy_from_slice(&okm[32..64]);
    kc.copy_from_slice(&okm[64..]);
    (keys, kc)
}

fn expand(hkdf: &Hkdf<Sha512>, info: &[u8], out: &mut [u8]) {
    hkdf.expand(info, out).expect("far below HKDF's limit of 255 blocks");
}

/// Format, suite and message id are bound before anything the caller binds; their length is fixed.
fn prefix(fmt: u8, suite: u8, mid: &[u8; 32]) -> [u8; 34] {
    let mut out = [0; 34];
    out[0] = fmt;
    out[1] = suite;
    out[2..].copy_from_slice(mid);
    out
}

/// Seals a part.
///
/// `mid` and `iv` come from a cryptographic source and are never used again; `key` seals no other envelope. `aad` must
/// contain every meaningful value that is stored beside the ciphertext.
pub fn seal(key: &DataKey, mid: [u8; 32], iv: [u8; 16], aad: &Aad, plaintext: &[u8]) -> Envelope {
    let (fmt, suite) = (FMT, SUITE_A256CBC_HS512);
    let (keys, kc) = derive(key, suite, &mid);
    let (info, tag) = cbc_hmac::seal(&keys, &iv, &[&prefix(fmt, suite, &mid), aad.as_bytes()], plaintext);
    Envelope { fmt, suite, mid, iv, kc, tag, info }
}

/// Opens a part: known format and suite, then the commitment, then the tag, and only then the cipher.
///
/// # Errors
/// One [`Opaque`] for every reason.
pub fn open(key: &DataKey, aad: &Aad, e: &Envelope) -> Result<Zeroizing<Vec<u8>>, Opaque> {
    let keys = committed(key, e).ok_or(Opaque)?;
    cbc_hmac::open(&keys, &e.iv, &[&prefix(e.fmt, e.suite, &e.mid), aad.as_bytes()], &e.info, &e.tag)
}

/// Whether the envelope was sealed with this data key. Key repair checks this before it wraps the key.
///
/// A match does not authenticate the rest of the envelope: only [`open`] does.
pub fn commits(key: &DataKey, e: &Envelope) -> bool {
    committed(key, e).is_some()
}

fn committed(key: &DataKey, e: &Envelope) -> Option<Keys> {
    if e.fmt != FMT || e.suite != SUITE_A256CBC_HS512 {
        return None;
    }
    let (keys, kc) = derive(key, e.suite, &e.mid);
    bool::from(kc.ct_eq(&e.kc)).then_some(keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(aad: &Aad) -> (DataKey, Envelope) {
        let key = DataKey::new([1; 32]);
        let envelope = seal(&key, [2; 32], [3; 16], aad, b"{\"name\":\"Ada\"}");
        (key, envelope)
    }

    #[test]
    fn a_sealed_part_opens_in_its_place_only() {
        let aad = Aad::new().text("users").text("u1").text("profile");
        let (key, envelope) = sample(&aad);
        assert_eq!(open(&key, &aad, &envelope).unwrap().as_slice(), b"{\"name\":\"Ada\"}");
        for other in [
            Aad::new().text("users").text("u2").text("profile"),
            Aad::new().text("users").text("u1").text("credentials"),
            Aad::new().text("users").text("u1p").text("rofile"),
            Aad::new(),
        ] {
            assert_eq!(open(&key, &other, &envelope), Err(Opaque));
        }
    }

    #[test]
    fn an_unknown_format_or_suite_fails_closed() {
        let (key, envelope) = sample(&Aad::new());
        for (fmt, suite) in [(0, 1), (2, 1), (1, 0), (1, 2), (255, 255)] {
            let other = Envelope { fmt, suite, ..envelope.clone() };
            assert_eq!(open(&key, &Aad::new(), &other), Err(Opaque));
            assert!(!commits(&key, &other));
        }
    }

    #[test]
    fn a_wrong_key_does_not_commit() {
        let (key, envelope) = sample(&Aad::new());
        assert!(commits(&key, &envelope));
        let wrong = DataKey::new([9; 32]);
        assert!(!commits(&wrong, &envelope));
        assert_eq!(open(&wrong, &Aad::new(), &envelope), Err(Opaque));
    }

    #[test]
    fn a_forged_commitment_does_not_open() {
        // The attacker may write any commitment into the table; the tag's key derives from the data key too.
        let (_, envelope) = sample(&Aad::new());
        let second = DataKey::new([9; 32]);
        let (_, kc) = derive(&second, envelope.suite, &envelope.mid);
        let forged = Envelope { kc, ..envelope };
        assert_eq!(open(&second, &Aad::new(), &forged), Err(Opaque));
    }

    proptest! {
        #[test]
        fn sealed_parts_open_and_flipped_bits_do_not(
            key: [u8; 32], mid: [u8; 32], iv: [u8; 16],
            plaintext in prop::collection::vec(any::<u8>(), 0..80), place in "[a-z]{0,8}",
            at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let (key, aad) = (DataKey::new(key), Aad::new().text(&place));
            let sealed = seal(&key, mid, iv, &aad, &plaintext);
            let opened = open(&key, &aad, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), &plaintext[..]);

            let mut broken = sealed.clone();
            let mut bytes: Vec<&mut u8> = std::iter::empty()
                .chain([&mut broken.fmt, &mut broken.suite])
                .chain(&mut broken.mid).chain(&mut broken.iv).chain(&mut broken.kc)
                .chain(&mut broken.tag).chain(&mut broken.info)
                .collect();
            let index = at.index(bytes.len());
            *bytes[index] ^= 1 << bit;
            prop_assert_eq!(open(&key, &aad, &broken), Err(Opaque));
        }
    }
}
