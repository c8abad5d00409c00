//! Signed requests and responses: compact JWS (RFC 7515) of one fixed form.
//!
//! # Danger
//!
//! - The algorithm belongs to the key. A header may only agree with it; it never chooses (RFC 8725 section 3.1).
//! - Libraries check few claims by default. Here every claim is required, typed and compared before a [`SignedRequest`]
//!   exists; no other code makes one.
//! - A request is not a response: `typ` differs and is compared exactly.
//!
//! One check remains for the caller after [`Timely::verify`]: that the `jti` was never seen before.
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use umoja_crypto::jws::{Expected, RequestClaims, SigningKey, parse_request, sign_request};
//!
//! # fn main() -> Result<(), umoja_crypto::JwsError> {
//! // The company signs...
//! let key = SigningKey::from_seed("soko-1", [7; 32]);
//! let claims = RequestClaims {
//!     iss: "soko".into(),
//!     aud: "https://eu-west-1.example.com".into(),
//!     path: "/v1/users/lookup".into(),
//!     iat: 1_800_000_000,
//!     exp: 1_800_000_060,
//!     jti: "a-new-one-each-time".into(),
//!     akh: "the hash of the API key".into(),
//!     idk: None,
//!     body: json!({ "email": "ada@example.com" }),
//! };
//! let token = sign_request(&key, &claims);
//!
//! // ...and the region verifies, with the key that the company has registered under this `kid`.
//! let request = parse_request(token.as_bytes())?.check_times(1_800_000_001)?;
//! assert_eq!((request.issuer(), request.kid()), ("soko", "soko-1"));
//! let expected = Expected { aud: &claims.aud, path: &claims.path, akh: &claims.akh };
//! assert_eq!(request.verify(&key.verifying_key(), &expected)?.body, claims.body);
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod error;
mod event;
mod jwk;
mod jwt;
mod kept;
mod key;
mod request;
mod response;
mod strict;
#[cfg(test)]
mod test_keys;
mod weak;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use self::algorithm::Algorithm;
pub use self::error::JwsError;
pub use self::event::{EventClaims, TYP_EVENT, body_hash, sign_event};
pub use self::jwk::Jwk;
pub(crate) use self::jwk::rsa_public_key;
pub use self::jwt::{Jwt, MAX_JWT_BYTES, UnverifiedJwt, half_hash, parse_jwt, sign_jwt, verify_jwt};
pub use self::kept::{Kept, sign_receipt, verify_kept};
pub use self::key::{KeyError, SigningKey, VerifyingKey};
pub use self::request::{Expected, RequestClaims, SignedRequest, Timely, Unverified, parse_request, sign_request};
pub use self::response::{ResponseClaims, ResponseExpected, sign_response, verify_response};
pub use self::strict::MAX_DEPTH;

/// `typ` of a request.
pub const TYP_REQUEST: &str = "umoja-req+jwt";
/// `typ` of a response.
pub const TYP_RESPONSE: &str = "umoja-res+jwt";
/// `typ` of a receipt that an operator saved.
pub const TYP_RECEIPT: &str = "umoja-receipt+jwt";
/// Seconds by which clocks may differ.
pub const LEEWAY_SECS: u64 = 5;
/// Most seconds between `iat` and `exp`.
pub const MAX_LIFETIME_SECS: u64 = 60;
/// Most bytes of a request; the transport rejects larger ones before they come here.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// Most characters of `kid`, `iss` and other names.
const MAX_NAME: usize = 128;
/// Most characters of `aud` and `htu`.
const MAX_URL: usize = 2048;
/// Most characters of `jti` and `idk`.
const MAX_ID: usize = 64;

/// Unpadded base64url of SHA-256 over the exact bytes of a request. Its response is bound to this value.
pub fn request_hash(token: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// The header with exactly these members: `crit`, `jwk`, `x5u` and the like are unknown and therefore malformed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
}

/// A token split into its parts. None of its content is trusted yet.
struct Parts {
    alg: String,
    kid: String,
    payload: Zeroizing<Vec<u8>>,
    signature: Vec<u8>,
    /// The length of the signed part of the token: header, dot, payload.
    signed: usize,
}

fn split(token: &[u8], typ: &str) -> Result<Parts, JwsError> {
    let mut pieces = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(JwsError::Malformed);
    };
    let signed = header.len() + 1 + payload.len();
    let decode = |piece: &[u8]| URL_SAFE_NO_PAD.decode(piece).map_err(|_| JwsError::Malformed);
    let header: Header = strict::object(&decode(header)?)?;
    let payload = Zeroizing::new(decode(payload)?);
    let signature = decode(signature)?;
    if header.typ.as_deref() != Some(typ) {
        return Err(JwsError::Rejected("typ"));
    }
    let kid = header.kid.filter(|kid| length_in(kid, MAX_NAME)).ok_or(JwsError::Rejected("kid"))?;
    let alg = header.alg.ok_or(JwsError::Rejected("alg"))?;
    Ok(Parts { alg, kid, payload, signature, signed })
}

impl Parts {
    /// The header's algorithm must be the key's, then the signature must be.
    fn check_signature(&self, token: &[u8], key: &VerifyingKey) -> Result<(), JwsError> {
        if self.alg != key.algorithm().name() {
            return Err(JwsError::Rejected("alg"));
        }
        if key.verifies(&token[..self.signed], &self.signature) { Ok(()) } else { Err(JwsError::Rejected("signature")) }
    }
}

/// Header and claims, encoded, signed.
fn sign(key: &SigningKey, typ: &str, claims: &impl Serialize) -> String {
    let header = Header {
        alg: Some(key.algorithm().name().to_owned()),
        kid: Some(key.kid().to_owned()),
        typ: Some(typ.to_owned()),
    };
    let mut token = String::new();
    URL_SAFE_NO_PAD.encode_string(json(&header), &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(json(claims), &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(value).expect("these structs have text keys only"))
}

/// `iat` not in the future, `exp` not in the past, at most a minute between them.
fn check_times(iat: u64, exp: u64, now_secs: u64) -> Result<(), JwsError> {
    if iat > now_secs.saturating_add(LEEWAY_SECS) {
        return Err(JwsError::Rejected("iat"));
    }
    if exp.saturating_add(LEEWAY_SECS) <= now_secs {
        return Err(JwsError::Rejected("exp"));
    }
    match exp.checked_sub(iat) {
        Some(1..=MAX_LIFETIME_SECS) => Ok(()),
        _ => Err(JwsError::Rejected("exp")),
    }
}

fn length_in(text: &str, max_chars: usize) -> bool {
    !text.is_empty() && text.chars().take(max_chars + 1).count() <= max_chars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_accepted_within_the_leeway_and_the_lifetime_only() {
        let now = 1_000;
        for (iat, exp) in [(1_000, 1_060), (1_005, 1_006), (936, 996), (995, 996)] {
            assert_eq!(check_times(iat, exp, now), Ok(()), "{iat} {exp}");
        }
        for (iat, exp) in [(1_006, 1_010), (940, 995), (1_000, 1_061), (1_000, 1_000), (1_001, 1_000), (0, u64::MAX)] {
            assert!(check_times(iat, exp, now).is_err(), "{iat} {exp}");
        }
        assert!(check_times(u64::MAX, u64::MAX, u64::MAX).is_err());
        assert!(check_times(0, 60, 0).is_ok());
    }
}
