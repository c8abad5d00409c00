//! `umoja serve` with an issuer, clients and users.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use http::{Method, header};
use umoja_cli::client::Raw;
use umoja_cli::form::encoded;

use super::flow::{Browser, Known, code_of, member, set_cookie};
use crate::clock::Watch;
use crate::error::{BenchError, io};
use crate::figure::count;
use crate::hash::PASSWORD;
use crate::load::unexpected;
use crate::server::{Server, umoja};
use crate::stage::Stage;

/// Browsers that sign in at the same time.
pub(super) const CLIENTS: usize = 8;
/// The users.
pub(super) const USERS: usize = 100;
/// Where codes go.
const REDIRECT_URI: &str = "https://client.example/callback";
/// The scope of the tokens that a client gets for itself.
const OWN_SCOPE: &str = "bench";

/// A served deployment.
pub(super) struct Deployed {
    stage: Stage,
    server: Server,
    issuer: String,
    clients: BTreeMap<String, (String, String)>,
    next: AtomicUsize,
}

impl Deployed {
    /// Makes and serves it.
    pub(super) fn start(dir: &Path) -> Result<Self, BenchError> {
        let stage = Stage::with_users(dir, USERS)?;
        let path = stage.path().display().to_string();
        umoja(&["rotate", "oidc-key", "--dir", &path, "--json"])?;
        let mut clients = BTreeMap::new();
        for alg in ["ES256", "RS256"] {
            let id = format!("bench-{}", alg.to_lowercase());
            let mut words = vec!["client", "add", &id, "--company", "bench", "--redirect-uri", REDIRECT_URI];
            words.extend(["--first-party=true", "--id-token-alg", alg, "--grant", "authorization_code"]);
            words.extend(["--grant", "refresh_token", "--grant", "client_credentials"]);
            words.extend(["--scopes", "openid,offline_access,bench", "--dir", &path, "--json"]);
            let secret = member(&umoja(&words)?, "client_secret")?;
            clients.insert(alg.to_owned(), (id, secret));
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(io("a port"))?.port().to_string();
        let server = Server::start_with(stage.path(), stage.urls(), &["--issuer-port", &port])?;
        let issuer = format!("http://localhost:{port}");
        Ok(Self { stage, server, issuer, clients, next: AtomicUsize::new(0) })
    }

    pub(super) fn process(&self) -> u32 {
        self.server.id()
    }

    /// The URL that leads to the regions by turns.
    pub(super) fn url(&self) -> &str {
        &self.issuer
    }

    /// The URL of each region.
    pub(super) fn urls(&self) -> &[String] {
        self.stage.urls()
    }

    pub(super) fn stop(self) -> Result<(), BenchError> {
        self.server.stop()
    }

    /// What is to be known of it, with the cookie of a person who has signed in.
    pub(super) async fn known(&self) -> Result<Known, BenchError> {
        let mut known = Known {
            authorize: "/oauth2/authorize".to_owned(),
            token: "/oauth2/token".to_owned(),
            jwks: "/oauth2/jwks".to_owned(),
            clients: self.clients.clone(),
            own: self.clients.values().next().cloned().unwrap_or_default(),
            redirect_uri: REDIRECT_URI.to_owned(),
            scope: format!("openid {OWN_SCOPE}"),
            cookie: String::new(),
        };
        let mut browser = Browser::open(&self.issuer, &known).await?;
        let signed_in = self.sign_in(&mut browser, &known, 0).await?;
        let session = cookies(&signed_in).into_iter().find(|cookie| cookie.contains("umoja_sso"));
        drop(browser);
        known.cookie = session.ok_or(BenchError::Broken("the cookie of a session"))?;
        Ok(known)
    }

    /// What is to be known of it, for persons who have not signed in.
    pub(super) async fn unknown(&self) -> Result<Known, BenchError> {
        Ok(Known { cookie: String::new(), ..self.known().await? })
    }

    /// Signs users in from many browsers. Returns how many in a second.
    pub(super) async fn logins(&self, known: &Known, many: usize) -> Result<f64, BenchError> {
        let (left, watch) = (AtomicUsize::new(many), Watch::start());
        try_join_all((0..CLIENTS).map(|_| async {
            let mut browser = Browser::open(&self.issuer, known).await?;
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let code = code_of(&self.sign_in(&mut browser, known, number).await?)?;
                member(&browser.redeem(None, &code).await?, "id_token")?;
            }
            Ok::<_, BenchError>(())
        }))
        .await?;
        Ok(count(many) / watch.secs())
    }

    /// A user signs in by the page. The answer leads to the client.
    async fn sign_in(&self, browser: &mut Browser<'_>, known: &Known, number: usize) -> Result<Raw, BenchError> {
        let (_, raw) = self.enter(browser, known, number).await?;
        if raw.status == 303 { Ok(raw) } else { Err(unexpected(&raw)) }
    }

    /// A user sends the form of the page. Returns how long that took, in milliseconds, and the answer, which may be another page.
    pub(super) async fn enter(
        &self,
        browser: &mut Browser<'_>,
        known: &Known,
        number: usize,
    ) -> Result<(f64, Raw), BenchError> {
        let request = browser.get(&known.request(&known.client(None)?.0))?;
        let (_, page) = browser.send(request).await?;
        let (step, email) = (step_of(&page)?, self.email(number));
        let fields = [("step", step.as_str()), ("identifier", &email), ("password", PASSWORD)];
        let mut request = browser.request(Method::POST, "/login", encoded(&fields))?;
        set_cookie(&mut request, &cookies(&page).join("; "))?;
        browser.send(request).await
    }

    /// The address of a user.
    pub(super) fn email(&self, number: usize) -> String {
        self.stage.email(number)
    }
}

/// What the form of a page carries.
pub(super) fn step_of(page: &Raw) -> Result<String, BenchError> {
    let html = String::from_utf8_lossy(&page.body);
    let step = html.split_once("name=\"step\" value=\"").and_then(|(_, rest)| rest.split('"').next());
    step.map(str::to_owned).ok_or_else(|| unexpected(page))
}

/// The cookies that an answer sets, as a browser sends them.
pub(super) fn cookies(raw: &Raw) -> Vec<String> {
    let set = raw.headers.get_all(header::SET_COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    set.filter_map(|cookie| cookie.split(';').next().map(str::to_owned)).collect()
}
