//! Public keys as JSON (RFC 7517), and their thumbprints (RFC 7638).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::key::new_pkcs8;
use super::{Algorithm, KeyError, SigningKey, VerifyingKey};

/// Members that only a private or symmetric key has (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key of another party.
#[derive(Debug, Clone)]
pub struct Jwk {
    kid: Option<String>,
    thumbprint: String,
    key: VerifyingKey,
}

impl Jwk {
    /// Reads a public key for signatures: P-256 (ES256), RSA (RS256, or PS256 if `alg` says so) or Ed25519 (EdDSA). The
    /// member `alg` may be absent, but may not contradict the key.
    ///
    /// # Errors
    /// [`KeyError::Key`] for any other key, a key for encryption, and one with a private part; [`KeyError::Weak`].
    pub fn parse(jwk: &Value) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::Key)?;
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(KeyError::Key);
        }
        let optional = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyError::Key),
        };
        let text = |name: &str| optional(name)?.ok_or(KeyError::Key);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).map_err(|_| KeyError::Key);
        let coordinate = |name: &str| bytes(name).and_then(|b| if b.len() == 32 { Ok(b) } else { Err(KeyError::Key) });
        if optional("use")?.is_some_and(|used| used != "sig") {
            return Err(KeyError::Key);
        }
        let is_ec = |curve: &str| optional("crv").map(|crv| crv == Some(curve));
        let (algorithm, key, required) = match text("kty")? {
            "EC" if is_ec("P-256")? => {
                let key = [vec![4], coordinate("x")?, coordinate("y")?].concat();
                (Algorithm::Es256, key, json!({ "crv": "P-256", "kty": "EC", "x": text("x")?, "y": text("y")? }))
            }
            "OKP" if is_ec("Ed25519")? => {
                (Algorithm::EdDsa, coordinate("x")?, json!({ "crv": "Ed25519", "kty": "OKP", "x": text("x")? }))
            }
            "RSA" => {
                let algorithm = if optional("alg")? == Some("PS256") { Algorithm::Ps256 } else { Algorithm::Rs256 };
                let (n, e) = (bytes("n")?, bytes("e")?);
                (algorithm, rsa_public_key(&n, &e), json!({ "e": text("e")?, "kty": "RSA", "n": text("n")? }))
            }
            _ => return Err(KeyError::Key),
        };
        if optional("alg")?.is_some_and(|alg| alg != algorithm.name()) {
            return Err(KeyError::Key);
        }
        let key = VerifyingKey::from_jwk_bytes(algorithm, &key)?;
        Ok(Self { kid: optional("kid")?.map(str::to_owned), thumbprint: thumbprint(&required), key })
    }

    /// The name that the other party gave it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// SHA-256 of the members that make the key, unpadded base64url (RFC 7638): `jkt` of DPoP.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl VerifyingKey {
    /// Reads one entry of the `jwks.json` of a region with its `kid`: Ed25519 (RFC 8037 section 2) or P-256 (RFC 7518
    /// section 6.2). Both members `kid` and `alg` are needed.
    ///
    /// # Errors
    /// [`KeyError::Key`] for anything else.
    pub fn from_jwk(jwk: &Value) -> Result<(String, Self), KeyError> {
        let parsed = Jwk::parse(jwk)?;
        match (parsed.kid(), parsed.key().algorithm()) {
            (Some(kid), Algorithm::EdDsa | Algorithm::Es256) if jwk.get("alg").is_some() => {
                Ok((kid.to_owned(), parsed.key().clone()))
            }
            _ => Err(KeyError::Key),
        }
    }
}

impl SigningKey {
    /// Makes a new key (RSA of 2048 bits), whose name is its thumbprint (RFC 7638). The library draws it.
    ///
    /// # Errors
    /// [`KeyError::Key`] if the library cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let der = new_pkcs8(algorithm)?;
        let unnamed = Self::from_pkcs8("", algorithm, &der)?;
        Self::from_pkcs8(Jwk::parse(&unnamed.jwk())?.thumbprint(), algorithm, &der)
    }
}

/// The hash of a JSON object whose members are in the order of their names and nothing else.
fn thumbprint(required: &Value) -> String {
    // Maps of serde_json are ordered by name, as RFC 7638 section 3.3 asks, and base64url needs no escape.
    let members = required.as_object().into_iter().flatten().collect::<std::collections::BTreeMap<_, _>>();
    URL_SAFE_NO_PAD.encode(Sha256::digest(serde_json::to_vec(&members).unwrap_or_default()))
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1) of a modulus and an exponent.
pub(crate) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    tagged(0x30, &[integer(modulus), integer(exponent)].concat())
}

/// A positive `INTEGER` in DER.
fn integer(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian.iter().position(|byte| *byte != 0).unwrap_or(big_endian.len());
    let digits = &big_endian[start..];
    let is_negative = digits.first().is_none_or(|byte| byte & 0x80 != 0);
    let padded = if is_negative { [&[0], digits].concat() } else { digits.to_vec() };
    tagged(0x02, &padded)
}

/// A value in DER with its tag and length.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = &length[start..];
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(length.len()).unwrap_or(u8::MAX));
    }
    out.extend_from_slice(length);
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
