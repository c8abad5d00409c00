//! `POST /oauth2/device`: a device begins (RFC 8628 section 3.1 and 3.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use umoja_accounts::access::NewDevice;
use umoja_schema::GrantType;

use super::request::read;
use crate::Provider;
use crate::client_auth::authenticate;
use crate::device::{AUTHORIZATION, DeviceCode, INTERVAL_SECS, LIFETIME_MS, PAGE};
use crate::problem::{Problem, never_stored};
use crate::user_code;

/// How often a code is drawn that is in use.
const DRAWS: usize = 4;

pub(super) async fn authorization(
    State(provider): State<Arc<Provider>>,
    request: Request,
) -> Result<Response, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, AUTHORIZATION, &headers, &form).await?;
    if !client.may_use(GrantType::DeviceCode) {
        return Err(Problem::UnauthorizedClient);
    }
    // Scopes that are not the client's are left out, as at the authorization endpoint.
    let asked = form.get("scope").unwrap_or("openid").split(' ');
    let scopes: BTreeSet<_> =
        asked.filter(|scope| client.scopes.iter().any(|own| own == scope)).map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(Problem::Scope);
    }
    let people = &provider.accounts.people;
    let (entropy, expires_at) = (&*people.home.entropy, provider.now().plus(LIFETIME_MS));
    let jti = URL_SAFE_NO_PAD.encode(entropy.array::<16>());
    for _ in 0..DRAWS {
        let user_code = user_code::random(entropy);
        let new = NewDevice { jti: jti.clone(), client: client.id.to_string(), scopes: scopes.clone(), expires_at };
        if !people.begin_device(&user_code, new).await? {
            continue;
        }
        let (shown, page) = (user_code::shown(&user_code), provider.url(PAGE));
        let (region, id) = (people.home.own.name.clone(), client.id.clone());
        let code = DeviceCode { jti, region, client: id, user_code, expires_at };
        let body = json!({
            "device_code": code.seal(&people.secrets, entropy),
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={shown}"),
            "expires_in": LIFETIME_MS / 1000,
            "interval": INTERVAL_SECS,
        });
        let mut response = Json(body).into_response();
        never_stored(response.headers_mut());
        return Ok(response);
    }
    Err(Problem::Unavailable)
}
