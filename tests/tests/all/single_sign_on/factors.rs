//! Second factors and passkeys of a person with a browser, at two regions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umoja_accounts::access::{By, Enrolled, NewPasskey, Standing};
use umoja_crypto::SigningKey;
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn::Registered;
use umoja_schema::{Actor, UserId};

use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page};
use super::{ISSUER, Sso};

const STEP: u64 = 30_000;

/// A change by the person, which spares no session.
pub(super) const fn by(user: UserId) -> By<'static> {
    By { user, kept: None, actor: &Actor::Umoja }
}

/// An authenticator with one key of Ed25519.
pub(super) struct Authenticator {
    key: SigningKey,
    user: UserId,
    flags: u8,
}

impl Authenticator {
    const ID: [u8; 16] = [5; 16];

    /// The public key (COSE).
    fn public_key(&self) -> Vec<u8> {
        let x = URL_SAFE_NO_PAD.decode(self.key.jwk()["x"].as_str().unwrap()).unwrap();
        [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20][..], &x].concat()
    }

    /// The user for whom the key was made.
    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// What a program sends for a page.
    pub(super) fn answer(&self, page: &Page, changes: &Value) -> String {
        let options: Value = serde_json::from_str(&page.options()).unwrap();
        let mut client_data = json!({
            "type": "webauthn.get", "challenge": options["challenge"], "origin": ISSUER, "crossOrigin": false,
        });
        for (name, value) in changes.as_object().unwrap() {
            client_data[name] = value.clone();
        }
        let client_data = client_data.to_string();
        let site = options["site"].as_str().unwrap();
        let data = [&Sha256::digest(site)[..], &[self.flags, 0, 0, 0, 0]].concat();
        let signature = self.key.sign(&[&data[..], &Sha256::digest(&client_data)].concat());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "id": text(&Self::ID), "client_data": text(client_data.as_bytes()), "authenticator_data": text(&data),
            "signature": text(&signature), "user": text(self.user.as_bytes()),
        })
        .to_string()
    }
}

impl Page {
    /// What the page asks of a passkey.
    fn options(&self) -> String {
        self.field("options").replace("&quot;", "\"")
    }
}

impl Sso {
    async fn ada(&self, at: usize) -> UserId {
        self.d.call(at, "lookup", json!({ "email": EMAIL })).await.id().parse().unwrap()
    }

    /// An application of the person that makes codes, added in a region.
    pub(super) async fn totp(&self, at: usize) -> TotpSecret {
        let (user, secret) = (self.ada(at).await, TotpSecret::new(&[7; TotpSecret::BYTES]).unwrap());
        let code = secret.code(self.now() / 30);
        let added = self.d.world.regions[at].people().add_totp(by(user), &secret, (&code, "")).await.unwrap();
        assert!(matches!(added, Enrolled::Added(Some(_))));
        self.d.world.settle().await;
        self.d.world.clock.advance(STEP);
        secret
    }

    /// A passkey of the person, added in a region.
    pub(super) async fn passkey(&self, at: usize) -> Authenticator {
        let user = self.ada(at).await;
        let authenticator = Authenticator { key: SigningKey::from_seed("", [9; 32]), user, flags: 0b101 };
        let made = Registered {
            credential_id: Authenticator::ID.to_vec(),
            public_key: authenticator.public_key(),
            sign_count: 0,
            user_verified: true,
            backup_eligible: false,
        };
        let new = NewPasskey { made, transports: Vec::new(), label: String::new() };
        self.d.world.regions[at].people().add_passkey(by(user), new).await.unwrap();
        self.d.world.settle().await;
        authenticator
    }

    pub(super) fn code_of(&self, secret: &TotpSecret) -> String {
        secret.code(self.now() / 30)
    }
}

impl Browser {
    /// The form of the page of factors with a code.
    pub(super) async fn code(&mut self, sso: &Sso, at: usize, page: &Page, code: &str) -> Page {
        self.post(sso, at, "/factor", &[("step", &page.step()), ("code", code)]).await
    }

    /// The form of a page with the answer of a passkey.
    pub(super) async fn use_passkey(&mut self, sso: &Sso, at: usize, path: &str, page: &Page, answer: &str) -> Page {
        let (step, options) = (page.step(), page.options());
        self.post(sso, at, path, &[("step", &step), ("options", &options), ("answer", answer)]).await
    }
}

const TITLE: &str = "Confirm that it is you";

#[test]
fn a_session_begins_only_after_the_second_factor_in_any_region() {
    sign_in_story(1811, json!({}), async |sso| {
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        assert_eq!((page.status, page.title(), browser.session()), (200, TITLE, None));
        let again = browser.code(&sso, 1, &page, "000000").await;
        assert_eq!((again.status, again.title(), browser.session()), (200, TITLE, None));
        assert!(again.html.contains("role=\"alert\""));
        let code = browser.code(&sso, 1, &again, &sso.code_of(&secret)).await.code(&sso);
        assert_eq!(code.signed_in.acr.as_deref(), Some("2"));
        assert_eq!(code.signed_in.amr, ["pwd", "otp", "mfa"]);
        assert!(browser.session().is_some());
        // The session has two factors in every region.
        sso.d.world.settle().await;
        let code = browser.authorize(&sso, 0, &[("prompt", "none"), ("acr_values", "2")]).await.code(&sso);
        assert_eq!(code.signed_in.acr.as_deref(), Some("2"));
    });
}

#[test]
fn a_code_and_a_page_work_once() {
    sign_in_story(1812, json!({}), async |sso| {
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let right = sso.code_of(&secret);
        browser.clone().code(&sso, 0, &page, &right).await.code(&sso);
        assert_eq!(browser.code(&sso, 0, &page, &right).await.title(), TITLE, "the code was used");
        sso.d.world.clock.advance(STEP);
        let mut stranger = Browser::default();
        let rejected = stranger.code(&sso, 0, &page, &sso.code_of(&secret)).await;
        assert_eq!((rejected.status, stranger.session()), (400, None), "the page is of another browser");
        sso.d.world.clock.advance(10 * 60_000);
        let late = browser.code(&sso, 0, &page, &sso.code_of(&secret)).await;
        assert_eq!((late.title(), browser.session()), ("Sign in", None), "the password was entered too long ago");
    });
}

#[test]
fn a_password_that_is_replaced_meanwhile_has_passed_nothing() {
    sign_in_story(1813, json!({}), async |sso| {
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let user = sso.ada(0).await;
        let body = json!({ "id": user, "current_password": PASSWORD, "new_password": "wholly different words 7" });
        sso.d.call(0, "password/change", body).await.ok(200);
        let page = browser.code(&sso, 0, &page, &sso.code_of(&secret)).await;
        assert_eq!((page.title(), browser.session()), ("Sign in", None));
    });
}

#[test]
fn wrong_codes_lock_the_page_of_factors() {
    sign_in_story(1814, json!({}), async |sso| {
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        for _ in 0..5 {
            assert_eq!(browser.code(&sso, 0, &page, "000000").await.status, 200);
        }
        let locked = browser.code(&sso, 0, &page, &sso.code_of(&secret)).await;
        assert_eq!((locked.status, browser.session()), (429, None));
        assert!(locked.headers.contains_key("retry-after"));
    });
}

#[test]
fn a_session_with_one_factor_is_raised_when_a_client_wants_two_and_stays_the_same() {
    sign_in_story(1815, json!({ "require_mfa": "never" }), async |sso| {
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let before = browser.whole(&sso, 0, &[]).await.code(&sso);
        assert_eq!((before.signed_in.acr.as_deref(), before.signed_in.amr.len()), (Some("1"), 1));
        let old = browser.clone();
        sso.d.world.settle().await;
        let silent = browser.authorize(&sso, 1, &[("prompt", "none"), ("acr_values", "2")]).await;
        assert_eq!(silent.error().as_deref(), Some("login_required"));
        let page = browser.authorize(&sso, 1, &[("acr_values", "2 1")]).await;
        assert_eq!(page.title(), TITLE);
        let after = browser.code(&sso, 0, &page, &sso.code_of(&secret)).await.code(&sso);
        assert_eq!((after.signed_in.acr.as_deref(), &after.session), (Some("2"), &before.session));
        assert_eq!(after.signed_in.auth_time, before.signed_in.auth_time, "a factor is no new sign-in");
        // The row says so too, and the cookie of before does not.
        let people = sso.d.world.regions[0].people();
        let standing = Standing::read(&people, after.user).await.unwrap().unwrap();
        let row = standing.sessions().find(|session| session.id == after.session).unwrap();
        assert_eq!(row.acr.as_deref(), Some("2"));
        let silent = old.clone().authorize(&sso, 0, &[("prompt", "none"), ("acr_values", "2")]).await;
        assert_eq!(silent.error().as_deref(), Some("login_required"));
    });
}

#[test]
fn a_person_without_a_factor_gets_no_code_of_a_client_that_always_wants_one() {
    sign_in_story(1816, json!({ "require_mfa": "always" }), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        assert_eq!((page.status, page.title()), (200, TITLE));
        assert!(page.html.contains("/account/factors?company=shop") && browser.session().is_some());
        let silent = browser.authorize(&sso, 0, &[("prompt", "none")]).await;
        assert_eq!(silent.error().as_deref(), Some("unmet_authentication_requirements"));
        // With a factor, the same session is raised.
        let secret = sso.totp(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        browser.code(&sso, 0, &page, &sso.code_of(&secret)).await.code(&sso);
    });
}

#[test]
fn a_passkey_signs_a_person_in_without_a_password_in_every_region() {
    sign_in_story(1817, json!({}), async |sso| {
        let authenticator = sso.passkey(0).await;
        for at in 0..2 {
            let mut browser = Browser::default();
            let page = browser.authorize(&sso, at, &[]).await;
            assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self';"));
            let answer = authenticator.answer(&page, &json!({}));
            let code = browser.use_passkey(&sso, at, "/login", &page, &answer).await.code(&sso);
            assert_eq!(code.signed_in.acr.as_deref(), Some("2"));
            assert_eq!(code.signed_in.amr, ["hwk", "user", "mfa"]);
            let again = browser.use_passkey(&sso, at, "/login", &page, &answer).await;
            assert_eq!(again.title(), "Sign in", "the challenge was used");
        }
    });
}

#[test]
fn a_passkey_links_the_person_to_the_company_of_a_client_and_of_a_device_as_a_password_does() {
    let of_food = json!({ "company": "food", "first_party": true });
    sign_in_story(1861, of_food.clone(), async |mut sso| {
        sso.put(super::devices::tv(&of_food)).await;
        sso.restart();
        let authenticator = sso.passkey(0).await;
        let user = authenticator.user;
        let is_linked = async |sso: &Sso, at: usize| {
            let people = sso.d.world.regions[at].people();
            let standing = Standing::read(&people, user).await.unwrap().unwrap();
            standing.is_linked_to(&"food".parse().unwrap())
        };
        assert!(!is_linked(&sso, 0).await);
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        let answer = authenticator.answer(&page, &json!({}));
        let code = browser.use_passkey(&sso, 0, "/login", &page, &answer).await.code(&sso);
        assert!(is_linked(&sso, 0).await);
        assert_eq!(
            code.min_version,
            sso.version(0, user).await,
            "another region redeems the code once it knows the link"
        );
        // The company leaves, and a device brings it back.
        let operator = Actor::Operator { command: "company unlink".to_owned(), by: None };
        let people = sso.d.world.regions[0].people();
        people.unlink(&operator, user, &"food".parse().unwrap(), &[]).await.unwrap();
        sso.d.world.settle().await;
        assert!(!is_linked(&sso, 1).await);
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&sso, 1, &device.user_code).await;
        let answer = authenticator.answer(&page, &json!({}));
        browser.use_passkey(&sso, 1, "/device", &page, &answer).await;
        assert!(is_linked(&sso, 1).await);
    });
}

#[test]
fn a_passkey_is_a_second_factor_too() {
    sign_in_story(1818, json!({}), async |sso| {
        let authenticator = sso.passkey(0).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 1, &[]).await;
        assert!(page.options().contains(&URL_SAFE_NO_PAD.encode(Authenticator::ID)));
        // Beside a password, presence is enough.
        let present = Authenticator { flags: 1, ..authenticator };
        let answer = present.answer(&page, &json!({}));
        let code = browser.use_passkey(&sso, 0, "/factor", &page, &answer).await.code(&sso);
        assert_eq!(code.signed_in.amr, ["pwd", "hwk", "user", "mfa"]);
    });
}

// The threat row about passkeys.
#[test]
fn a_passkey_for_another_site_challenge_or_user_or_without_the_person_is_rejected() {
    sign_in_story(1819, json!({}), async |sso| {
        let authenticator = sso.passkey(0).await;
        let other = sso.d.register(0, "eve@example.com", "wholly different words 7").await.ok(201).body["user"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        let elsewhere = browser.authorize(&sso, 0, &[]).await;
        let key = || SigningKey::from_seed("", [9; 32]);
        let user = authenticator.user;
        let answers = [
            authenticator.answer(&page, &json!({ "origin": "https://login.example.evil" })),
            authenticator.answer(&page, &json!({ "crossOrigin": true })),
            authenticator.answer(&page, &json!({ "type": "webauthn.create" })),
            authenticator.answer(&elsewhere, &json!({})),
            authenticator.answer(&page, &json!({})).replace(&URL_SAFE_NO_PAD.encode(Authenticator::ID), "AAAA"),
            Authenticator { key: SigningKey::from_seed("", [8; 32]), user, flags: 0b101 }.answer(&page, &json!({})),
            Authenticator { key: key(), user: other, flags: 0b101 }.answer(&page, &json!({})),
            Authenticator { key: key(), user: UserId::v8([3; 16]), flags: 0b101 }.answer(&page, &json!({})),
            Authenticator { key: key(), user, flags: 1 }.answer(&page, &json!({})),
            Authenticator { key: key(), user, flags: 0b100 }.answer(&page, &json!({})),
        ];
        let mut seen = Vec::new();
        for answer in answers {
            let rejected = browser.use_passkey(&sso, 0, "/login", &page, &answer).await;
            assert_eq!((rejected.status, rejected.title(), browser.session()), (200, "Sign in", None), "{answer}");
            assert!(rejected.html.contains("role=\"alert\""));
            seen.push(rejected.without_steps());
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "a page says why, or whether there is a user: {seen:#?}");
        let stranger = Browser::default();
        let answer = authenticator.answer(&page, &json!({}));
        assert_eq!(stranger.clone().use_passkey(&sso, 0, "/login", &page, &answer).await.status, 400);
        browser.use_passkey(&sso, 0, "/login", &page, &answer).await.code(&sso);
    });
}

#[test]
fn a_suspended_person_signs_in_with_no_passkey() {
    sign_in_story(1820, json!({}), async |sso| {
        let authenticator = sso.passkey(0).await;
        sso.d.world.disable(0, authenticator.user).await.unwrap();
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        let answer = authenticator.answer(&page, &json!({}));
        let rejected = browser.use_passkey(&sso, 0, "/login", &page, &answer).await;
        assert_eq!((rejected.title(), browser.session()), ("Sign in", None));
    });
}

#[test]
fn a_person_adds_and_removes_an_application_on_the_pages_of_its_account() {
    const PATH: &str = "/account/factors?company=shop";
    sign_in_story(1821, json!({}), async |sso| {
        let mut browser = Browser::default();
        let door = browser.get(&sso, 0, PATH).await;
        let step = door.step();
        let fields = [("step", &*step), ("identifier", EMAIL), ("password", PASSWORD)];
        let to = browser.post(&sso, 0, "/account/factors", &fields).await.location().to_owned();
        let page = browser.get(&sso, 0, &to).await;
        assert_eq!(page.title(), "Sign-in factors");
        assert!(page.html.contains("data:image/svg+xml;base64,"));
        let (text, secret) = offered(&page);
        let step = page.step();
        let add = async |browser: &mut Browser, code: &str| {
            let fields = [("step", &*step), ("code", code), ("label", "My phone")];
            browser.post(&sso, 0, "/account/factors", &fields).await
        };
        let wrong = add(&mut browser, "000000").await;
        assert!(wrong.status == 422 && wrong.html.contains(&text), "the secret is the same");
        let mut before = browser.clone();
        let added = add(&mut browser, &sso.code_of(&secret)).await;
        assert_eq!(added.html.matches("class=\"code\"").count(), 11, "ten recovery codes, and the next secret");
        assert!(added.html.contains("My phone"));
        // The session with one factor changes nothing from now on: at the door the person shows the second one.
        sso.d.world.clock.advance(STEP);
        let door = before.get(&sso, 0, PATH).await;
        let step = door.step();
        let fields = [("step", &*step), ("identifier", EMAIL), ("password", PASSWORD)];
        assert_eq!(before.post(&sso, 0, "/account/factors", &fields).await.title(), TITLE);
        // The one in which the factor was added has two, in every region.
        sso.d.world.settle().await;
        let code = browser.authorize(&sso, 1, &[("prompt", "none"), ("acr_values", "2")]).await.code(&sso);
        assert_eq!((code.signed_in.acr.as_deref(), &*code.signed_in.amr.concat()), (Some("2"), "pwdotpmfa"));
        let page = browser.get(&sso, 0, PATH).await;
        let (step, id) = (page.step(), page.field("remove"));
        let page = browser.post(&sso, 0, "/account/factors", &[("step", &*step), ("remove", &*id)]).await;
        assert!(page.html.contains("It is removed.") && !page.html.contains("My phone"));
    });
}

#[test]
fn who_adds_a_factor_for_a_client_continues_to_it() {
    sign_in_story(1822, json!({ "require_mfa": "always" }), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let link = page.link("/account/factors?company=shop&amp;back=");
        // The step is of no use in another browser.
        let other = Browser::default().get(&sso, 0, &link).await;
        assert!(other.html.contains("name=\"identifier\"") && !other.html.contains("action=\"/factor\""));
        // Who signs in again on the way keeps it.
        sso.d.world.clock.advance(6 * 60_000);
        let door = browser.get(&sso, 1, &link).await;
        let step = door.step();
        let fields = [("step", &*step), ("identifier", EMAIL), ("password", PASSWORD)];
        let to = browser.post(&sso, 1, "/account/factors", &fields).await.location().to_owned();
        sso.d.world.settle().await;
        let page = browser.get(&sso, 0, &to).await;
        assert!(!page.html.contains("action=\"/factor\""), "there is no factor yet: {}", page.html);
        let (step, (_, secret)) = (page.step(), offered(&page));
        let fields = [("step", &*step), ("code", &*sso.code_of(&secret))];
        let added = browser.post(&sso, 0, "/account/factors", &fields).await;
        assert!(
            added.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("form-action 'self' https://shop.example;")
        );
        let (_, form) = added.html.split_once("action=\"/factor\"").unwrap_or_else(|| panic!("{}", added.html));
        assert!(form.contains("Continue to"), "{form}");
        let step = form.split_once("name=\"step\" value=\"").unwrap().1.split('"').next().unwrap();
        let code = browser.post(&sso, 0, "/factor", &[("step", step)]).await.code(&sso);
        assert_eq!(code.signed_in.acr.as_deref(), Some("2"));
    });
}

/// The secret of the application that a page offers to add, as the page shows it too.
pub(super) fn offered(page: &Page) -> (String, TotpSecret) {
    let text = page.html.split("<p class=\"code\"><bdi dir=\"ltr\">").nth(1).unwrap().split('<').next().unwrap();
    (text.to_owned(), TotpSecret::new(&base32(text)).unwrap())
}

/// The bytes of a text in base32 (RFC 4648 section 6).
fn base32(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(u8::is_ascii_alphanumeric);
    let value = |byte: u8| u64::from(if byte.is_ascii_digit() { byte - b'2' + 26 } else { byte - b'A' });
    let all: Vec<u64> = digits.map(value).collect();
    let eight = |eight: &[u64]| eight.iter().fold(0, |bits, value| bits << 5 | value).to_be_bytes()[3..].to_vec();
    all.chunks(8).flat_map(eight).collect()
}
