//! The provider of each region: its routes, as the back end of a client calls them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use umoja_accounts::{Accounts, PasswordRules, People};
use umoja_crypto::jws::parse_jwt;
use umoja_oidc::back_channel::{TOKEN, USERINFO};
use umoja_oidc::{Provider, router};
use umoja_schema::Client;
use umoja_store::ports::{Answered, Call, Hasher, Outbound, OutboundError};

use crate::deployment::{CountingHasher, Deployment};
use crate::hook::status;
use crate::sim::names::company;
use crate::sim::plan::CLIENTS;

pub(in crate::sim) const ISSUER: &str = "https://login.example";
pub(in crate::sim) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(in crate::sim) const SCOPE: &str = "openid";

/// An answer.
pub(in crate::sim) enum Answer<T> {
    /// With what was asked for.
    Done(T),
    /// The code or the token is not valid, and never will be.
    Rejected,
    /// A service or a region does not answer, or what it needs has not arrived.
    Unavailable,
}

/// Tokens.
pub(in crate::sim) struct Tokens {
    pub(in crate::sim) access: String,
    pub(in crate::sim) refresh: String,
}

/// The id of a client.
pub(in crate::sim) fn client(number: u8) -> &'static str {
    ["web", "app", "till"][usize::from(number % CLIENTS)]
}

/// Where a client gets its codes.
pub(in crate::sim) fn redirect_uri(number: u8) -> String {
    format!("https://{}.example/callback", client(number))
}

/// What stands for the verifier in a code.
pub(in crate::sim) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// Stores the clients in every region: public ones, so that their refresh tokens change. Two have public subjects.
pub(in crate::sim) async fn put_clients(deployment: &Deployment) {
    for number in 0..CLIENTS {
        let id = client(number);
        let mut document = json!({
            "id": id, "revision": 1, "company": company(usize::from(number)), "name": "A client", "kind": "public",
            "redirect_uris": [redirect_uri(number)], "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none", "scopes": [SCOPE, "email"], "subject_type": "public",
            "backchannel_logout_uri": format!("https://{id}.example/logout"), "enabled": true,
        });
        if number == 2 {
            document["subject_type"] = json!("pairwise");
            document["sector_identifier"] = json!(SECTOR);
        }
        let name = Client::setting(&id.parse().expect("an id"));
        for region in &deployment.world.regions {
            region.tables.registry.put_setting(&name, &document).await.expect("settings can be written");
        }
    }
}

/// The sector of the last client.
pub(in crate::sim) const SECTOR: &str = "till.example";

/// The routes of a region.
pub(in crate::sim) fn routes(people: &People, hasher: &Arc<CountingHasher>, clients: &Arc<Clients>) -> Router {
    let hasher: Arc<dyn Hasher> = Arc::<CountingHasher>::clone(hasher);
    let passwords = PasswordRules { min_chars: 8, min_score: 3 };
    let accounts = Accounts { people: people.clone(), hasher, passwords, old_systems: None, mailer: None };
    router(Arc::new(Provider::new(accounts, ISSUER, Arc::<Clients>::clone(clients) as _)))
}

/// A client presents a code.
pub(in crate::sim) async fn redeem(routes: &Router, number: u8, code: &str) -> Answer<Tokens> {
    let redirect_uri = redirect_uri(number).replace(':', "%3A").replace('/', "%2F");
    let form =
        format!("grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={VERIFIER}");
    token(routes, number, &form).await
}

/// A client presents a refresh token.
pub(in crate::sim) async fn refresh(routes: &Router, number: u8, text: &str) -> Answer<Tokens> {
    token(routes, number, &format!("grant_type=refresh_token&refresh_token={text}")).await
}

async fn token(routes: &Router, number: u8, form: &str) -> Answer<Tokens> {
    let form = format!("{form}&client_id={}", client(number));
    let request = Request::post(TOKEN).header("content-type", "application/x-www-form-urlencoded");
    let (status, body) = send(routes, request.body(Body::from(form)).expect("a request")).await;
    match (status, body["error"].as_str()) {
        (200, _) => {
            let text = |name: &str| body[name].as_str().expect("a token").to_owned();
            Answer::Done(Tokens { access: text("access_token"), refresh: text("refresh_token") })
        }
        (400, Some("invalid_grant")) => Answer::Rejected,
        (503, _) => Answer::Unavailable,
        _ => panic!("sign-on: a token was answered {status}: {body}"),
    }
}

/// A client asks who an access token is for. The answer is what it calls the person.
pub(in crate::sim) async fn userinfo(routes: &Router, token: &str) -> Answer<String> {
    let request = Request::get(USERINFO).header("authorization", format!("Bearer {token}"));
    let (status, body) = send(routes, request.body(Body::empty()).expect("a request")).await;
    match status {
        200 => Answer::Done(body["sub"].as_str().expect("a subject").to_owned()),
        401 => Answer::Rejected,
        503 => Answer::Unavailable,
        _ => panic!("sign-on: a person was answered {status}: {body}"),
    }
}

async fn send(routes: &Router, request: Request<Body>) -> (u16, Value) {
    let response = routes.clone().oneshot(request).await.expect("routes answer");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A notice of a logout, as a client got it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) struct Got {
    pub(in crate::sim) client: String,
    pub(in crate::sim) session: String,
    pub(in crate::sim) jti: String,
}

/// The clients, as the regions inform them of logouts.
#[derive(Default)]
pub(in crate::sim) struct Clients {
    got: Mutex<Vec<Got>>,
    /// How many of the next answers are lost.
    lost: Mutex<u8>,
}

impl Clients {
    pub(in crate::sim) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::sim) fn lose(&self, answers: u8) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }
}

#[async_trait]
impl Outbound for Clients {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let token = String::from_utf8_lossy(call.body).replacen("logout_token=", "", 1);
        let jwt = parse_jwt(&token).expect("a logout token");
        let text = |name: &str| jwt.claimed(name).unwrap_or_default().to_owned();
        let got = Got { client: text("aud"), session: text("sid"), jti: text("jti") };
        assert_eq!(call.url, format!("https://{}.example/logout", got.client), "sign-on: a notice for another client");
        self.got.lock().unwrap_or_else(PoisonError::into_inner).push(got);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if *lost > 0 {
            *lost -= 1;
            return Ok(status(500));
        }
        Ok(status(200))
    }
}
