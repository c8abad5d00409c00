//! Access tokens: JWTs that every region verifies by itself (RFC 9068).

use serde_json::Value;
use umoja_crypto::jws::{parse_jwt, sign_jwt};
use umoja_schema::Client;
use umoja_store::oidc_keys::OidcKeys;

use crate::tokens::{Access, TYP_ACCESS};

/// Signs a token for a client, by the algorithm that the client takes.
pub fn sign(keys: &OidcKeys, client: &Client, claims: &Access) -> String {
    sign_jwt(keys.signer(client.id_token_signed_response_alg), TYP_ACCESS, claims)
}

/// The claims of a token of this issuer that has not ended. Whether what it stands for has ended is for the caller to ask.
pub fn read(keys: &OidcKeys, issuer: &str, token: &str, now_secs: u64) -> Option<Access> {
    let parsed = parse_jwt(token).ok()?;
    if parsed.header("typ") != Some(TYP_ACCESS) {
        return None;
    }
    let key = keys.verify(parsed.header("kid")?)?;
    let claims = parsed.verify(key).ok()?.claims;
    let access: Access = serde_json::from_value(Value::Object(claims)).ok()?;
    (access.iss == issuer && now_secs < access.exp).then_some(access)
}
