//! `POST /oauth2/device`: a device begins (RFC 8628 section 3.1 and 3.2).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use umoja_accounts::access::NewDevice;
use umoja_schema::{Client, ClientKind, GrantType};
use umoja_store::ports::{Counted, Limit};

use super::request::read;
use crate::Provider;
use crate::address::ClientAddress;
use crate::client_auth::authenticate;
use crate::device::{AUTHORIZATION, DeviceCode, INTERVAL_SECS, LIFETIME_MS, PAGE};
use crate::form::Form;
use crate::problem::{Problem, never_stored};
use crate::user_code;

/// How often a code is drawn that is in use.
const DRAWS: usize = 4;

/// How many devices of a public client may begin at one address, because every row is replicated. The hour does not slide, because many
/// devices may share an address.
const BEGUN: Limit =
    Limit { at_once: 100, shortest_ms: 2_000, longest_ms: 900_000, window_ms: 3_600_000, slides: false };

pub(super) async fn authorization(
    State(provider): State<Arc<Provider>>,
    request: Request,
) -> Result<Response, Problem> {
    let address = ClientAddress::of(request.extensions());
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, AUTHORIZATION, &headers, &form).await?;
    let begun = begun(&provider, &client, (&form, address)).await;
    begun.inspect_err(|problem| problem.log(AUTHORIZATION, Some(&client.id)))
}

async fn begun(
    provider: &Provider,
    client: &Client,
    (form, address): (&Form, Option<IpAddr>),
) -> Result<Response, Problem> {
    if !client.may_use(GrantType::DeviceCode) {
        return Err(Problem::UnauthorizedClient);
    }
    count(provider, client, address).await?;
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

/// Counts a device that begins. Anyone may name a public client; one that proves itself answers for its devices. Without an address there is
/// nothing to count by, and a table that does not answer keeps no device out.
async fn count(provider: &Provider, client: &Client, address: Option<IpAddr>) -> Result<(), Problem> {
    let Some(address) = address.filter(|_| client.kind == ClientKind::Public) else { return Ok(()) };
    let (people, now) = (&provider.accounts.people, provider.now());
    let network = umoja_accounts::network(address).to_string();
    let key = people.secrets.request_hash(&["device begin", client.id.as_str(), &network]);
    match people.home.attempts.count(&key, &BEGUN, now).await {
        Ok(Counted::Locked(until)) => {
            let secs = until.since(now).div_ceil(1000);
            Err(Problem::TooMany { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) })
        }
        Ok(Counted::Let(_)) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the devices that begin are not counted");
            Ok(())
        }
    }
}
