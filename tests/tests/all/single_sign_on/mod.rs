//! Clients and browsers at two regions of one issuer.

mod account;
mod addresses;
mod announced;
mod assertions;
mod attacks;
mod authorize;
mod bound;
mod browser;
mod codes;
mod conformance;
mod consent;
mod devices;
mod ended_clients;
mod ends;
mod factors;
mod federation;
mod fuzzed;
mod imported;
mod leaving;
mod mailed;
mod notices;
mod over_regions;
mod passwords;
mod people;
mod proofs;
mod pushed;
mod refreshes;
mod registrations;
pub(crate) mod rejected;
mod resets;
mod sessions;
mod spared;
mod subject_tokens;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_accounts::{Accounts, PasswordRules};
use umoja_crypto::{SigningKey, client_secret_hash};
use umoja_oidc::Provider;
use umoja_schema::{Client, Millis, OidcAlgorithm, OidcKeySet};
use umoja_store::oidc_keys::new_oidc_key;
use umoja_store::ports::{Hasher, Mailer, Outbound};
use umoja_tests::deployment::{CountingHasher, Deployment};
use umoja_tests::hook::Hook;
use umoja_tests::mailbox::Mailbox;
use umoja_tests::world::run;

const ISSUER: &str = "https://login.example";
const TOKEN: &str = "https://login.example/oauth2/token";
const SECRET: &str = "a-secret-of-a-client";

/// A deployment of two regions with the keys of single sign-on.
struct Sso {
    d: Deployment,
    hook: Arc<Hook>,
    routers: Vec<Router>,
}

/// An answer.
struct Got {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Got {
    fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    /// A member of the answer.
    fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body))
    }
}

/// Runs a story over a deployment of two regions.
fn story(seed: u64, story: impl AsyncFnOnce(Sso)) {
    run(async { story(Sso::new(seed).await).await });
}

/// A client that authenticates by its secret.
fn client(id: &str) -> Value {
    json!({
        "id": id, "revision": 1, "company": "shop", "name": "A client", "kind": "confidential",
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic",
        "secrets": [{ "sha256": client_secret_hash(SECRET) }], "scopes": ["openid", "orders", "stock"],
        "subject_type": "public", "enabled": true,
    })
}

impl Sso {
    async fn new(seed: u64) -> Self {
        let d = Deployment::new(seed).await;
        let hook = Arc::new(Hook::default());
        for algorithm in OidcAlgorithm::ALL {
            let (region, now) = (&d.world.regions[0], Millis(d.now() * 1000));
            let key = || new_oidc_key(algorithm, region.secrets(), &*region.home.entropy, now).unwrap();
            let keys = serde_json::to_value(OidcKeySet::new(algorithm, key(), key())).unwrap();
            for region in &d.world.regions {
                region.tables.registry.put_setting(&OidcKeySet::setting(&algorithm), &keys).await.unwrap();
            }
        }
        let mut sso = Self { d, hook, routers: Vec::new() };
        sso.put(client("till")).await;
        sso.restart();
        sso
    }

    /// Begins again in every region, with nothing remembered.
    fn restart(&mut self) {
        self.serve(ISSUER, &(Arc::<Hook>::clone(&self.hook) as Arc<dyn Outbound>));
    }

    /// Serves as an issuer in every region, with nothing remembered.
    fn serve(&mut self, issuer: &str, outbound: &Arc<dyn Outbound>) {
        self.serve_with(issuer, outbound, Some(Arc::<Mailbox>::clone(&self.d.mail)));
    }

    /// Begins again in every region, which send no mail.
    fn restart_without_mail(&mut self) {
        self.serve_with(ISSUER, &(Arc::<Hook>::clone(&self.hook) as Arc<dyn Outbound>), None);
    }

    fn serve_with(&mut self, issuer: &str, outbound: &Arc<dyn Outbound>, mailer: Option<Arc<dyn Mailer>>) {
        let router = |region: &umoja_tests::world::WorldRegion| {
            let hasher: Arc<dyn Hasher> = Arc::<CountingHasher>::clone(&self.d.hasher);
            let passwords = PasswordRules { min_chars: 8, min_score: 3 };
            let (people, mailer) = (region.people(), mailer.clone());
            let accounts = Accounts { people, hasher, passwords, old_systems: None, mailer };
            umoja_oidc::router(Arc::new(Provider::new(accounts, issuer, Arc::clone(outbound))))
        };
        self.routers = self.d.world.regions.iter().map(router).collect();
    }

    /// Begins again, with no data key of a person in the memory of any region.
    fn forget_keys(&mut self) {
        for region in &mut self.d.world.regions {
            region.run_with(region.home.clone());
        }
        self.restart();
    }

    /// Stores a client in every region.
    async fn put(&self, client: Value) {
        let id = client["id"].as_str().unwrap().parse().unwrap();
        for region in &self.d.world.regions {
            region.tables.registry.put_setting(&Client::setting(&id), &client).await.unwrap();
        }
    }

    async fn send(&self, at: usize, request: Request<Body>) -> Got {
        let response = self.routers[at].clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Got { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn post(&self, at: usize, path: &str, headers: &[(&str, &str)], form: &str) -> Got {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(at, request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// A token for a client by its secret.
    async fn token(&self, at: usize, id: &str, form: &str) -> Got {
        let form = format!("grant_type=client_credentials{form}");
        self.post(at, "/oauth2/token", &[("authorization", &basic(id, SECRET))], &form).await
    }

    /// What a region says of a token to a client.
    async fn state(&self, at: usize, id: &str, token: &str) -> Value {
        let header = [("authorization", &*basic(id, SECRET))];
        let got = self.post(at, "/oauth2/introspect", &header, &format!("token={token}")).await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.body
    }

    fn now(&self) -> u64 {
        self.d.now()
    }
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A message that a key has signed.
fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())))
}
