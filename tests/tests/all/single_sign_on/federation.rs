//! Persons who sign in at another provider. The provider is a deployment of its own, at another issuer.

mod account;
mod device;
mod hanging;
mod recent;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_crypto::jws::sign_jwt;
use umoja_schema::{LoginProvider, Millis, OidcAlgorithm, Scope};
use umoja_store::oidc_keys::OidcKeys;
use umoja_store::ports::{Answered, Call, Method, Outbound, OutboundError};
use umoja_tests::caller::Caller;
use umoja_tests::world::run;

use super::browser::{Browser, EMAIL, PASSWORD, Page, web};
use super::{ISSUER, SECRET, Sso};

const ELSEWHERE: &str = "https://accounts.example";
const THEIR_PASSWORD: &str = "another horse entirely";

/// What a test does to an answer of the provider: its path, and its body.
type Change = Box<dyn Fn(&str, &mut Value) + Send + Sync>;

/// The calls of Umoja to the provider.
struct Line {
    router: Router,
    change: Mutex<Change>,
    called: Mutex<Vec<String>>,
    down: AtomicBool,
}

impl Line {
    fn change(&self, change: impl Fn(&str, &mut Value) + Send + Sync + 'static) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(change);
    }

    /// Whether the provider does not answer.
    fn is_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn called(&self) -> Vec<String> {
        std::mem::take(&mut self.called.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Outbound for Line {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let path = call.url.strip_prefix(ELSEWHERE).ok_or(OutboundError::Rejected("another place"))?;
        self.called.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        if self.down.load(Ordering::SeqCst) {
            return Err(OutboundError::Unavailable("down"));
        }
        let request = if call.method == Method::Post { Request::post(path) } else { Request::get(path) };
        let request = call.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response =
            self.router.clone().oneshot(request.body(Body::from(call.body.to_vec())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        self.change.lock().unwrap_or_else(PoisonError::into_inner)(path, &mut value);
        Ok(Answered { status, headers: Vec::new(), body: value.to_string().into_bytes() })
    }
}

/// A deployment whose client offers a provider, and the provider.
struct Two {
    here: Sso,
    there: Sso,
    line: Arc<Line>,
}

/// Which people there are, and what the provider may do.
#[expect(clippy::struct_excessive_bools, reason = "four things that a story decides one by one")]
struct Set {
    known_here: bool,
    verified_there: bool,
    trusted: bool,
    registers: bool,
}

const SET: Set = Set { known_here: true, verified_there: true, trusted: true, registers: false };

fn two(seed: u64, set: Set, body: impl AsyncFnOnce(Two)) {
    run(async {
        let mut there = Sso::new(seed).await;
        let user = json!({ "email": EMAIL, "email_verified": set.verified_there, "password": THEIR_PASSWORD });
        there.d.call(0, "register", user).await.ok(201);
        let callback = format!("{ISSUER}/federation/callback");
        there.put(web(&json!({ "id": "umoja", "redirect_uris": [callback] }))).await;
        there.d.world.settle().await;
        there.serve(ELSEWHERE, &(Arc::<umoja_tests::hook::Hook>::clone(&there.hook) as Arc<dyn Outbound>));
        let (change, called) = (Mutex::new(Box::new(|_: &str, _: &mut Value| ()) as Change), Mutex::default());
        let down = AtomicBool::new(false);
        let line = Arc::new(Line { router: there.routers[0].clone(), change, called, down });

        let mut here = Sso::new(seed + 1000).await;
        if set.known_here {
            here.d.register(0, EMAIL, PASSWORD).await.ok(201);
        }
        here.d.put_company(&Caller::new("accounts", 7).company(&[] as &[Scope], set.trusted)).await;
        let secret = here.d.world.regions[0].secrets().seal_provider_secret(
            &"accounts".parse().unwrap(),
            SECRET,
            &*here.d.world.regions[0].home.entropy,
        );
        here.offer(&json!({ "client_secret": secret, "registers": set.registers })).await;
        here.put(web(&json!({ "providers": ["accounts"] }))).await;
        here.d.world.settle().await;
        here.serve(ISSUER, &(Arc::<Line>::clone(&line) as Arc<dyn Outbound>));
        body(Two { here, there, line }).await;
    });
}

impl Sso {
    /// Stores the provider in every region, with these members changed.
    async fn offer(&self, changes: &Value) {
        let mut provider = json!({
            "id": "accounts", "revision": 1, "company": "accounts", "name": "Accounts", "issuer": ELSEWHERE,
            "client_id": "umoja", "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid", "email"],
            "enabled": true,
        });
        for (name, value) in changes.as_object().unwrap() {
            provider[name] = value.clone();
        }
        for region in &self.d.world.regions {
            let name = LoginProvider::setting(&"accounts".parse().unwrap());
            region.tables.registry.put_setting(&name, &provider).await.unwrap();
        }
    }
}

/// The path at which a sign-in with the provider begins.
fn start(page: &Page) -> String {
    let (_, rest) = page.html.split_once("href=\"/federation/start").unwrap_or_else(|| panic!("{}", page.html));
    format!("/federation/start{}", rest.split('"').next().unwrap().replace("&amp;", "&"))
}

impl Two {
    /// Signs in at the provider, from the page for signing in. Returns the path of the answer at Umoja.
    async fn elsewhere(&self, browser: &mut Browser, page: &Page) -> String {
        self.elsewhere_as(browser, &mut Browser::default(), page).await
    }

    /// The same, with the browser's cookies of the provider: who has a session there signs in only if it has to.
    async fn elsewhere_as(&self, browser: &mut Browser, at_theirs: &mut Browser, page: &Page) -> String {
        let away = browser.get(&self.here, 1, &start(page)).await;
        self.back(at_theirs, &away).await
    }

    /// From where a browser is sent to the provider, back to the path of the answer at Umoja.
    async fn back(&self, at_theirs: &mut Browser, away: &Page) -> String {
        let to = away.location().strip_prefix(ELSEWHERE).unwrap().to_owned();
        assert!(!to.contains("ada%40") && !to.contains("ada@"), "{to}");
        let page = at_theirs.get(&self.there, 0, &to).await;
        let page =
            if page.status == 200 { at_theirs.sign_in(&self.there, 0, &page, THEIR_PASSWORD).await } else { page };
        page.location().strip_prefix(ISSUER).unwrap().to_owned()
    }

    /// The whole sign-in: what the browser gets when it comes back.
    async fn whole(&self, browser: &mut Browser) -> Page {
        self.whole_as(browser, &mut Browser::default(), &[]).await
    }

    /// The same, with the browser's cookies of the provider, and with these parameters of the client changed.
    async fn whole_as(&self, browser: &mut Browser, at_theirs: &mut Browser, changes: &[(&str, &str)]) -> Page {
        let page = browser.authorize(&self.here, 0, changes).await;
        let back = self.elsewhere_as(browser, at_theirs, &page).await;
        browser.get(&self.here, 0, &back).await
    }

    /// Lets time pass at both.
    fn advance(&self, ms: u64) {
        self.here.d.world.clock.advance(ms);
        self.there.d.world.clock.advance(ms);
    }

    /// Has the provider say other things in its id tokens, which it signs.
    async fn says(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        let region = &self.there.d.world.regions[0];
        let now = Millis(self.there.now() * 1000);
        let keys = OidcKeys::load(&*region.home.registry, region.secrets(), now).await.unwrap();
        self.line.change(move |path, body| {
            if path == "/oauth2/token" {
                let claims = body["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
                let mut claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
                change(&mut claims);
                body["id_token"] = sign_jwt(keys.signer(OidcAlgorithm::ALL[0]), "JWT", &claims).into();
            }
        });
    }

    /// The user of the code that a browser got.
    fn user(&self, page: &Page) -> umoja_schema::UserId {
        page.code(&self.here).user
    }
}

#[test]
fn a_verified_address_of_a_trusted_provider_finds_the_person() {
    two(1801, SET, async |two| {
        let mut by_password = Browser::default();
        let own = by_password.whole(&two.here, 0, &[]).await;
        let mut browser = Browser::default();
        let answer = two.whole(&mut browser).await;
        assert_eq!(two.user(&answer), two.user(&own));
        let code = answer.code(&two.here);
        assert_eq!(code.signed_in.amr, ["fed"]);
        // Each of two regions learns where the endpoints and the keys are, and one redeems the code.
        assert_eq!(two.line.called().len(), 6);
        // From now on the login is known, whatever becomes of the address.
        two.line.change(|_, _| ());
        let again = two.whole(&mut Browser::default()).await;
        assert_eq!(two.user(&again), two.user(&own));
        // What the provider said is kept for a while: only the code is redeemed.
        assert_eq!(two.line.called(), ["/oauth2/token", "/oauth2/userinfo"]);
    });
}

#[test]
fn an_address_that_is_not_verified_finds_no_one_and_the_person_connects_its_login_by_the_password() {
    two(1802, Set { verified_there: false, registers: true, ..SET }, async |two| {
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        assert_eq!((page.status, page.title()), (200, "Sign in"));
        assert!(page.html.contains("belongs to no account here yet") && browser.session().is_none());
        // Another language is the same step.
        let fields = [("step", &*page.step()), ("lang", "fr")];
        let page = browser.post(&two.here, 0, "/login", &fields).await;
        assert!(page.html.contains("relié à aucun compte ici"));
        let own = browser.sign_in(&two.here, 1, &page, PASSWORD).await;
        two.here.d.world.settle().await;
        let answer = two.whole(&mut Browser::default()).await;
        assert_eq!(two.user(&answer), two.user(&own));
    });
}

#[test]
fn a_provider_that_is_not_trusted_finds_no_one_by_an_address() {
    two(1803, Set { trusted: false, registers: true, ..SET }, async |two| {
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        assert!(page.html.contains("belongs to no account here yet") && browser.session().is_none());
    });
}

#[test]
fn a_wrong_password_connects_nothing() {
    two(1804, Set { verified_there: false, ..SET }, async |two| {
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        let page = browser.sign_in(&two.here, 0, &page, "wrong horse").await;
        assert!(page.html.contains("belongs to no account here yet") && page.html.contains("is wrong"));
        let page = two.whole(&mut Browser::default()).await;
        assert!(page.html.contains("belongs to no account here yet"));
    });
}

#[test]
fn who_is_not_known_gets_an_account_only_where_the_provider_registers() {
    for registers in [false, true] {
        two(1805, Set { known_here: false, registers, ..SET }, async move |two| {
            let mut browser = Browser::default();
            let page = two.whole(&mut browser).await;
            if !registers {
                assert!(page.html.contains("belongs to no account here yet") && browser.session().is_none());
                return;
            }
            let user = two.user(&page);
            let again = two.whole(&mut Browser::default()).await;
            assert_eq!(two.user(&again), user);
            let found = two.here.d.call(0, "lookup", json!({ "email": EMAIL })).await;
            assert_eq!(found.ok(200).body["user"]["id"], json!(user.to_string()));
            assert_eq!(found.body["user"]["email_verified"], json!(true));
        });
    }
}

#[test]
fn a_login_belongs_to_one_account_and_an_account_has_one_login() {
    two(1806, Set { verified_there: false, ..SET }, async |two| {
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        // Before the person connects it, another person has got the login.
        let mut other = Browser::default();
        let theirs = two.whole(&mut other).await;
        two.here.d.register(0, "eve@example.com", PASSWORD).await.ok(201);
        let step = theirs.step();
        let fields = [("step", &*step), ("identifier", "eve@example.com"), ("password", PASSWORD)];
        assert!(other.post(&two.here, 0, "/login", &fields).await.code(&two.here).signed_in.amr == ["pwd"]);
        let page = browser.sign_in(&two.here, 0, &page, PASSWORD).await;
        assert!(page.html.contains("cannot be connected") && browser.session().is_none());
    });
}

#[test]
fn the_answer_of_a_provider_is_the_browsers_that_began_and_serves_once() {
    two(1807, SET, async |two| {
        let mut browser = Browser::default();
        let page = browser.authorize(&two.here, 0, &[]).await;
        let back = two.elsewhere(&mut browser, &page).await;
        // Login CSRF: the link of another person.
        let mut victim = Browser::default();
        victim.authorize(&two.here, 0, &[]).await;
        for mut other in [Browser::default(), victim] {
            assert_eq!(other.get(&two.here, 0, &back).await.status, 400);
            assert!(other.session().is_none());
        }
        assert!(two.line.called().iter().all(|path| path != "/oauth2/token"));
        browser.get(&two.here, 0, &back).await.code(&two.here);
        assert_eq!(browser.get(&two.here, 0, &back).await.status, 400);
        // A step of a page is none of a provider, and the other way round.
        let step = page.step();
        assert_eq!(browser.get(&two.here, 0, &format!("/federation/callback?code=x&state={step}")).await.status, 400);
    });
}

#[test]
fn the_answer_of_another_issuer_is_rejected() {
    two(1808, SET, async |two| {
        for iss in ["", "&iss=https%3A%2F%2Fevil.example"] {
            let mut browser = Browser::default();
            let page = browser.authorize(&two.here, 0, &[]).await;
            let back = two.elsewhere(&mut browser, &page).await;
            let (without, _) = back.split_once("&iss=").unwrap();
            let page = browser.get(&two.here, 0, &format!("{without}{iss}")).await;
            assert!(page.html.contains("an answer that cannot be used") && browser.session().is_none(), "{iss}");
        }
        assert!(two.line.called().iter().all(|path| path != "/oauth2/token"));
    });
}

#[test]
fn a_token_that_was_changed_or_is_of_another_sign_in_is_rejected() {
    two(1809, SET, async |two| {
        let kept: Arc<Mutex<Option<Value>>> = Arc::default();
        let first = Arc::clone(&kept);
        two.line.change(move |path, body| {
            if path == "/oauth2/token" {
                *first.lock().unwrap() = Some(body["id_token"].clone());
            }
        });
        two.whole(&mut Browser::default()).await.code(&two.here);
        let genuine = kept.lock().unwrap().clone().unwrap();
        let text = genuine.as_str().unwrap().to_owned();
        let (signed, _) = text.rsplit_once('.').unwrap();
        let none = format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1);
        // The token of another sign-in (its nonce), one without its signature, and one that no one has signed.
        for token in [text.clone(), format!("{signed}."), none] {
            two.line.change(move |path, body| {
                if path == "/oauth2/token" {
                    body["id_token"] = token.clone().into();
                }
            });
            let mut browser = Browser::default();
            let page = two.whole(&mut browser).await;
            assert!(page.html.contains("an answer that cannot be used") && browser.session().is_none());
        }
    });
}

#[test]
fn what_the_provider_says_of_another_person_is_rejected() {
    two(1814, SET, async |two| {
        two.line.change(|path, body| {
            if path == "/oauth2/userinfo" {
                body["sub"] = "another".into();
            }
        });
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        assert!(page.html.contains("an answer that cannot be used") && browser.session().is_none());
    });
}

#[test]
fn metadata_of_another_issuer_sends_a_browser_nowhere() {
    two(1810, SET, async |two| {
        two.line.change(|path, body| {
            if path.ends_with("configuration") {
                body["issuer"] = "https://evil.example".into();
            }
        });
        let mut browser = Browser::default();
        let page = browser.authorize(&two.here, 0, &[]).await;
        let page = browser.get(&two.here, 0, &start(&page)).await;
        assert!(page.html.contains("an answer that cannot be used"));
        // The password works all the same.
        browser.sign_in(&two.here, 0, &page, PASSWORD).await.code(&two.here);
    });
}

#[test]
fn who_says_no_at_the_provider_may_try_again() {
    two(1811, SET, async |two| {
        let mut browser = Browser::default();
        let page = browser.authorize(&two.here, 0, &[]).await;
        let back = two.elsewhere(&mut browser, &page).await;
        let (_, rest) = back.split_once("&state=").unwrap();
        let page = browser.get(&two.here, 0, &format!("/federation/callback?error=access_denied&state={rest}")).await;
        assert!(page.html.contains("You did not sign in") && page.html.contains("/federation/start"));
    });
}

#[test]
fn a_provider_that_is_not_offered_any_more_signs_no_one_in() {
    two(1812, SET, async |mut two| {
        let mut browser = Browser::default();
        let page = browser.authorize(&two.here, 0, &[]).await;
        let back = two.elsewhere(&mut browser, &page).await;
        two.here.offer(&json!({ "enabled": false })).await;
        two.here.serve(ISSUER, &(Arc::<Line>::clone(&two.line) as Arc<dyn Outbound>));
        assert_eq!(browser.get(&two.here, 0, &start(&page)).await.status, 400);
        assert_eq!(browser.get(&two.here, 0, &back).await.status, 400);
        let page = browser.authorize(&two.here, 0, &[]).await;
        assert!(!page.html.contains("/federation/start"));
    });
}

#[test]
fn whom_a_company_has_suspended_the_provider_does_not_sign_in() {
    two(1813, SET, async |two| {
        let mut browser = Browser::default();
        let user = two.user(&two.whole(&mut browser).await).to_string();
        two.here.d.call(0, "status", json!({ "id": user, "status": "disabled" })).await.ok(200);
        two.here.d.world.settle().await;
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        assert!(page.html.contains("You cannot sign in here") && browser.session().is_none());
    });
}
