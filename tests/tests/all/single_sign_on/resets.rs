//! A new password by a code of a mail.

use futures_util::future::join_all;
use serde_json::json;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page};

const NEW: &str = "battery staple gun";

pub(super) async fn ask(browser: &mut Browser, sso: &Sso, at: usize, name: &str) -> Page {
    let page = browser.get(sso, at, "/reset?client=web").await;
    assert_eq!((page.status, page.title()), (200, "Set a new password"));
    browser.post(sso, at, "/reset", &[("step", &page.step()), ("identifier", name)]).await
}

pub(super) async fn set(browser: &mut Browser, sso: &Sso, at: usize, page: &Page, [code, password]: [&str; 2]) -> Page {
    let step = page.step();
    browser.post(sso, at, "/reset", &[("step", &step), ("code", code), ("new_password", password)]).await
}

#[test]
fn a_person_sets_a_new_password_by_a_code_and_is_signed_out_everywhere() {
    sign_in_story(1900, json!({}), async |sso| {
        let mut signed_in = Browser::default();
        signed_in.whole(&sso, 0, &[]).await.code(&sso);
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        assert!(page.html.contains("href=\"/reset?client=web\""), "{}", page.html);
        let page = ask(&mut browser, &sso, 0, EMAIL).await;
        assert!(!page.html.contains(EMAIL) && !page.html.contains(&sso.d.mail.code(EMAIL)));
        sso.d.world.settle().await;
        // Another region finishes.
        let done = set(&mut browser, &sso, 1, &page, [&sso.d.mail.code(EMAIL), NEW]).await;
        assert_eq!((done.status, done.title()), (200, "Your password is set"));
        sso.d.world.settle().await;
        for at in 0..2 {
            assert!(sso.d.accepts(at, EMAIL, NEW).await && !sso.d.accepts(at, EMAIL, PASSWORD).await);
            let none = signed_in.authorize(&sso, at, &[("prompt", "none")]).await;
            assert_eq!(none.error().as_deref(), Some("login_required"));
        }
    });
}

#[test]
fn who_has_forgotten_the_password_of_its_account_gets_back_to_it() {
    sign_in_story(1929, json!({}), async |sso| {
        let mut browser = Browser::default();
        let door = browser.get(&sso, 0, "/account?company=shop").await;
        let page = browser.get(&sso, 0, &door.link("/reset?company=shop")).await;
        let step = page.step();
        let page = browser.post(&sso, 0, "/reset", &[("step", &step), ("identifier", EMAIL)]).await;
        assert!(page.html.contains("href=\"/reset?company=shop\""), "{}", page.html);
        sso.d.world.settle().await;
        let done = set(&mut browser, &sso, 1, &page, [&sso.d.mail.code(EMAIL), NEW]).await;
        assert_eq!(done.title(), "Your password is set");
        let door = browser.get(&sso, 1, &done.link("/account?company=shop")).await;
        assert!(door.html.contains("name=\"identifier\""), "{}", door.html);
    });
}

#[test]
fn a_name_without_a_user_is_answered_like_one_with_a_user() {
    sign_in_story(1901, json!({}), async |sso| {
        let mut browser = Browser::default();
        let known = ask(&mut browser, &sso, 0, EMAIL).await;
        let mut pages = vec![known.html.replace(&known.step(), "step")];
        let (length, sent) = (known.step().len(), sso.d.mail.all().len());
        assert_eq!(sent, 1);
        let body = json!({ "username": "bea", "password": PASSWORD });
        sso.d.call(0, "register", body).await.ok(201);
        // No user; a user without an address.
        for name in ["eve@example.com", "no-one-here", "+254712123456", "bea"] {
            let page = ask(&mut browser, &sso, 0, name).await;
            assert_eq!((page.status, page.step().len()), (200, length), "{name}");
            pages.push(page.html.replace(&page.step(), "step"));
            let wrong = set(&mut browser, &sso, 0, &page, ["12345678", NEW]).await;
            assert!(wrong.html.contains("The code is wrong"), "{name}");
        }
        assert!(pages.windows(2).all(|two| two[0] == two[1]), "{pages:?}");
        assert_eq!(sso.d.mail.all().len(), sent);
    });
}

#[test]
fn a_code_is_tried_five_times_and_a_weak_password_costs_none() {
    sign_in_story(1902, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EMAIL).await;
        let code = sso.d.mail.code(EMAIL);
        for weak in ["short", "password1234", "sunshine99", "qwertyuiop", "password12345", "password123456"] {
            let again = set(&mut browser, &sso, 0, &page, [&code, weak]).await;
            assert!(again.html.contains("role=\"alert\"") && !again.html.contains("The code is wrong"), "{weak}");
        }
        for _ in 0..5 {
            set(&mut browser, &sso, 0, &page, ["no code", NEW]).await;
        }
        let ended = set(&mut browser, &sso, 0, &page, [&code, NEW]).await;
        assert!(ended.html.contains("The code is wrong"));
        assert!(sso.d.accepts(0, EMAIL, PASSWORD).await);
    });
}

#[test]
fn a_code_sets_one_password_and_verifies_the_address() {
    sign_in_story(1903, json!({}), async |sso| {
        let id = sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.ok(200).id();
        sso.d.call(0, "update", json!({ "id": id, "set": { "email_verified": false } })).await.ok(200);
        let mut browser = Browser::default();
        let page = ask(&mut browser, &sso, 0, EMAIL).await;
        let code = sso.d.mail.code(EMAIL);
        assert_eq!(set(&mut browser, &sso, 0, &page, [&code, NEW]).await.title(), "Your password is set");
        let seen = sso.d.call(0, "lookup", json!({ "id": id })).await;
        assert_eq!(seen.ok(200).body["user"]["email_verified"], true);
        let twice = set(&mut browser, &sso, 0, &page, [&code, "third one of them"]).await;
        assert!(twice.html.contains("The code is wrong"));
        assert!(sso.d.accepts(0, EMAIL, NEW).await);
    });
}

#[test]
fn a_form_of_another_browser_or_an_unknown_client_asks_for_no_mail() {
    sign_in_story(1904, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.get(&sso, 0, "/reset?client=web").await;
        let fields = [("step", page.step()), ("identifier", EMAIL.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut other = Browser::default();
        assert_eq!(other.post(&sso, 0, "/reset", &fields).await.status, 400);
        other.get(&sso, 0, "/reset?client=web").await;
        assert_eq!(other.post(&sso, 0, "/reset", &fields).await.status, 400);
        assert_eq!(other.post(&sso, 0, "/reset", &fields[1..]).await.status, 400);
        for uri in ["/reset", "/reset?client=unknown", "/reset?company=unknown"] {
            assert_eq!(other.get(&sso, 0, uri).await.status, 400, "{uri}");
        }
        assert_eq!(sso.d.mail.all(), []);
    });
}

#[test]
fn a_name_gets_five_mails_in_an_hour_whether_or_not_it_is_a_users() {
    sign_in_story(1905, json!({}), async |sso| {
        for name in [EMAIL, "eve@example.com"] {
            let mut browser = Browser::default();
            for _ in 0..5 {
                assert_eq!(ask(&mut browser, &sso, 0, name).await.status, 200);
            }
            let page = ask(&mut browser, &sso, 0, name).await;
            assert!(page.status == 429 && page.headers.contains_key("retry-after"), "{name}");
        }
        assert_eq!(sso.d.mail.all().len(), 5);
    });
}

#[test]
fn the_pages_and_the_mail_are_in_the_language_of_the_person() {
    sign_in_story(1906, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.get(&sso, 0, "/reset?client=web").await;
        let page = browser.post(&sso, 0, "/reset", &[("step", &page.step()), ("lang", "ar")]).await;
        assert!(page.html.contains("lang=\"ar\" dir=\"rtl\"") && sso.d.mail.all().is_empty(), "{}", page.html);
        let page = browser.post(&sso, 0, "/reset", &[("step", &page.step()), ("identifier", EMAIL)]).await;
        let code = sso.d.mail.code(EMAIL);
        assert!(sso.d.mail.last(EMAIL).unwrap().subject.starts_with("كلمة مرور جديدة"));
        // As an Arabic keyboard types it.
        let typed: String = code.chars().filter_map(|c| char::from_u32(u32::from(c) - 0x30 + 0x660)).collect();
        let done = set(&mut browser, &sso, 0, &page, [&typed, NEW]).await;
        assert_eq!(done.title(), "حُفظت كلمة مرورك");
    });
}

#[test]
fn a_mail_that_cannot_be_sent_changes_no_answer() {
    sign_in_story(1907, json!({}), async |sso| {
        sso.d.mail.set_fault(Some(umoja_store::ports::MailError::Unavailable("no connection")));
        let mut browser = Browser::default();
        assert_eq!(ask(&mut browser, &sso, 0, EMAIL).await.status, 200);
    });
}

#[test]
fn a_network_asks_for_a_hundred_new_passwords_in_an_hour() {
    sign_in_story(1908, json!({}), async |sso| {
        let at = |n: usize| Browser::at(&format!("2001:db8:1:2::{n:x}"));
        let asked = async |n: usize| ask(&mut at(n), &sso, 0, &format!("eve{n}@example.com")).await;
        let statuses: Vec<_> = join_all((0..100).map(async |n| asked(n).await.status)).await;
        assert_eq!(statuses, [200; 100]);
        // Whether there is a user is not to be seen from that either.
        for name in [EMAIL, "eve@example.com"] {
            let page = ask(&mut at(100), &sso, 0, name).await;
            assert!(page.status == 429 && page.headers.contains_key("retry-after"), "{name}");
        }
        let mut elsewhere = Browser::at("2001:db8:1:3::1");
        assert_eq!(ask(&mut elsewhere, &sso, 0, EMAIL).await.status, 200);
    });
}
