//! JSON Web Tokens (RFC 7519) of single sign-on: those that Umoja issues, and those that clients send.
//!
//! What a client sends is read strictly: a compact JWS of two JSON objects without duplicate keys, without `crit`. The
//! key says which algorithm the signature has, and a header that names another one is rejected (RFC 8725 section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::strict::{Strict, object};
use super::{JwsError, SigningKey, VerifyingKey, sign};

/// Most bytes of a token that a client sends.
pub const MAX_JWT_BYTES: usize = 16 * 1024;

/// Signs claims: the header has `alg` and `kid` of the key, and this `typ`.
pub fn sign_jwt(key: &SigningKey, typ: &str, claims: &impl Serialize) -> String {
    sign(key, typ, claims)
}

/// The left half of SHA-256 of a text, unpadded base64url: `at_hash` of an access token, `c_hash` of a code (OpenID
/// Connect Core section 3.3.2.11), for ES256 and RS256.
pub fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16])
}

/// A token whose shape is right. **None of its content is trusted**: it only serves to find the key.
pub struct UnverifiedJwt {
    token: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

/// A token whose signature the key made.
#[derive(Clone, PartialEq)]
pub struct Jwt {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims: no duplicate keys, at most [`MAX_DEPTH`](super::MAX_DEPTH) deep.
    pub claims: Map<String, Value>,
}

/// Takes a token apart.
///
/// # Errors
/// [`JwsError::Malformed`] if it is no compact JWS of two objects, or too long; [`JwsError::Rejected`] if it has the
/// header `crit`, or no `alg`.
pub fn parse_jwt(token: &str) -> Result<UnverifiedJwt, JwsError> {
    if token.len() > MAX_JWT_BYTES {
        return Err(JwsError::Malformed);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(JwsError::Malformed) };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed);
    let read = |part: &str| match object::<Strict>(&decode(part)?)?.0 {
        Value::Object(members) => Ok(members),
        _ => Err(JwsError::Malformed),
    };
    let (header, claims) = (read(header)?, read(claims)?);
    // An extension that must be understood (RFC 7515 section 4.1.11): none is.
    if header.contains_key("crit") {
        return Err(JwsError::Rejected("crit"));
    }
    if !header.get("alg").is_some_and(Value::is_string) {
        return Err(JwsError::Rejected("alg"));
    }
    Ok(UnverifiedJwt { token: token.to_owned(), header, claims, signature: decode(signature)? })
}

impl UnverifiedJwt {
    /// A text of the header, such as `kid` or `typ`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The public key in the header of a DPoP proof (RFC 9449 section 4.2).
    pub fn jwk(&self) -> Option<&Value> {
        self.header.get("jwk")
    }

    /// A text of the claims, such as `iss`. Use it only to find the key.
    pub fn claimed(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// Checks the signature. Times, audience and `typ` are left to the caller, because each kind of token has its own.
    ///
    /// # Errors
    /// [`JwsError::Rejected`] if the header names another algorithm than the key's, or the key did not sign.
    pub fn verify(self, key: &VerifyingKey) -> Result<Jwt, JwsError> {
        if self.header("alg") != Some(key.algorithm().name()) {
            return Err(JwsError::Rejected("alg"));
        }
        let signed = self.token.rsplit_once('.').map_or("", |(signed, _)| signed);
        if !key.verifies(signed.as_bytes(), &self.signature) {
            return Err(JwsError::Rejected("signature"));
        }
        Ok(Jwt { header: self.header, claims: self.claims })
    }
}

/// Takes a token apart and checks its signature and `typ`, which RFC 8725 section 3.11 has tell kinds of tokens apart.
///
/// # Errors
/// [`JwsError`].
pub fn verify_jwt(token: &str, typ: &str, key: &VerifyingKey) -> Result<Jwt, JwsError> {
    let parsed = parse_jwt(token)?;
    // A media type is compared without regard to case (RFC 7515 section 4.1.9).
    if !parsed.header("typ").is_some_and(|found| found.eq_ignore_ascii_case(typ)) {
        return Err(JwsError::Rejected("typ"));
    }
    parsed.verify(key)
}

impl std::fmt::Debug for UnverifiedJwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnverifiedJwt(..)")
    }
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jwt(..)")
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
