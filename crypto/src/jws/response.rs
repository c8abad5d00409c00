//! Responses: `{alg, kid, typ: "umoja-res+jwt"}`, bound to the exact request they answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{integer, text};
use super::strict::{Strict, object, present};
use super::{JwsError, MAX_ID, MAX_NAME, MAX_URL, SigningKey, TYP_RESPONSE, VerifyingKey, check_times, sign, split};

/// The claims of a response, those of an error too; times in seconds since 1970.
#[derive(Clone, PartialEq, Serialize)]
pub struct ResponseClaims<B = Value> {
    /// The region's base URL: `aud` of the request.
    pub iss: String,
    /// The company: `iss` of the request.
    pub aud: String,
    /// Now.
    pub iat: u64,
    /// At most 60 seconds later.
    pub exp: u64,
    /// `jti` of the request.
    pub rjti: String,
    /// Hash of the request ([`SignedRequest::rqh`](super::SignedRequest::rqh)).
    pub rqh: String,
    /// The HTTP status, which an intermediary could otherwise change.
    pub status: u16,
    /// The operation's answer, or a problem (RFC 9457). A signer may give JSON text that is ready
    /// ([`RawValue`](serde_json::value::RawValue)).
    pub body: B,
}

/// The request that a response must answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseExpected<'a> {
    /// `aud` of the request.
    pub iss: &'a str,
    /// `iss` of the request.
    pub aud: &'a str,
    /// `jti` of the request.
    pub rjti: &'a str,
    /// [`request_hash`](super::request_hash) of the request.
    pub rqh: &'a str,
}

/// Signs a response.
pub fn sign_response(key: &SigningKey, claims: &ResponseClaims<impl Serialize>) -> String {
    sign(key, TYP_RESPONSE, claims)
}

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
    rjti: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    rqh: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    status: Option<Strict>,
    #[serde(default, deserialize_with = "present")]
    body: Option<Strict>,
}

/// Checks a response for a client: its signature by one of the published keys, its times, and that it answers this
/// request.
///
/// # Errors
/// [`JwsError`]; a request shown as a response is rejected for its `typ`, the answer to another request for its `rqh`.
pub fn verify_response(
    token: &[u8],
    keys: &[(String, VerifyingKey)],
    expect: &ResponseExpected<'_>,
    now_secs: u64,
) -> Result<ResponseClaims, JwsError> {
    let parts = split(token, TYP_RESPONSE)?;
    let incoming: Incoming = object(&parts.payload)?;
    let (_, key) = keys.iter().find(|(kid, _)| *kid == parts.kid).ok_or(JwsError::Rejected("kid"))?;
    parts.check_signature(token, key)?;
    let status = integer(incoming.status.as_ref(), "status")?;
    let claims = ResponseClaims {
        iss: text(incoming.iss, "iss", MAX_URL)?,
        aud: text(incoming.aud, "aud", MAX_NAME)?,
        iat: integer(incoming.iat.as_ref(), "iat")?,
        exp: integer(incoming.exp.as_ref(), "exp")?,
        rjti: text(incoming.rjti, "rjti", MAX_ID)?,
        rqh: text(incoming.rqh, "rqh", MAX_NAME)?,
        status: u16::try_from(status).map_err(|_| JwsError::Rejected("status"))?,
        body: incoming.body.ok_or(JwsError::Rejected("body"))?.0,
    };
    for (name, found, expected) in [
        ("iss", &claims.iss, expect.iss),
        ("aud", &claims.aud, expect.aud),
        ("rjti", &claims.rjti, expect.rjti),
        ("rqh", &claims.rqh, expect.rqh),
    ] {
        if found != expected {
            return Err(JwsError::Rejected(name));
        }
    }
    check_times(claims.iat, claims.exp, now_secs)?;
    Ok(claims)
}

impl<B> fmt::Debug for ResponseClaims<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseClaims").field("rjti", &self.rjti).field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
