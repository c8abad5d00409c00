//! Keys: parsed once, carrying their algorithm.
//!
//! aws-lc-rs checks the signatures. Ed25519 signing is deterministic (RFC 8032). For ECDSA and RSA-PSS the library
//! draws the nonce, because a repeated nonce would reveal the key; this is the only place where randomness is not an
//! argument.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
    RsaEncoding, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pem_rfc7468::LineEnding;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::weak::{is_weak_ed25519, is_weak_rsa};

/// SubjectPublicKeyInfo of Ed25519 before its 32 bytes (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// PKCS#8 version 1 of Ed25519 before its 32-byte seed (RFC 8410 section 7).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const MAX_PEM: usize = 16 * 1024;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a key cannot be read; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block with the expected label.
    #[error("not a PEM text of the expected kind")]
    Pem,
    /// PEM, but not a key of this algorithm, or one of unacceptable size.
    #[error("not a key for this algorithm")]
    Key,
    /// A key of the algorithm for which a stranger could make signatures: an Ed25519 key of small order or not spelled
    /// canonically, an RSA key whose exponent is 1 or even.
    #[error("not a secure key: make a new key pair and give its public key")]
    Weak,
}

/// A registered public key and the only algorithm it verifies.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7) for one algorithm.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_public_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        Self::from_der(algorithm, &decode(pem, "PUBLIC KEY")?)
    }

    /// Reads a public key that is stored as the name of its algorithm and a PEM. `None` if either cannot be read.
    pub fn from_stored(algorithm: &str, pem: &str) -> Option<Self> {
        Self::from_public_pem(Algorithm::from_name(algorithm)?, pem).ok()
    }

    /// The key that a JWK spells: the raw key, or for RSA its `RSAPublicKey`.
    pub(crate) fn from_jwk_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::EdDsa | Algorithm::Es256 => Self::parse(algorithm, bytes),
            Algorithm::Rs256 | Algorithm::Ps256 => Self::from_der(algorithm, bytes),
        }
    }

    fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        // The library would also take raw keys; a PEM is expected to hold the DER of its label. Ed25519 has one form.
        let form = if algorithm == Algorithm::EdDsa { &ED25519_SPKI[..] } else { &[0x30][..] };
        if !der.starts_with(form) || (algorithm == Algorithm::EdDsa && der.len() != ED25519_SPKI.len() + 32) {
            return Err(KeyError::Key);
        }
        if matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256) {
            let key = rsa::PublicKey::from_der(der).map_err(|_| KeyError::Key)?;
            if !RSA_BITS.contains(&(key.modulus_len() * 8)) {
                return Err(KeyError::Key);
            }
            if is_weak_rsa(&key) {
                return Err(KeyError::Weak);
            }
        }
        Self::parse(algorithm, der)
    }

    /// Reads the bytes of a key: DER, or the raw key of a JWK. Both forms of an Ed25519 key end with its 32 bytes.
    fn parse(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        if algorithm == Algorithm::EdDsa && bytes.last_chunk::<32>().is_none_or(is_weak_ed25519) {
            return Err(KeyError::Weak);
        }
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDsa => &ED25519,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        let key = ParsedPublicKey::new(verification, bytes).map_err(|_| KeyError::Key)?;
        Ok(Self { algorithm, key })
    }

    /// The algorithm the key is pinned to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` (as a JWS spells it) is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm)
    }
}

/// A private key with its `kid`; Debug never prints it, its encoded form is wiped when dropped.
pub struct SigningKey {
    kid: String,
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair, Algorithm),
}

impl SigningKey {
    /// An Ed25519 key from a 32-byte random seed.
    pub fn from_seed(kid: &str, seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let pkcs8 = Zeroizing::new([&ED25519_PKCS8[..], seed.as_slice()].concat());
        Self { kid: kid.to_owned(), pair: Pair::Ed25519(ed25519(&seed)), pkcs8 }
    }

    /// Reads `-----BEGIN PRIVATE KEY-----` (PKCS#8, RFC 5958) for one algorithm.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_private_pem(kid: &str, algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8(kid, algorithm, &decode(pem, "PRIVATE KEY")?)
    }

    /// Reads a private key in DER (PKCS#8, RFC 5958) for one algorithm.
    ///
    /// # Errors
    /// [`KeyError::Key`].
    pub fn from_pkcs8(kid: &str, algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let pkcs8 = Zeroizing::new(der.to_vec());
        let pair = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&pkcs8).map(Pair::Ed25519),
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map(Pair::P256),
            Algorithm::Rs256 | Algorithm::Ps256 => {
                rsa::KeyPair::from_pkcs8(&pkcs8).map(|pair| Pair::Rsa(pair, algorithm))
            }
        };
        let pair = pair.map_err(|_| KeyError::Key)?;
        if let Pair::Rsa(pair, _) = &pair
            && !RSA_BITS.contains(&(pair.public_modulus_len() * 8))
        {
            return Err(KeyError::Key);
        }
        Ok(Self { kid: kid.to_owned(), pair, pkcs8 })
    }

    /// PKCS#8 in DER, to be sealed.
    pub fn private_key_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The name under which the other side finds the public half.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        match &self.pair {
            Pair::Ed25519(_) => Algorithm::EdDsa,
            Pair::P256(_) => Algorithm::Es256,
            Pair::Rsa(_, algorithm) => *algorithm,
        }
    }

    /// Signs bytes, in the spelling of JWS (RFC 7518 section 3, RFC 8037 section 3.1).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::P256(pair) => p256_sign(pair, message),
            Pair::Rsa(pair, Algorithm::Ps256) => rsa_sign(pair, &RSA_PSS_SHA256, message),
            Pair::Rsa(pair, _) => rsa_sign(pair, &RSA_PKCS1_SHA256, message),
        }
    }

    /// PKCS#8 in PEM (version 1 for keys from a seed, RFC 8410 section 7). Pass it to its owner once.
    pub fn private_key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(encode("PRIVATE KEY", &self.pkcs8))
    }

    /// SubjectPublicKeyInfo in PEM.
    pub fn public_key_pem(&self) -> String {
        encode("PUBLIC KEY", self.spki().as_ref())
    }

    /// The public half for checking signatures.
    pub fn verifying_key(&self) -> VerifyingKey {
        verifying(self.algorithm(), self.spki().as_ref())
    }

    /// The public half as an entry of `jwks.json` (RFC 7517), readable without this crate.
    pub fn jwk(&self) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (kid, alg) = (&self.kid, self.algorithm().name());
        match &self.pair {
            Pair::Ed25519(pair) => {
                let x = b64(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": alg, "use": "sig" })
            }
            Pair::P256(pair) => {
                // Uncompressed point: 4, x, y (SEC 1 section 2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y), "kid": kid, "alg": alg, "use": "sig" })
            }
            Pair::Rsa(pair, _) => {
                let public = pair.public_key();
                let n = b64(public.modulus().big_endian_without_leading_zero());
                let e = b64(public.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e, "kid": kid, "alg": alg, "use": "sig" })
            }
        }
    }

    fn spki(&self) -> PublicKeyX509Der<'static> {
        let der = match &self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::P256(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair, _) => pair.public_key().as_der(),
        };
        der.expect("a key that was read can be written")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, [redacted])", self.kid, self.algorithm())
    }
}

/// A new private key (RSA of 2048 bits), PKCS#8 in DER. The library draws it.
pub(super) fn new_pkcs8(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |_| KeyError::Key;
    Ok(Zeroizing::new(match algorithm {
        Algorithm::EdDsa => {
            Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?.as_ref().to_vec()
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(failed)?;
            AsDer::<Pkcs8V1Der<'static>>::as_der(&pair).map_err(failed)?.as_ref().to_vec()
        }
    }))
}

fn ed25519(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed (RFC 8032 section 5.1.5)")
}

fn verifying(algorithm: Algorithm, spki: &[u8]) -> VerifyingKey {
    VerifyingKey::from_der(algorithm, spki).expect("a key that was written can be read")
}

fn p256_sign(pair: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), message).expect("a checked key signs anything").as_ref().to_vec()
}

fn rsa_sign(pair: &rsa::KeyPair, padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).expect("a checked key signs anything");
    signature
}

fn decode(pem: &str, label: &str) -> Result<Vec<u8>, KeyError> {
    if pem.len() > MAX_PEM {
        return Err(KeyError::Pem);
    }
    let (found, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).map_err(|_| KeyError::Pem)?;
    if found == label { Ok(der) } else { Err(KeyError::Pem) }
}

pub(super) fn encode(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, LineEnding::LF, der).expect("the label is constant, and DER may have any length")
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
