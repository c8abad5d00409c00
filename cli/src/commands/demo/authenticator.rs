//! The authenticator of a person of the demo: one passkey (ES256), as a phone or a security key keeps it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umoja_crypto::{Algorithm, SigningKey};
use umoja_store::ports::Entropy;

use crate::CliError;

/// The person is there, and was verified (Web Authentication level 2, section 6.1).
const FLAGS: u8 = 0b101;
/// The data has a new key.
const MADE_A_KEY: u8 = 1 << 6;

/// An authenticator with one key.
pub(super) struct Authenticator {
    key: SigningKey,
    id: [u8; 16],
    origin: String,
    /// The user for whom the key was made.
    user: Value,
}

impl Authenticator {
    /// Makes a key for what the page of an issuer asks. Returns what the program of the page would send.
    pub(super) fn make(origin: &str, options: &str, entropy: &dyn Entropy) -> Result<(Self, String), CliError> {
        let key = SigningKey::generate(Algorithm::Es256).map_err(|error| CliError::Failed(error.to_string()))?;
        let asked = read(options)?;
        let made = Self { key, id: entropy.array(), origin: origin.to_owned(), user: asked["user"].clone() };
        let client_data = made.client_data("webauthn.create", &asked);
        let length = u16::try_from(made.id.len()).unwrap_or_default().to_be_bytes();
        let credential = [&[0; 16][..], &length, &made.id, &made.public_key()?].concat();
        let data = [data(&asked, FLAGS | MADE_A_KEY), credential].concat();
        let answer = json!({
            "id": text(&made.id), "client_data": text(client_data.as_bytes()), "attestation": text(&attestation(&data)),
            "transports": ["internal"],
        });
        Ok((made, answer.to_string()))
    }

    /// Signs for what a page asks. Returns what the program of the page would send.
    pub(super) fn sign(&self, options: &str) -> Result<String, CliError> {
        let asked = read(options)?;
        let client_data = self.client_data("webauthn.get", &asked);
        let data = data(&asked, FLAGS);
        let signature = self.key.sign(&[&data[..], &Sha256::digest(&client_data)].concat());
        let answer = json!({
            "id": text(&self.id), "client_data": text(client_data.as_bytes()), "authenticator_data": text(&data),
            "signature": text(&der(&signature)), "user": self.user,
        });
        Ok(answer.to_string())
    }

    fn client_data(&self, call: &str, asked: &Value) -> String {
        json!({ "type": call, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    /// The public key (COSE, RFC 8152 section 13.1.1): EC2, ES256, P-256 and the coordinates.
    fn public_key(&self) -> Result<Vec<u8>, CliError> {
        let jwk = self.key.jwk();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default());
        let (Ok(x), Ok(y)) = (coordinate("x"), coordinate("y")) else {
            return Err(CliError::Failed("the key has no coordinates".into()));
        };
        Ok([&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20][..], &x, &[0x22, 0x58, 0x20], &y].concat())
    }
}

/// The data of an authenticator without a key: the hash of the site, the flags, and a counter of 0.
fn data(asked: &Value, flags: u8) -> Vec<u8> {
    let site = Sha256::digest(asked["site"].as_str().unwrap_or_default());
    [&site[..], &[flags, 0, 0, 0, 0]].concat()
}

/// The attestation `none` (CBOR): `{"fmt": "none", "attStmt": {}, "authData": data}`.
fn attestation(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or_default().to_be_bytes();
    [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"[..], &length, data].concat()
}

/// A signature of ES256 as authenticators write it (section 6.5.6): a sequence of two numbers in DER, and not the numbers alone.
fn der(signature: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
        let bytes = &bytes[zeros..];
        let sign: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
        [&[2, u8::try_from(sign.len() + bytes.len()).unwrap_or_default()], sign, bytes].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap_or_default()][..], &numbers].concat()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(options: &str) -> Result<Value, CliError> {
    serde_json::from_str(options).map_err(|_| CliError::Failed("the page asks nothing of a passkey".into()))
}

#[cfg(test)]
mod tests {
    use umoja_crypto::webauthn::{Expected, PublicKey, asserted, registered};
    use umoja_host::OsEntropy;

    use super::*;

    fn bytes(answer: &Value, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(answer[name].as_str().unwrap()).unwrap()
    }

    #[test]
    fn what_it_makes_and_signs_verifies() {
        let (challenge, site, origin) = ([7; 32], "login.example", "https://login.example");
        let options = json!({ "challenge": text(&challenge), "site": site, "user": text(&[1; 16]) }).to_string();
        let expected = Expected { site, origin, challenge: &challenge, user_verification: true };
        // A number of a signature begins with a bit that would be a sign in every second one.
        for _ in 0..32 {
            let (authenticator, made) = Authenticator::make(origin, &options, &OsEntropy).ok().unwrap();
            let made: Value = serde_json::from_str(&made).unwrap();
            let made = registered(&expected, &bytes(&made, "client_data"), &bytes(&made, "attestation")).unwrap();
            let signed: Value = serde_json::from_str(&authenticator.sign(&options).ok().unwrap()).unwrap();
            assert_eq!((bytes(&signed, "id"), bytes(&signed, "user")), (made.credential_id, vec![1; 16]));
            let [client_data, data, signature] =
                ["client_data", "authenticator_data", "signature"].map(|name| bytes(&signed, name));
            let key = PublicKey::read(&made.public_key).unwrap();
            assert!(asserted(&expected, &key, &client_data, &data, &signature).unwrap().user_verified);
        }
    }
}
