//! A256CBC-HS512: AES-256-CBC with PKCS#7 padding, then HMAC-SHA-512 truncated to 32 bytes (RFC 7518 section 5.2.5).
//!
//! # Danger
//!
//! CBC without a checked tag is a padding oracle. The only decryption here follows a constant-time comparison of a tag
//! of exactly 32 bytes, and both failures are the same error. The module is hidden from the documentation because no
//! code outside this crate should call it: it is public only for the published vectors.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::Opaque;

/// Bytes of the authentication tag.
pub const TAG_LEN: usize = 32;
const BLOCK: usize = 16;

/// The two halves of the key, encryption and authentication, each 32 bytes.
#[derive(Clone)]
pub struct Keys {
    /// AES-256 key (the *second* half of an RFC 7518 key).
    pub enc: Zeroizing<[u8; 32]>,
    /// HMAC-SHA-512 key (the *first* half of an RFC 7518 key).
    pub mac: Zeroizing<[u8; 32]>,
}

/// HMAC over AAD, IV, ciphertext and the AAD's length in bits (64 bits, big-endian), left 32 bytes.
fn tag(mac: &[u8; 32], aad: &[&[u8]], iv: &[u8; 16], ciphertext: &[u8]) -> [u8; TAG_LEN] {
    let mut hmac = hmac_sha512(mac);
    let mut bits = 0u64;
    for part in aad {
        hmac.update(part);
        bits += part.len() as u64 * 8;
    }
    hmac.update(iv);
    hmac.update(ciphertext);
    hmac.update(&bits.to_be_bytes());
    let full = hmac.finalize().into_bytes();
    let mut left = [0; TAG_LEN];
    left.copy_from_slice(&full[..TAG_LEN]);
    left
}

fn hmac_sha512(key: &[u8; 32]) -> Hmac<Sha512> {
    let mut block = Zeroizing::new([0u8; 128]);
    block[..32].copy_from_slice(key);
    // A key padded with zeros to the block is the same key (RFC 2104 section 2), and this constructor cannot fail.
    Hmac::new((&*block).into())
}

/// Encrypts and authenticates; `aad` is the concatenation of its parts. The IV must be unpredictable and used once.
pub fn seal(keys: &Keys, iv: &[u8; 16], aad: &[&[u8]], plaintext: &[u8]) -> (Vec<u8>, [u8; TAG_LEN]) {
    let cipher = cbc::Encryptor::<Aes256>::new((&*keys.enc).into(), iv.into());
    // Padded to the next whole block, encrypted in place.
    let mut ciphertext = vec![0; (plaintext.len() / BLOCK + 1) * BLOCK];
    ciphertext[..plaintext.len()].copy_from_slice(plaintext);
    cipher.encrypt_padded::<Pkcs7>(&mut ciphertext, plaintext.len()).expect("there is room for the padding");
    let tag = tag(&keys.mac, aad, iv, &ciphertext);
    (ciphertext, tag)
}

/// Checks the tag in constant time, and only then decrypts; any failure is the one [`Opaque`].
pub fn open(
    keys: &Keys,
    iv: &[u8; 16],
    aad: &[&[u8]],
    ciphertext: &[u8],
    claimed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Opaque> {
    // Exact length first: a comparison of prefixes would accept a tag of one byte in 256 tries.
    if claimed.len() != TAG_LEN || !bool::from(tag(&keys.mac, aad, iv, ciphertext).ct_eq(claimed)) {
        return Err(Opaque);
    }
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
        return Err(Opaque);
    }
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let cipher = cbc::Decryptor::<Aes256>::new((&*keys.enc).into(), iv.into());
    let length = cipher.decrypt_padded::<Pkcs7>(&mut buffer).map_err(|_| Opaque)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys { enc: Zeroizing::new([1; 32]), mac: Zeroizing::new([2; 32]) }
    }

    #[test]
    fn a_tag_of_any_other_length_is_rejected() {
        let (ciphertext, tag) = seal(&keys(), &[3; 16], &[b"aad"], b"secret");
        assert!(open(&keys(), &[3; 16], &[b"aad"], &ciphertext, &tag).is_ok());
        for length in 0..TAG_LEN {
            assert_eq!(open(&keys(), &[3; 16], &[b"aad"], &ciphertext, &tag[..length]), Err(Opaque));
        }
        let longer = [&tag[..], &[0]].concat();
        assert_eq!(open(&keys(), &[3; 16], &[b"aad"], &ciphertext, &longer), Err(Opaque));
    }

    #[test]
    fn bad_padding_behind_a_good_tag_is_the_same_error() {
        // Only a holder of the key can make this; it must still not look different.
        let (mut ciphertext, _) = seal(&keys(), &[3; 16], &[], &[0; 32]);
        ciphertext.truncate(32);
        let honest = tag(&keys().mac, &[], &[3; 16], &ciphertext);
        assert_eq!(open(&keys(), &[3; 16], &[], &ciphertext, &honest), Err(Opaque));
        for length in [0, 1, 15, 17] {
            let ragged = vec![9; length];
            let honest = tag(&keys().mac, &[], &[3; 16], &ragged);
            assert_eq!(open(&keys(), &[3; 16], &[], &ragged, &honest), Err(Opaque));
        }
    }

    #[test]
    fn a_flipped_initialisation_vector_is_rejected() {
        // Without the tag over it, this would flip chosen bits of the first block.
        let (ciphertext, tag) = seal(&keys(), &[3; 16], &[b"aad"], b"role=user");
        for at in 0..16 {
            let mut iv = [3; 16];
            iv[at] ^= 1;
            assert_eq!(open(&keys(), &iv, &[b"aad"], &ciphertext, &tag), Err(Opaque));
        }
    }

    #[test]
    fn aad_given_in_parts_is_their_concatenation() {
        let (ciphertext, tag) = seal(&keys(), &[3; 16], &[b"ab", b"c"], b"x");
        assert!(open(&keys(), &[3; 16], &[b"abc"], &ciphertext, &tag).is_ok());
    }
}
