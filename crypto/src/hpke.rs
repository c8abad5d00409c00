//! Sealing to a public key: who seals cannot open (HPKE, RFC 9180).
//!
//! The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM in base mode, one message for each context.
//! The `info` of every context is [`INFO`].
//!
//! # Danger
//!
//! Base mode does not authenticate the sender: any holder of the public key can seal. What was sealed has to be proved by
//! other means.

use std::convert::Infallible;
use std::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Aad, Opaque};

/// The `info` of every context: what the messages are for.
pub const INFO: &[u8] = b"umoja/1/inbox";

/// The length of an encapsulated key, which stands before the ciphertext.
const ENCAPSULATED: usize = 32;

/// A public key to which messages are sealed.
#[derive(Clone)]
pub struct RecipientKey(<X25519HkdfSha256 as Kem>::PublicKey);

/// The private key that opens what is sealed to its public key.
pub struct PrivateKey(<X25519HkdfSha256 as Kem>::PrivateKey);

/// A text is no public key of X25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of X25519")]
pub struct NoPublicKey;

impl RecipientKey {
    /// The key of 32 bytes (RFC 7748 section 5).
    ///
    /// # Errors
    /// If they are not a public key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoPublicKey> {
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).map(Self).map_err(|_| NoPublicKey)
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// Seals a message: the encapsulated key, then the ciphertext with its tag. `random` must be used for no other
    /// message.
    ///
    /// # Errors
    /// If the key is one to which nothing can be sealed (RFC 9180 section 7.1.4).
    pub fn seal(&self, random: [u8; 32], aad: &Aad, message: &[u8]) -> Result<Vec<u8>, NoPublicKey> {
        let mut random = Once::new(random);
        let (key, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.0,
            INFO,
            message,
            aad.as_bytes(),
            &mut random,
        )
        .map_err(|_| NoPublicKey)?;
        Ok([&key.to_bytes()[..], &ciphertext].concat())
    }
}

impl PrivateKey {
    /// Derives the key pair of a secret (RFC 9180 section 7.1.3).
    pub fn derive(secret: &[u8; 32]) -> Self {
        Self(X25519HkdfSha256::derive_keypair(secret).0)
    }

    /// The public key.
    pub fn public_key(&self) -> RecipientKey {
        RecipientKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens a message.
    ///
    /// # Errors
    /// If it was sealed to another key, with other additional data, or was changed.
    pub fn open(&self, aad: &Aad, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opaque> {
        let (key, ciphertext) = sealed.split_at_checked(ENCAPSULATED).ok_or(Opaque)?;
        let key = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(key).map_err(|_| Opaque)?;
        let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &key,
            INFO,
            ciphertext,
            aad.as_bytes(),
        );
        opened.map(Zeroizing::new).map_err(|_| Opaque)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

/// Random bytes that were drawn before: 32 as they are, of which the library takes all, and after them a hash chain.
struct Once {
    block: Zeroizing<[u8; 32]>,
    used: usize,
}

impl Once {
    fn new(random: [u8; 32]) -> Self {
        Self { block: Zeroizing::new(random), used: 0 }
    }
}

impl TryRng for Once {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            if self.used == self.block.len() {
                self.block = Zeroizing::new(Sha256::digest(&self.block[..]).into());
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Once {}

#[cfg(test)]
mod tests {
    use super::*;

    fn aad() -> Aad {
        Aad::new().text("shop-auth0")
    }

    fn secret() -> [u8; 32] {
        std::array::from_fn(|n| u8::try_from(n).unwrap())
    }

    #[test]
    fn what_is_sealed_to_a_public_key_opens_with_its_private_key() {
        let key = PrivateKey::derive(&secret());
        let sealed = key.public_key().seal([7; 32], &aad(), b"{}").unwrap();
        assert_eq!(&**key.open(&aad(), &sealed).unwrap(), b"{}");
        let again = RecipientKey::from_bytes(&key.public_key().to_bytes()).unwrap();
        assert_eq!(again.seal([7; 32], &aad(), b"{}").unwrap(), sealed);
        assert_ne!(again.seal([8; 32], &aad(), b"{}").unwrap(), sealed);
    }

    #[test]
    fn the_key_pair_is_that_of_pyhpke() {
        // pyhpke 0.6.5: derive_key_pair(bytes(range(32))) of DHKEM(X25519, HKDF-SHA256).
        let public = "b1f1b840de7a3241b02748cf9b05b74dc8c5e8451298738817bd76aa8ebe8c2b";
        assert_eq!(hex::encode(PrivateKey::derive(&secret()).public_key().to_bytes()), public);
    }

    #[test]
    fn a_message_is_sealed_as_pyhpke_seals_it() {
        // pyhpke 0.6.5: create_sender_context(info=b"umoja/1/inbox", eks=derive_key_pair(bytes([7] * 32))), then
        // seal(b'{"user":"Amina"}', aad=Aad of "shop-auth0").
        let sealed = concat!(
            "5fd47633b5e43fca7bad1bfbe424feacb175d9d4d4a30f166dbd30636f0b446b",
            "43e477cdc98df25f25fcc9802d92c5bbd17fd2a1327d01bbce176d41afae6316",
        );
        let key = PrivateKey::derive(&secret());
        let made = key.public_key().seal([7; 32], &aad(), br#"{"user":"Amina"}"#).unwrap();
        assert_eq!(hex::encode(made), sealed);
    }

    #[test]
    fn a_changed_message_does_not_open() {
        let key = PrivateKey::derive(&secret());
        let sealed = key.public_key().seal([7; 32], &aad(), b"{}").unwrap();
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert_eq!(key.open(&aad(), &changed), Err(Opaque), "byte {n}");
        }
        for len in 0..sealed.len() {
            assert_eq!(key.open(&aad(), &sealed[..len]), Err(Opaque), "{len} bytes");
        }
        assert_eq!(key.open(&Aad::new().text("other"), &sealed), Err(Opaque));
        assert_eq!(PrivateKey::derive(&[9; 32]).open(&aad(), &sealed), Err(Opaque));
    }

    #[test]
    fn nothing_is_sealed_to_a_point_of_small_order() {
        let zero = RecipientKey::from_bytes(&[0; 32]).and_then(|key| key.seal([7; 32], &aad(), b"{}"));
        assert_eq!(zero, Err(NoPublicKey));
        assert!(RecipientKey::from_bytes(&[1; 31]).is_err());
    }

    #[test]
    fn debug_of_a_private_key_is_redacted() {
        assert_eq!(format!("{:?}", PrivateKey::derive(&secret())), "PrivateKey([redacted])");
    }
}
