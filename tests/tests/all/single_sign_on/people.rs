//! People who signed in, their codes, and the clients that redeem them.

use serde_json::{Value, json};
use umoja_accounts::access::{NewSession, Standing};
use umoja_oidc::code::Code;
use umoja_oidc::tokens::SignedIn;
use umoja_schema::access::Session;
use umoja_schema::{Millis, UserId};
use umoja_store::ports::Clock as _;

use super::{Got, SECRET, Sso, basic, client};

/// The example of RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "https://web.example/callback";
/// How long a session lasts.
pub(super) const DAY: u64 = 86_400_000;

/// A confidential client into which people sign in.
pub(super) fn web(id: &str) -> Value {
    let mut web = client(id);
    web["grant_types"] = json!(["authorization_code", "refresh_token"]);
    web["redirect_uris"] = json!([CALLBACK]);
    web["scopes"] = json!(["openid", "profile", "email", "orders", "offline_access"]);
    web
}

/// A public client into which people sign in.
pub(super) fn app(id: &str) -> Value {
    let mut app = web(id);
    app["kind"] = json!("public");
    app["token_endpoint_auth_method"] = json!("none");
    app["secrets"] = json!([]);
    app
}

/// A person who signed in.
pub(super) struct SignedUp {
    pub(super) id: UserId,
    pub(super) email: String,
    pub(super) session: Session,
    pub(super) version: String,
}

impl Sso {
    /// Two regions with the clients `web`, `other` and `app`.
    pub(super) async fn with_clients(&mut self) {
        for document in [web("web"), web("other"), app("app")] {
            self.put(document).await;
        }
        self.restart();
    }

    /// A person who registered in a region, and signed in there.
    pub(super) async fn person(&self, at: usize, email: &str) -> SignedUp {
        let got = self.d.register(at, email, "correct horse battery staple").await;
        let user = got.ok(201).body["user"].clone();
        let id = user["id"].as_str().unwrap().parse().unwrap();
        let session = self.sign_in(at, id).await;
        SignedUp { id, email: email.to_owned(), session, version: user["version"].as_str().unwrap().to_owned() }
    }

    /// A new session of a person.
    pub(super) async fn sign_in(&self, at: usize, id: UserId) -> Session {
        let (people, auth_time) = (self.d.world.regions[at].people(), self.d.world.clock.now());
        let ends = Standing::read(&people, id).await.unwrap().unwrap().known_ends();
        let new = NewSession { auth_time, amr: vec!["pwd".into()], acr: None, label: None, ends, life_ms: DAY };
        people.begin_session(id, new).await.unwrap()
    }

    /// The version of a person as a region has it.
    pub(super) async fn version(&self, at: usize, id: UserId) -> String {
        let people = self.d.world.regions[at].people();
        people.reader().load(id).await.unwrap().unwrap().version().to_string()
    }

    /// What a region issues for a client with these scopes.
    pub(super) fn issued(&self, at: usize, id: &str, person: &SignedUp, scopes: &str) -> Code {
        let region = &self.d.world.regions[at];
        let jti: [u8; 8] = region.home.entropy.array();
        Code {
            jti: u64::from_be_bytes(jti).to_string(),
            region: region.name.clone(),
            client: id.parse().unwrap(),
            client_ends: 0,
            redirect_hash: Code::redirect_hash(CALLBACK),
            challenge: CHALLENGE.to_owned(),
            nonce: Some("a-nonce".to_owned()),
            user: person.id,
            min_version: person.version.clone(),
            session: person.session.id.clone(),
            session_begun_at: person.session.created_at,
            session_expires_at: person.session.expires_at,
            ends: person.session.ends.clone(),
            withdrawal: None,
            scopes: scopes.split(' ').map(str::to_owned).collect(),
            signed_in: SignedIn {
                auth_time: person.session.auth_time.secs(),
                acr: Some("1".to_owned()),
                amr: person.session.amr.clone(),
            },
            jkt: None,
            expires_at: Millis(self.d.world.clock.now().0 + Code::LIFETIME_MS),
        }
    }

    pub(super) fn sealed(&self, code: &Code) -> String {
        let region = &self.d.world.regions[0];
        code.seal(region.secrets(), &*region.home.entropy)
    }

    /// A code of a region.
    pub(super) fn code(&self, at: usize, id: &str, person: &SignedUp, scopes: &str) -> String {
        self.sealed(&self.issued(at, id, person, scopes))
    }

    /// Sends a form to the token endpoint as a client: with its secret, or as a public client.
    pub(super) async fn ask(&self, at: usize, id: &str, more: &[(&str, &str)], form: &str) -> Got {
        self.to(at, "/oauth2/token", id, more, form).await
    }

    /// Sends a form to a path as a client.
    pub(super) async fn to(&self, at: usize, path: &str, id: &str, more: &[(&str, &str)], form: &str) -> Got {
        if id.starts_with("app") {
            return self.post(at, path, more, &format!("{form}&client_id={id}")).await;
        }
        let authorization = basic(id, SECRET);
        let headers: Vec<_> = std::iter::once(("authorization", &*authorization)).chain(more.iter().copied()).collect();
        self.post(at, path, &headers, form).await
    }

    /// The answer to a code.
    pub(super) async fn redeem(&self, at: usize, id: &str, code: &str) -> Got {
        self.ask(at, id, &[], &redeeming(code, CALLBACK, VERIFIER)).await
    }

    /// The answer to a refresh token.
    pub(super) async fn refresh(&self, at: usize, id: &str, token: &str) -> Got {
        self.ask(at, id, &[], &format!("grant_type=refresh_token&refresh_token={token}")).await
    }

    /// The claims about the person of an access token.
    pub(super) async fn userinfo(&self, at: usize, token: &str) -> Got {
        let request = axum::http::Request::get("/oauth2/userinfo").header("authorization", format!("Bearer {token}"));
        self.send(at, request.body(axum::body::Body::empty()).unwrap()).await
    }

    /// Whether the userinfo endpoint, introspection and (with a refresh token) the token endpoint of a region accept what a client got.
    /// They have to be of one mind.
    pub(super) async fn accepts(&self, at: usize, id: &str, got: &Got) -> bool {
        let access = got.text("access_token");
        let userinfo = self.userinfo(at, access).await;
        if userinfo.status != 200 {
            assert_eq!(userinfo.error(), (401, "invalid_token"));
        }
        let refreshed = self.refresh(at, id, got.text("refresh_token")).await;
        if refreshed.status != 200 {
            assert_eq!(refreshed.error(), (400, "invalid_grant"));
        }
        if !id.starts_with("app") {
            for token in [access, got.text("refresh_token")] {
                assert_eq!(self.state(at, id, token).await["active"], userinfo.status == 200);
            }
        }
        assert_eq!(refreshed.status == 200, userinfo.status == 200);
        userinfo.status == 200
    }
}

/// The form that redeems a code.
pub(super) fn redeeming(code: &str, redirect_uri: &str, verifier: &str) -> String {
    format!("grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={verifier}")
}
