//! The tokens of a client.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::jws::{half_hash, sign_jwt};
use umoja_schema::Client;

use super::granted::Granted;
use crate::provider::Keys;
use crate::tokens::{Access, Confirmation, Id, Issued, LIFETIME_SECS, TYP_ID};
use crate::{Provider, access_token, tokens};

/// Who accepts the access tokens of a client.
fn audience<'a>(provider: &'a Provider, client: &'a Client) -> &'a str {
    client.audience.as_deref().unwrap_or(&provider.issuer)
}

/// The claims of an access token that begins now.
pub(super) fn access(
    provider: &Provider,
    client: &Client,
    sub: &str,
    scopes: &BTreeSet<String>,
    key: Option<String>,
) -> Access {
    let now_secs = provider.now().secs();
    Access {
        iss: provider.issuer.clone(),
        aud: audience(provider, client).to_owned(),
        sub: sub.to_owned(),
        client_id: client.id.to_string(),
        iat: now_secs,
        exp: now_secs.saturating_add(client.access_token_secs),
        jti: URL_SAFE_NO_PAD.encode(provider.accounts.home.entropy.array::<16>()),
        scope: tokens::scope(scopes),
        cnf: key.map(|jkt| Confirmation { jkt }),
        signed_in: None,
        on_behalf: None,
        client_ends: 0,
    }
}

/// The tokens of a person for a client, with these of the granted scopes: an access token that does not outlive the grant, and an id
/// token with the scope `openid`. The claims about the person are at the userinfo endpoint, because there is an access token (OpenID
/// Connect Core section 5.4).
pub(super) fn issue(
    provider: &Provider,
    keys: &Keys,
    client: &Client,
    granted: &Granted,
    scopes: &BTreeSet<String>,
    (key, nonce): (Option<String>, Option<String>),
) -> Issued {
    let home = &provider.accounts.home;
    // The operator may have taken a scope from the client since it was granted.
    let scopes = &scopes.iter().filter(|scope| client.scopes.contains(scope)).cloned().collect::<BTreeSet<_>>();
    let mut access = access(provider, client, &granted.sub, scopes, key);
    access.exp = access.exp.min(granted.expires_at.secs());
    access.signed_in = Some(granted.signed_in.clone());
    access.on_behalf = Some(granted.on_behalf().seal(&provider.accounts.secrets, &*home.entropy));
    let mut issued = Issued::new(access_token::sign(&keys.signing, client, &access), &access);
    if scopes.contains("openid") {
        let id = Id {
            iss: access.iss,
            sub: access.sub,
            aud: access.client_id,
            iat: access.iat,
            exp: access.iat.saturating_add(LIFETIME_SECS),
            nonce,
            sid: Some(provider.accounts.secrets.session_name(&granted.session, client.id.as_str())),
            at_hash: half_hash(&issued.access_token),
            on_behalf: access.on_behalf,
            signed_in: granted.signed_in.clone(),
        };
        issued.id_token = Some(sign_jwt(keys.signing.signer(client.id_token_signed_response_alg), TYP_ID, &id));
    }
    issued
}
