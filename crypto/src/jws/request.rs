//! Requests: `{alg, kid, typ: "umoja-req+jwt"}` and claims of one fixed set.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::strict::{Strict, object, present};
use super::{
    JwsError, MAX_ID, MAX_NAME, MAX_REQUEST_BYTES, MAX_URL, Parts, SigningKey, TYP_REQUEST, VerifyingKey, check_times,
    length_in, request_hash, sign, split,
};
use crate::{numbers, surrogates};

/// The claims of a request; times in seconds since 1970.
#[derive(Clone)]
pub struct RequestClaims {
    /// The company's id.
    pub iss: String,
    /// The region's configured base URL, without a trailing slash.
    pub aud: String,
    /// The path of the operation, beginning with a slash, without a query; `htu` is `aud` and this.
    pub path: String,
    /// Now.
    pub iat: u64,
    /// At most 60 seconds later.
    pub exp: u64,
    /// A fresh unique id of 1 to 64 characters.
    pub jti: String,
    /// [`ApiKey::akh`](crate::ApiKey::akh) of the API key that is sent with the request.
    pub akh: String,
    /// Idempotency key of 1 to 64 characters: a retry has a new `jti` and the same `idk`.
    pub idk: Option<String>,
    /// The operation's own content.
    pub body: Value,
}

/// The claims as they are spelled on the wire.
#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
    htm: &'static str,
    htu: String,
    akh: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idk: Option<&'a str>,
    body: &'a Value,
}

/// Signs a request.
pub fn sign_request(key: &SigningKey, claims: &RequestClaims) -> String {
    let wire = Wire {
        iss: &claims.iss,
        aud: &claims.aud,
        iat: claims.iat,
        exp: claims.exp,
        jti: &claims.jti,
        htm: "POST",
        htu: format!("{}{}", claims.aud, claims.path),
        akh: &claims.akh,
        idk: claims.idk.as_deref(),
        body: &claims.body,
    };
    sign(key, TYP_REQUEST, &wire)
}

/// The claims as received: any claim may be missing or of the wrong type, none may be duplicate or unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    #[serde(default, deserialize_with = "present")]
    iss: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    jti: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    htm: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    htu: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    akh: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    idk: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    body: Option<Strict>,
}

/// Text of 1 to `max` characters.
pub(super) fn text(claim: Option<Strict>, name: &'static str, max: usize) -> Result<String, JwsError> {
    match claim {
        Some(Strict(Value::String(text))) if length_in(&text, max) => Ok(text),
        _ => Err(JwsError::Rejected(name)),
    }
}

/// An integer; neither text nor a fraction nor negative.
pub(super) fn integer(claim: Option<&Strict>, name: &'static str) -> Result<u64, JwsError> {
    claim.and_then(|claim| claim.0.as_u64()).ok_or(JwsError::Rejected(name))
}

/// A request whose shape is right. **None of its content is trusted**.
pub struct Unverified {
    token: Zeroizing<Vec<u8>>,
    parts: Parts,
    claims: Claims,
}

/// A request whose times are right. The rest of its content is not trusted.
pub struct Timely(Unverified);

/// The claims, of the right type.
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    jti: String,
    htm: String,
    htu: String,
    akh: String,
    idk: Option<String>,
    body: Value,
}

/// A request whose signature, times and every claim were checked: only [`Timely::verify`] makes one.
///
/// One check remains, and needs storage: that its `jti` is new.
#[non_exhaustive]
pub struct SignedRequest {
    /// The company that signed, which the caller looked the key up for.
    pub iss: String,
    /// The key that signed the request.
    pub kid: String,
    /// Unique id of this request.
    pub jti: String,
    /// The full URL it was signed for, for the once-only mark of (`iss`, `htu`, `jti`).
    pub htu: String,
    /// Issued at, in seconds.
    pub iat: u64,
    /// Expires at, in seconds.
    pub exp: u64,
    /// Idempotency key.
    pub idk: Option<String>,
    /// The operation's own content: no duplicate keys, at most [`MAX_DEPTH`](super::MAX_DEPTH) deep, every number as it
    /// was sent ([`numbers::are_kept`]).
    pub body: Value,
    /// The value that the response is bound to: unpadded base64url of SHA-256 over the exact bytes of the request.
    pub rqh: String,
}

/// The expected values of a request.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// This region's configured base URL, never a `Host` header.
    pub aud: &'a str,
    /// The path that was called, without a query.
    pub path: &'a str,
    /// [`ApiKey::akh`](crate::ApiKey::akh) of the API key that came with the request.
    pub akh: &'a str,
}

/// Takes a request apart and checks its shape.
///
/// # Errors
/// [`JwsError::Malformed`] if it is not of the form, [`JwsError::Number`] if `body` would hold another number than was
/// sent, [`JwsError::HalfCharacter`] if a text has half a character, [`JwsError::Rejected`] if a header or claim is missing or of the wrong type.
pub fn parse_request(token: &[u8]) -> Result<Unverified, JwsError> {
    if token.len() > MAX_REQUEST_BYTES {
        return Err(JwsError::Malformed);
    }
    let parts = split(token, TYP_REQUEST)?;
    if !numbers::are_kept(&parts.payload) {
        return Err(JwsError::Number);
    }
    if !surrogates::are_paired(&parts.payload) {
        return Err(JwsError::HalfCharacter);
    }
    let incoming: Incoming = object(&parts.payload)?;
    let idk = match incoming.idk {
        None => None,
        claim => Some(text(claim, "idk", MAX_ID)?),
    };
    let claims = Claims {
        iss: text(incoming.iss, "iss", MAX_NAME)?,
        aud: text(incoming.aud, "aud", MAX_URL)?,
        iat: integer(incoming.iat.as_ref(), "iat")?,
        exp: integer(incoming.exp.as_ref(), "exp")?,
        jti: text(incoming.jti, "jti", MAX_ID)?,
        htm: text(incoming.htm, "htm", MAX_NAME)?,
        htu: text(incoming.htu, "htu", MAX_URL)?,
        akh: text(incoming.akh, "akh", MAX_NAME)?,
        idk,
        body: incoming.body.ok_or(JwsError::Rejected("body"))?.0,
    };
    let token = Zeroizing::new(token.to_vec());
    Ok(Unverified { token, parts, claims })
}

impl Unverified {
    /// Checks the times before anything costly: issued at most 5 s in the future, expired at most 5 s ago, valid for 1
    /// to 60 s.
    ///
    /// # Errors
    /// [`JwsError::Rejected`].
    pub fn check_times(self, now_secs: u64) -> Result<Timely, JwsError> {
        check_times(self.claims.iat, self.claims.exp, now_secs)?;
        Ok(Timely(self))
    }
}

impl Timely {
    /// The key that the request says it is signed with. Use it only to look that key up.
    pub fn kid(&self) -> &str {
        &self.0.parts.kid
    }

    /// The company that the request says it comes from. Use it only to look its key up.
    pub fn issuer(&self) -> &str {
        &self.0.claims.iss
    }

    /// Checks everything else against the key registered for [`issuer`](Self::issuer) and [`kid`](Self::kid).
    ///
    /// The key's algorithm must be the header's, and the signature must be the key's. The claims are compared only
    /// after that, so that a caller without the key learns nothing about the expected values.
    ///
    /// # Errors
    /// [`JwsError::Rejected`].
    pub fn verify(self, key: &VerifyingKey, expect: &Expected<'_>) -> Result<SignedRequest, JwsError> {
        let Unverified { token, parts, claims } = self.0;
        parts.check_signature(&token, key)?;
        if claims.aud != expect.aud {
            return Err(JwsError::Rejected("aud"));
        }
        if claims.htm != "POST" {
            return Err(JwsError::Rejected("htm"));
        }
        if claims.htu.strip_prefix(expect.aud) != Some(expect.path) {
            return Err(JwsError::Rejected("htu"));
        }
        if !bool::from(claims.akh.as_bytes().ct_eq(expect.akh.as_bytes())) {
            return Err(JwsError::Rejected("akh"));
        }
        Ok(SignedRequest {
            iss: claims.iss,
            kid: parts.kid,
            jti: claims.jti,
            htu: claims.htu,
            iat: claims.iat,
            exp: claims.exp,
            idk: claims.idk,
            body: claims.body,
            rqh: request_hash(&token),
        })
    }
}

impl fmt::Debug for RequestClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestClaims").field("iss", &self.iss).field("jti", &self.jti).finish_non_exhaustive()
    }
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("kid", &self.parts.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for Timely {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timely").field(&self.0).finish()
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("iss", &self.iss).field("jti", &self.jti).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
