//! Id tokens that clients send back as hints: genuine ones, however old.

use umoja_crypto::jws::parse_jwt;
use umoja_store::oidc_keys::OidcKeys;

use crate::logout::Hinted;
use crate::tokens::TYP_ID;

/// What an id token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    /// The person as the client knows it.
    pub(super) sub: String,
    /// The client and the session.
    pub(super) of: Hinted,
}

/// What an id token of this issuer says. `None` for any other text. A hint says who a person was, so it is not asked whether the token has
/// ended (OpenID Connect RP-Initiated Logout 1.0 section 2).
pub(super) fn read(keys: &OidcKeys, issuer: &str, token: &str) -> Option<Hint> {
    let parsed = parse_jwt(token).ok()?;
    if parsed.header("typ") != Some(TYP_ID) {
        return None;
    }
    let key = keys.verify_hint(parsed.header("kid")?)?;
    let claims = parsed.verify(key).ok()?.claims;
    let text = |name: &str| claims.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    if text("iss").as_deref() != Some(issuer) {
        return None;
    }
    Some(Hint { sub: text("sub")?, of: Hinted { client: text("aud")?, session: text("sid") } })
}
