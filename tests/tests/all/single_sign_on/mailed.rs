//! A code by mail in place of a second factor, where a company takes that, over two regions.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use umoja_accounts::access::Enrolled;
use umoja_crypto::totp::TotpSecret;
use umoja_schema::{RequireMfa, Scope, UserId};
use umoja_store::ports::MailError;

use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page};
use super::factors::by;
use super::{Sso, story};

const TITLE: &str = "Confirm that it is you";

impl Sso {
    /// Changes the company, and lets no region remember the former one.
    async fn with_company(&mut self, require: RequireMfa, by_mail: bool) {
        let mut company = self.d.shop.company(&Scope::ALL, true);
        company.require_mfa = Some(require);
        company.mfa_by_mail = by_mail;
        self.d.put_company(&company).await;
        self.restart();
    }

    /// Makes the address of the person verified, or not.
    async fn verify(&self, is_verified: bool) -> UserId {
        let user: UserId = self.d.call(0, "lookup", json!({ "email": EMAIL })).await.id().parse().unwrap();
        let body = json!({ "id": user, "set": { "email_verified": is_verified } });
        self.d.call(0, "update", body).await.ok(200);
        self.d.world.settle().await;
        user
    }

    fn mails(&self) -> usize {
        self.d.mail.all().len()
    }
}

impl Browser {
    /// The form by which a code is sent.
    async fn send_code(&mut self, sso: &Sso, at: usize, path: &str, page: &Page) -> Page {
        let (step, send) = (page.step(), page.field("send"));
        self.post(sso, at, path, &[("step", &step), ("send", &send)]).await
    }

    /// The form with the code of a mail.
    async fn mailed(&mut self, sso: &Sso, at: usize, path: &str, page: &Page, code: &str) -> Page {
        let (step, challenge) = (page.step(), page.field("challenge"));
        self.post(sso, at, path, &[("step", &step), ("challenge", &challenge), ("code", code)]).await
    }
}

/// A story of a company that always wants a second factor and takes a code by mail, whose person has a verified address.
fn mail_story(seed: u64, client: Value, body: impl AsyncFnOnce(Sso)) {
    sign_in_story(seed, client, async move |mut sso| {
        sso.with_company(RequireMfa::Always, true).await;
        sso.verify(true).await;
        body(sso).await;
    });
}

#[test]
fn a_code_that_one_region_mails_is_taken_by_the_other_and_counts_as_no_second_factor() {
    mail_story(1920, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        assert_eq!((page.status, page.title(), browser.session(), sso.mails()), (200, TITLE, None, 0));
        let page = browser.send_code(&sso, 0, "/factor", &page).await;
        assert_eq!((page.status, browser.session(), sso.mails()), (200, None, 1));
        let code = sso.d.mail.code(EMAIL);
        assert!(!page.html.contains(&code) && !page.html.contains(EMAIL));
        let wrong = browser.mailed(&sso, 1, "/factor", &page, "12345678").await;
        assert!(wrong.html.contains("role=\"alert\"") && browser.session().is_none());
        let signed_in = browser.mailed(&sso, 1, "/factor", &wrong, &code).await.code(&sso).signed_in;
        assert_eq!((signed_in.acr.as_deref(), signed_in.amr), (Some("1"), vec!["pwd".to_owned(), "mca".to_owned()]));
        // The session has shown the code in every region, and a client that wants two factors learns that it has one.
        sso.d.world.settle().await;
        for at in 0..2 {
            let silent = browser.authorize(&sso, at, &[("prompt", "none"), ("acr_values", "2")]).await.code(&sso);
            assert_eq!(silent.signed_in.acr.as_deref(), Some("1"));
        }
        let again = Browser::default().clone().mailed(&sso, 1, "/factor", &page, &code).await;
        assert_eq!(again.status, 400, "the page is of another browser");
    });
}

#[test]
fn a_code_works_once_in_a_region_and_for_its_person_and_its_kind() {
    mail_story(1921, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let sent = browser.send_code(&sso, 0, "/factor", &page).await;
        let code = sso.d.mail.code(EMAIL);
        browser.clone().mailed(&sso, 0, "/factor", &sent, &code).await.code(&sso);
        let again = browser.mailed(&sso, 0, "/factor", &sent, &code).await;
        assert!(again.html.contains("role=\"alert\"") && browser.session().is_none(), "the code was used");
        // The challenge of a reset is none of a sign-in.
        let mut other = Browser::default();
        let reset = other.get(&sso, 0, "/reset?client=web").await;
        other.post(&sso, 0, "/reset", &[("step", &reset.step()), ("identifier", EMAIL)]).await;
        let (step, code) = (page.step(), sso.d.mail.code(EMAIL));
        let fields = [("step", &*step), ("challenge", &*reset.step()), ("code", &*code)];
        assert!(browser.post(&sso, 0, "/factor", &fields).await.html.contains("role=\"alert\""));
        sso.d.world.clock.advance(10 * 60_000);
        assert_eq!(browser.send_code(&sso, 0, "/factor", &page).await.title(), "Sign in", "the password is too old");
    });
}

#[test]
fn five_wrong_codes_end_a_challenge_and_five_mails_the_hour() {
    mail_story(1922, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let sent = browser.send_code(&sso, 0, "/factor", &page).await;
        let code = sso.d.mail.code(EMAIL);
        for _ in 0..5 {
            assert_eq!(browser.mailed(&sso, 0, "/factor", &sent, "12345678").await.status, 200);
        }
        browser.mailed(&sso, 0, "/factor", &sent, &code).await;
        assert_eq!(browser.session(), None, "the challenge has ended");
        for _ in 0..4 {
            assert_eq!(browser.send_code(&sso, 0, "/factor", &page).await.status, 200);
        }
        let full = browser.send_code(&sso, 0, "/factor", &page).await;
        assert_eq!((full.status, sso.mails()), (429, 5));
        assert!(full.headers.contains_key("retry-after") && full.html.contains("Too many mails"));
    });
}

#[test]
fn a_code_that_went_to_a_former_address_proves_nothing() {
    mail_story(1930, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let sent = browser.send_code(&sso, 0, "/factor", &page).await;
        let code = sso.d.mail.code(EMAIL);
        let user = sso.verify(true).await;
        for changed in
            [json!({ "email": "new@example.com", "email_verified": true }), json!({ "email_verified": false })]
        {
            sso.d.call(0, "update", json!({ "id": user, "set": changed })).await.ok(200);
            sso.d.world.settle().await;
            for at in 0..2 {
                browser.mailed(&sso, at, "/factor", &sent, &code).await;
                assert_eq!(browser.session(), None, "{changed} {at}");
            }
        }
        // It is the person's again, and so is the code.
        let own = json!({ "email": EMAIL, "email_verified": true });
        sso.d.call(0, "update", json!({ "id": user, "set": own })).await.ok(200);
        sso.d.world.settle().await;
        browser.mailed(&sso, 1, "/factor", &sent, &code).await.code(&sso);
    });
}

#[test]
fn strangers_use_up_none_of_the_mails_by_which_a_person_signs_in() {
    mail_story(1931, json!({}), async |sso| {
        let user = sso.verify(true).await;
        sso.d.call(0, "update", json!({ "id": user, "set": { "username": "amina" } })).await.ok(200);
        sso.d.world.settle().await;
        let mut stranger = Browser::default();
        for name in [EMAIL, "amina"] {
            for _ in 0..6 {
                let reset = stranger.get(&sso, 0, "/reset?client=web").await;
                stranger.post(&sso, 0, "/reset", &[("step", &reset.step()), ("identifier", name)]).await;
            }
        }
        assert_eq!(sso.mails(), 10, "five by each name");
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let sent = browser.send_code(&sso, 0, "/factor", &page).await;
        assert_eq!((sent.status, sso.mails()), (200, 11));
        browser.mailed(&sso, 0, "/factor", &sent, &sso.d.mail.code(EMAIL)).await.code(&sso);
    });
}

#[test]
fn one_network_has_a_hundred_mails_in_an_hour_for_all_persons() {
    const OTHER: &str = "eve@example.com";
    mail_story(1929, json!({}), async |sso| {
        sso.d.register(0, OTHER, PASSWORD).await.ok(201);
        let mut busy = Browser::default();
        busy.address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
        let page = busy.whole(&sso, 0, &[]).await;
        for n in 0..100 {
            let status = busy.send_code(&sso, 0, "/factor", &page).await.status;
            assert_eq!(status, if n < 5 { 200 } else { 429 }, "{n}");
        }
        for (last, status) in [(7, 429), (8, 200)] {
            let mut other = Browser::default();
            other.address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
            let page = other.authorize(&sso, 0, &[]).await;
            let step = page.step();
            let fields = [("step", &*step), ("identifier", OTHER), ("password", PASSWORD)];
            let page = other.post(&sso, 0, "/login", &fields).await;
            assert_eq!(other.send_code(&sso, 0, "/factor", &page).await.status, status, "from {last}");
        }
    });
}

#[test]
fn no_code_is_mailed_where_the_company_does_not_take_it_or_the_address_is_not_verified() {
    sign_in_story(1923, json!({}), async |mut sso| {
        for (by_mail, is_verified) in [(false, true), (true, false)] {
            sso.with_company(RequireMfa::Always, by_mail).await;
            sso.verify(is_verified).await;
            let mut browser = Browser::default();
            let page = browser.whole(&sso, 0, &[]).await;
            assert!(page.html.contains("/account/factors") && !page.html.contains("name=\"send\""), "{}", page.html);
            let silent = browser.authorize(&sso, 0, &[("prompt", "none")]).await;
            assert_eq!(silent.error().as_deref(), Some("unmet_authentication_requirements"));
        }
        // What a page offered, another one may not offer any more.
        sso.with_company(RequireMfa::Always, true).await;
        sso.verify(true).await;
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        sso.verify(false).await;
        let stopped = browser.send_code(&sso, 0, "/factor", &page).await;
        assert_eq!((stopped.title(), browser.session(), sso.mails()), ("Sign in", None, 0));
    });
}

#[test]
fn a_code_by_mail_replaces_no_factor_that_a_person_has() {
    mail_story(1924, json!({}), async |sso| {
        let mut browser = Browser::default();
        let before = browser.whole(&sso, 0, &[]).await;
        let sent = browser.send_code(&sso, 0, "/factor", &before).await;
        let (user, secret) = (sso.verify(true).await, TotpSecret::new(&[7; TotpSecret::BYTES]).unwrap());
        let code = secret.code(sso.now() / 30);
        let added = sso.d.world.regions[0].people().add_totp(by(user), &secret, (&code, "")).await.unwrap();
        assert!(matches!(added, Enrolled::Added(_)));
        sso.d.world.settle().await;
        let page = browser.mailed(&sso, 1, "/factor", &sent, &sso.d.mail.code(EMAIL)).await;
        assert!(browser.session().is_none() && !page.html.contains("name=\"challenge\""), "{}", page.html);
        let (step, mails) = (page.step(), sso.mails());
        browser.post(&sso, 1, "/factor", &[("step", &step), ("send", "mail")]).await;
        assert_eq!(sso.mails(), mails);
    });
}

#[test]
fn a_session_that_began_elsewhere_is_asked_for_the_code_and_keeps_its_class() {
    mail_story(1925, json!({ "require_mfa": "never" }), async |mut sso| {
        let mut browser = Browser::default();
        let before = browser.whole(&sso, 0, &[]).await.code(&sso);
        sso.put(super::browser::web(&json!({}))).await;
        sso.restart();
        let silent = browser.authorize(&sso, 1, &[("prompt", "none")]).await;
        assert_eq!(silent.error().as_deref(), Some("login_required"));
        let page = browser.authorize(&sso, 1, &[]).await;
        let sent = browser.send_code(&sso, 1, "/factor", &page).await;
        // Another language keeps the code that was sent.
        let (step, challenge) = (sent.step(), sent.field("challenge"));
        let fields = [("step", &*step), ("challenge", &*challenge), ("lang", "sw")];
        let sent = browser.post(&sso, 1, "/factor", &fields).await;
        assert!(sent.html.contains("lang=\"sw\""));
        let after = browser.mailed(&sso, 0, "/factor", &sent, &sso.d.mail.code(EMAIL)).await.code(&sso);
        assert_eq!((after.session, after.signed_in.acr.as_deref()), (before.session, Some("1")));
    });
}

#[test]
fn who_has_only_the_password_adds_no_factor_of_its_own() {
    sign_in_story(1926, json!({}), async |mut sso| {
        // Also where another company than that of the page takes codes by mail.
        sso.with_company(RequireMfa::IfEnrolled, true).await;
        sso.verify(true).await;
        let mut browser = Browser::default();
        browser.whole(&sso, 0, &[]).await.code(&sso);
        let path = "/account/factors";
        let page = browser.get(&sso, 0, "/account/factors?company=shop").await;
        assert_eq!((page.title(), page.html.contains("data:image/svg+xml")), (TITLE, false));
        let sent = browser.send_code(&sso, 0, path, &page).await;
        let to = browser.mailed(&sso, 1, path, &sent, &sso.d.mail.code(EMAIL)).await.location().to_owned();
        assert_eq!(browser.get(&sso, 1, &to).await.title(), "Sign-in factors");
        assert_eq!(browser.get(&sso, 1, "/account/password?company=shop").await.status, 200);
    });
}

#[test]
fn a_mail_that_is_not_handed_over_is_said_on_the_page() {
    mail_story(1927, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        sso.d.mail.set_fault(Some(MailError::Unavailable("a test")));
        assert_eq!(browser.send_code(&sso, 0, "/factor", &page).await.status, 503);
        sso.d.mail.set_fault(None);
        let sent = browser.send_code(&sso, 0, "/factor", &page).await;
        browser.mailed(&sso, 0, "/factor", &sent, &sso.d.mail.code(EMAIL)).await.code(&sso);
    });
}

#[test]
fn a_device_is_let_in_with_a_code_by_mail_too() {
    story(1928, async |mut sso| {
        sso.put(super::devices::tv(&json!({}))).await;
        sso.d.register(0, EMAIL, PASSWORD).await.ok(201);
        sso.with_company(RequireMfa::Always, true).await;
        sso.verify(true).await;
        let device = sso.begin(0).await;
        let mut browser = Browser::default();
        let page = browser.types(&sso, 0, &device.user_code).await;
        let page = browser.enters(&sso, 0, &page, PASSWORD).await;
        let sent = browser.send_code(&sso, 0, "/device", &page).await;
        let page = browser.mailed(&sso, 1, "/device", &sent, &sso.d.mail.code(EMAIL)).await;
        let done = browser.answers(&sso, 1, &page, "allow").await;
        assert_eq!(done.title(), "The device is connected");
    });
}
