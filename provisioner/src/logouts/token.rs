//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4).

use serde_json::json;
use umoja_accounts::access::LogoutContent;
use umoja_crypto::jws::sign_jwt;
use umoja_schema::{Client, Millis};
use umoja_store::oidc_keys::OidcKeys;
use umoja_store::secrets::Secrets;

/// `typ` of a logout token, so that no other token is one.
const TYP: &str = "logout+jwt";
/// The event that it is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How many seconds it is valid: the specification recommends at most two minutes.
const LIFETIME_SECS: u64 = 120;

/// The token of a notice, signed by the algorithm that the client takes. It always names the session, which a client may demand. It has no
/// `nonce`, so that no client takes it for an id token.
pub(super) fn signed(
    (keys, secrets): (&OidcKeys, &Secrets),
    client: &Client,
    issuer: &str,
    notice: &LogoutContent,
    now: Millis,
) -> String {
    let mut claims = json!({
        "iss": issuer,
        "aud": client.id,
        "iat": now.secs(),
        "exp": now.secs() + LIFETIME_SECS,
        "jti": notice.jti,
        "sid": secrets.session_name(&notice.session, client.id.as_str()),
        "events": { EVENT: {} },
    });
    if let Some(sub) = &notice.sub {
        claims["sub"] = sub.as_str().into();
    }
    sign_jwt(keys.signer(client.id_token_signed_response_alg), TYP, &claims)
}
