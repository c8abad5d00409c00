//! Events that a region posts: `{alg, kid, typ: "umoja-evt+jwt"}`, bound to the exact body by its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{SigningKey, sign};

/// `typ` of an event.
pub const TYP_EVENT: &str = "umoja-evt+jwt";

/// The claims about an event that is posted. A verifier checks the signature, `aud`, `jti` and `sha256`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventClaims {
    /// The region's base URL.
    pub iss: String,
    /// The company.
    pub aud: String,
    /// When it is posted, in seconds since 1970.
    pub iat: u64,
    /// The header `webhook-id`.
    pub jti: String,
    /// [`body_hash`] of the body.
    pub sha256: String,
}

/// SHA-256 of a body, unpadded base64url.
pub fn body_hash(body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(body))
}

/// Signs an event that is posted.
pub fn sign_event(key: &SigningKey, claims: &EventClaims) -> String {
    sign(key, TYP_EVENT, claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_no_response_and_no_request() {
        let key = SigningKey::from_seed("signing-1", [7; 32]);
        let claims = EventClaims {
            iss: "https://eu.example".into(),
            aud: "soko".into(),
            iat: 1_800_000_000,
            jti: "m1".into(),
            sha256: body_hash(b"{}"),
        };
        let token = sign_event(&key, &claims);
        let expect =
            super::super::ResponseExpected { iss: "https://eu.example", aud: "soko", rjti: "m1", rqh: &claims.sha256 };
        let keys = [("signing-1".to_owned(), key.verifying_key())];
        assert!(super::super::verify_response(token.as_bytes(), &keys, &expect, 1_800_000_000).is_err());
        assert!(super::super::parse_request(token.as_bytes()).is_err());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(key.verifying_key().verifies(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()));
    }
}
