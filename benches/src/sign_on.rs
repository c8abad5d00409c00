//! What single sign-on costs a server: the requests of a browser that has a session, and those of its client. The routes run in this
//! process over one region in memory, so the figures have no connections and no disk in them.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_accounts::access::NewSession;
use umoja_accounts::{Accounts, Context, PasswordRules, Patch, People, Register, Rule as _, Said};
use umoja_crypto::{EngineChoice, Params, Passwords, client_secret_hash};
use umoja_host::{InlineHasher, OsEntropy, SystemClock};
use umoja_local::RegionStore;
use umoja_oidc::Provider;
use umoja_oidc::steps::SessionCookie;
use umoja_oidc::tokens::SignedIn;
use umoja_schema::{Actor, Client, Company, IdentifierKind, OidcAlgorithm, OidcKeySet};
use umoja_store::keyring::KeyRing;
use umoja_store::oidc_keys::new_oidc_key;
use umoja_store::ports::{Answered, Call, Clock as _, Outbound, OutboundError};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SETTING, Secrets, SecretsDocument};

use crate::clock::cpu_of_thread;
use crate::error::BenchError;
use crate::figure::{Limit, Report, median};

const ISSUER: &str = "https://login.example";
const CALLBACK: &str = "https://web.example/callback";
const SECRET: &str = "a-secret-of-a-client";
/// The example of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The cost of each kind of request.
pub(crate) fn measure(report: &mut Report, quick: bool) -> Result<(), BenchError> {
    report.group(
        "sign-on",
        "server CPU of one request, one thread, one region in memory; a flow is authorize with a session, and token",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|source| BenchError::Io { what: "a runtime", source })?;
    runtime.block_on(measured(report, if quick { 2 } else { 300 }))
}

async fn measured(report: &mut Report, rounds: usize) -> Result<(), BenchError> {
    let server = Server::new().await?;
    for (client, name, limit) in [("es256", "flow, ES256", 0.7), ("rs256", "flow, RS256", 2.0)] {
        let (mut flows, mut refreshes) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let cookie = server.signed_in(&format!("{client}{round}@example.com")).await?;
            let before = cpu_of_thread()?;
            let tokens = server.flow(client, &cookie).await?;
            let between = cpu_of_thread()?;
            let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&tokens, "refresh_token")?);
            server.token(client, &refresh).await?;
            flows.push((between - before) * 1e3);
            refreshes.push((cpu_of_thread()? - between) * 1e3);
        }
        report.judge(name, median(&flows), "ms", Limit::AtMost(limit));
        if client == "es256" {
            report.judge("refresh, ES256", median(&refreshes), "ms", Limit::AtMost(0.35));
        }
    }
    let (mut by_itself, mut keys) = (Vec::new(), Vec::new());
    let known = server.sent(Request::get("/oauth2/jwks"), String::new()).await?.0;
    let tag = known.get(header::ETAG).cloned().ok_or(BenchError::Broken("the tag of the keys"))?;
    for _ in 0..rounds {
        let before = cpu_of_thread()?;
        server.token("es256", "grant_type=client_credentials").await?;
        let between = cpu_of_thread()?;
        server.sent(Request::get("/oauth2/jwks").header(header::IF_NONE_MATCH, &tag), String::new()).await?;
        by_itself.push((between - before) * 1e3);
        keys.push((cpu_of_thread()? - between) * 1e3);
    }
    report.judge("client_credentials, ES256", median(&by_itself), "ms", Limit::AtMost(0.2));
    report.judge("JWKS to who has it", median(&keys), "ms", Limit::AtMost(0.04));
    Ok(())
}

/// The provider of one region.
struct Server {
    accounts: Accounts,
    context: Context,
    router: Router,
}

/// No system is called.
struct Nowhere;

#[async_trait]
impl Outbound for Nowhere {
    async fn call(&self, _: &Call<'_>) -> Result<Answered, OutboundError> {
        Err(OutboundError::Unavailable("no system is called"))
    }
}

impl Server {
    async fn new() -> Result<Self, BenchError> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let region = "eu-west-1".parse().map_err(|_| BenchError::Broken("the name of a region"))?;
        let home = RegionStore::in_memory(region, clock.clone(), entropy.clone()).home([], clock, entropy.clone());
        let ring = KeyRing::new(&home, 0);
        let now = home.clock.now();
        let document = serde_json::to_value(SecretsDocument::create(&ring, now).await?);
        let document = document.map_err(|_| BenchError::Broken("the secrets"))?;
        home.registry.put_setting(SETTING, &document).await?;
        let secrets = Arc::new(Secrets::load(&*home.registry, &ring).await?);
        for algorithm in OidcAlgorithm::ALL {
            let key =
                || new_oidc_key(algorithm, &secrets, &*home.entropy, now).map_err(|_| BenchError::Broken("a key"));
            let keys = serde_json::to_value(OidcKeySet::new(algorithm, key()?, key()?));
            let keys = keys.map_err(|_| BenchError::Broken("the keys"))?;
            home.registry.put_setting(&OidcKeySet::setting(&algorithm), &keys).await?;
        }
        let company: Company = serde_json::from_value(json!({
            "id": "shop", "name": "shop", "enabled": true, "trusted": true, "scopes": [], "api_keys": [], "keys": [],
        }))
        .map_err(|_| BenchError::Broken("a company"))?;
        home.registry.put_company(&company).await?;
        for (id, algorithm) in [("es256", "ES256"), ("rs256", "RS256")] {
            let client = json!({
                "id": id, "revision": 1, "company": "shop", "name": "A client", "kind": "confidential",
                "first_party": true, "redirect_uris": [CALLBACK], "subject_type": "public", "enabled": true,
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": algorithm,
                "secrets": [{ "sha256": client_secret_hash(SECRET) }], "scopes": ["openid", "email", "orders"],
            });
            let id = id.parse().map_err(|_| BenchError::Broken("the id of a client"))?;
            home.registry.put_setting(&Client::setting(&id), &client).await?;
        }
        let context = Context {
            actor: Actor::Company { id: company.id.clone(), kid: "key".to_owned() },
            company: Arc::new(company),
            now,
            request: None,
        };
        let people = People { home, sealer: Arc::new(Sealer::new(ring, entropy)), secrets };
        let passwords = Arc::new(Passwords::new(Params { m_kib: 8, t: 1, p: 1 }, EngineChoice::Reference, None)?);
        let accounts = Accounts {
            people,
            hasher: Arc::new(InlineHasher::new(passwords)),
            passwords: PasswordRules { min_chars: 8, min_score: 0 },
            old_systems: None,
        };
        let provider = Provider::new(accounts.clone(), ISSUER, Arc::new(Nowhere));
        Ok(Self { accounts, context, router: umoja_oidc::router(Arc::new(provider)) })
    }

    /// The cookie of a new person who has signed in.
    async fn signed_in(&self, email: &str) -> Result<String, BenchError> {
        let broken = |_| BenchError::Broken("a person");
        let said = Said { value: Some(Some(email)), verified: Some(true) };
        let patch = Patch::of_new(&self.context, [(IdentifierKind::Email, said)], None).map_err(broken)?;
        let registered = Register { patch, password: None }.run(&self.accounts, &self.context).await.map_err(broken)?;
        let (home, auth_time) = (&self.accounts.home, self.accounts.home.clock.now());
        let (amr, life_ms) = (vec!["pwd".to_owned()], SessionCookie::LIFETIME_MS);
        let new = NewSession { auth_time, amr: amr.clone(), acr: None, label: None, life_ms };
        let session = self.accounts.begin_session(registered.id, new).await.map_err(broken)?;
        let cookie = SessionCookie {
            user: registered.id,
            session: session.id,
            signed_in: SignedIn { auth_time: auth_time.secs(), acr: None, amr },
            issued_at: auth_time,
            used_at: auth_time,
            ends_at: session.expires_at,
            region: home.own.name.clone(),
        };
        Ok(cookie.seal(&self.accounts.secrets, &*home.entropy))
    }

    /// The tokens of a person with a session.
    async fn flow(&self, client: &str, cookie: &str) -> Result<Value, BenchError> {
        let query = format!(
            "client_id={client}&redirect_uri={CALLBACK}&response_type=code&scope=openid+email&state=s&nonce=n\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let request = Request::get(format!("/oauth2/authorize?{query}"));
        let request = request.header(header::COOKIE, format!("__Host-umoja_sso={cookie}"));
        let (headers, _) = self.sent(request, String::new()).await?;
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let code = location.split(['?', '&']).find_map(|pair| pair.strip_prefix("code="));
        let code = code.ok_or(BenchError::Broken("a code"))?;
        let form =
            format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}");
        self.token(client, &form).await
    }

    /// The answer of the token endpoint to a client.
    async fn token(&self, client: &str, form: &str) -> Result<Value, BenchError> {
        let basic = STANDARD.encode(format!("{client}:{SECRET}"));
        let request = Request::post("/oauth2/token").header(header::AUTHORIZATION, format!("Basic {basic}"));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(self.sent(request, form.to_owned()).await?.1)
    }

    async fn sent(
        &self,
        request: axum::http::request::Builder,
        body: String,
    ) -> Result<(HeaderMap, Value), BenchError> {
        let request = request.body(Body::from(body)).map_err(|_| BenchError::Broken("a request"))?;
        let what = request.uri().path().to_owned();
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| BenchError::Broken("an answer"))?.to_bytes();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let body = String::from_utf8_lossy(&body).into_owned();
            return Err(BenchError::Answer { what, status: parts.status.as_u16(), body });
        }
        Ok((parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, BenchError> {
    answer[name].as_str().ok_or(BenchError::Broken("an answer"))
}
