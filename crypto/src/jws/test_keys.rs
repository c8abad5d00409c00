//! Keys and forged tokens for the tests of this module.

use aws_lc_rs::encoding::AsDer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::key::encode;
use super::{Algorithm, SigningKey};

/// A key of every algorithm. The RSA and P-256 keys are generated each time, so the repository has no private key.
pub(super) fn one_of_each() -> [SigningKey; 4] {
    let rsa = private_pem(&rsa_der());
    [
        ed25519(1),
        SigningKey::from_private_pem("es", Algorithm::Es256, &private_pem(&p256_der())).unwrap(),
        SigningKey::from_private_pem("rs", Algorithm::Rs256, &rsa).unwrap(),
        SigningKey::from_private_pem("ps", Algorithm::Ps256, &rsa).unwrap(),
    ]
}

pub(super) fn ed25519(seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("ed-{seed}"), [seed; 32])
}

pub(super) fn p256_der() -> Vec<u8> {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
}

fn rsa_der() -> Vec<u8> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    pair.as_der().unwrap().as_ref().to_vec()
}

pub(super) fn private_pem(der: &[u8]) -> String {
    encode("PRIVATE KEY", der)
}

/// A token of any header and payload; the signer gets the signing input.
pub(super) fn forge(header: &str, payload: &str, signer: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = signer(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
}

/// The payload of a token.
pub(super) fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
