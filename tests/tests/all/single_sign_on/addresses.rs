//! The page on which a person changes its addresses.

use serde_json::{Value, json};

use super::Sso;
use super::account::{send, signed_in};
use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page};
use super::resets;

const MINUTE: u64 = 60_000;
const PATH: &str = "/account/addresses?company=shop";
const NEW: &str = "eve@example.com";

/// The page for the code that was sent to an address.
async fn ask(browser: &mut Browser, sso: &Sso, address: &str) -> Page {
    let page = browser.get(sso, 0, PATH).await;
    assert_eq!((page.status, page.title()), (200, "E-mail and phone"));
    send(browser, sso, "/addresses", &page, &[("address", address)]).await
}

async fn prove(browser: &mut Browser, sso: &Sso, page: &Page, code: &str) -> Page {
    send(browser, sso, "/addresses", page, &[("code", code)]).await
}

async fn user(sso: &Sso, at: usize, id: &str) -> Value {
    sso.d.call(at, "lookup", json!({ "id": id })).await.ok(200).body["user"].clone()
}

async fn id(sso: &Sso) -> String {
    sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.ok(200).id()
}

#[test]
fn a_person_changes_its_address_by_a_code_and_the_old_one_gets_a_notice() {
    sign_in_story(1930, json!({}), async |sso| {
        let (id, mut browser) = (id(&sso).await, signed_in(&sso).await);
        let page = ask(&mut browser, &sso, NEW).await;
        assert!(page.html.contains("<bdi>eve@example.com</bdi>") && !page.html.contains(&sso.d.mail.code(NEW)));
        assert_eq!(user(&sso, 0, &id).await["email"], EMAIL);
        let wrong = prove(&mut browser, &sso, &page, "12345678").await;
        assert!(wrong.html.contains("The code is wrong") && sso.d.mail.last(EMAIL).is_none(), "{}", wrong.html);
        let page = prove(&mut browser, &sso, &wrong, &sso.d.mail.code(NEW)).await;
        assert!(page.html.contains("role=\"status\"") && page.html.contains("Confirmed"), "{}", page.html);
        let seen = user(&sso, 0, &id).await;
        assert_eq!((&seen["email"], &seen["email_verified"]), (&json!(NEW), &json!(true)));
        let notice = sso.d.mail.last(EMAIL).unwrap();
        assert_eq!((notice.subject.as_str(), notice.code()), ("Your account at shop was changed", String::new()));
        assert!(!notice.text.contains(NEW));
        sso.d.world.settle().await;
        assert!(sso.d.accepts(1, NEW, PASSWORD).await && !sso.d.accepts(1, EMAIL, PASSWORD).await);
        // The session continues, and a form that is sent twice does no harm.
        browser.authorize(&sso, 0, &[("prompt", "none")]).await.code(&sso);
        let sent = sso.d.mail.all().len();
        let again = prove(&mut browser, &sso, &wrong, &sso.d.mail.code(NEW)).await;
        assert!(again.html.contains("role=\"status\"") && sso.d.mail.all().len() == sent, "{}", again.html);
    });
}

#[test]
fn the_address_of_another_person_is_said_only_to_who_has_shown_that_it_has_it() {
    sign_in_story(1931, json!({}), async |sso| {
        sso.d.register(0, "bob@example.com", PASSWORD).await.ok(201);
        let (id, mut browser) = (id(&sso).await, signed_in(&sso).await);
        let mut pages = Vec::new();
        for address in ["bob@example.com", NEW] {
            let sent = sso.d.mail.all().len();
            let page = ask(&mut browser, &sso, address).await;
            let wrong = prove(&mut browser, &sso, &page, "12345678").await;
            assert_eq!(sso.d.mail.all().len(), sent + 1);
            pages.push([&page, &wrong].map(|page| {
                (page.status, page.step().len(), page.html.replace(&page.step(), "").replace(address, ""))
            }));
            if address != NEW {
                let taken = prove(&mut browser, &sso, &page, &sso.d.mail.code(address)).await;
                assert!(taken.html.contains("This address belongs to another account"), "{}", taken.html);
                assert_eq!(user(&sso, 0, &id).await["email"], EMAIL);
            }
        }
        for (taken, free) in pages[0].iter().zip(&pages[1]) {
            assert_eq!((taken.0, &taken.2), (free.0, &free.2));
            assert!(taken.1.abs_diff(free.1) < 8);
        }
        assert_eq!(sso.d.mail.last(EMAIL), None);
    });
}

#[test]
fn a_person_confirms_the_address_that_it_has_without_a_notice() {
    sign_in_story(1932, json!({}), async |sso| {
        let id = id(&sso).await;
        sso.d.call(0, "update", json!({ "id": id, "set": { "email_verified": false } })).await.ok(200);
        let mut browser = signed_in(&sso).await;
        assert!(browser.get(&sso, 0, PATH).await.html.contains("Not confirmed"));
        let page = ask(&mut browser, &sso, EMAIL).await;
        prove(&mut browser, &sso, &page, &sso.d.mail.code(EMAIL)).await;
        assert_eq!((user(&sso, 0, &id).await["email_verified"].clone(), sso.d.mail.all().len()), (json!(true), 1));
    });
}

#[test]
fn a_person_removes_its_number_and_not_the_last_name_by_which_it_signs_in() {
    sign_in_story(1933, json!({}), async |sso| {
        let id = id(&sso).await;
        let set = json!({ "phone_number": "+254712123456" });
        sso.d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        let mut browser = signed_in(&sso).await;
        let page = browser.get(&sso, 0, PATH).await;
        assert!(page.html.contains("+254712123456") && page.html.contains("value=\"phone_number\""), "{}", page.html);
        let page = send(&mut browser, &sso, "/addresses", &page, &[("remove", "phone_number")]).await;
        assert!(page.html.contains("It is removed") && !page.html.contains("+254"), "{}", page.html);
        assert!(sso.d.mail.last(EMAIL).unwrap().subject.starts_with("Your account at shop was changed"));
        let page = send(&mut browser, &sso, "/addresses", &page, &[("remove", "email")]).await;
        assert!(page.html.contains("it is the last by which you can sign in"), "{}", page.html);
        let seen = user(&sso, 0, &id).await;
        assert_eq!((&seen["email"], seen.get("phone_number")), (&json!(EMAIL), None));
    });
}

#[test]
fn who_has_signed_in_for_a_code_has_its_ten_minutes_and_for_nothing_else() {
    sign_in_story(1934, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let page = ask(&mut browser, &sso, NEW).await;
        sso.d.world.clock.advance(6 * MINUTE);
        for section in ["/erase", "/profile", "/password"] {
            let other = send(&mut browser, &sso, section, &page, &[("word", "erase"), ("name", "Eve")]).await;
            assert!(other.html.contains("Enter your password again"), "{section} {}", other.html);
        }
        // Nothing but the code: neither another address nor a removal.
        for fields in [("remove", "email"), ("address", "mallory@example.com")] {
            let page = send(&mut browser, &sso, "/addresses", &page, &[fields]).await;
            assert!(page.html.contains("The code is wrong"), "{}", page.html);
        }
        let done = prove(&mut browser, &sso, &page, &sso.d.mail.code(NEW)).await;
        assert!(done.html.contains("role=\"status\""), "{}", done.html);
        let page = browser.get(&sso, 0, PATH).await;
        assert!(page.html.contains("Enter your password again"), "{}", page.html);
    });
}

#[test]
fn a_code_that_was_sent_to_an_address_sets_no_password_once_the_address_is_another_persons() {
    sign_in_story(1935, json!({}), async |sso| {
        let mut thief = Browser::default();
        let reset = resets::ask(&mut thief, &sso, 0, EMAIL).await;
        let code = sso.d.mail.code(EMAIL);
        let mut browser = signed_in(&sso).await;
        let page = ask(&mut browser, &sso, NEW).await;
        prove(&mut browser, &sso, &page, &sso.d.mail.code(NEW)).await;
        let late = resets::set(&mut thief, &sso, 0, &reset, [&code, "battery staple gun"]).await;
        assert!(late.html.contains("The code is wrong"), "{}", late.html);
        assert!(sso.d.accepts(0, NEW, PASSWORD).await);
    });
}

#[test]
fn a_region_that_sends_no_mail_shows_addresses_and_changes_none() {
    sign_in_story(1937, json!({}), async |mut sso| {
        let id = id(&sso).await;
        let set = json!({ "phone_number": "+254712123456" });
        sso.d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        let mut browser = signed_in(&sso).await;
        sso.restart_without_mail();
        let page = browser.get(&sso, 0, PATH).await;
        assert!(page.html.contains(EMAIL) && page.html.contains("because no mail is sent"), "{}", page.html);
        assert!(!page.html.contains("name=\"address\"") && !page.html.contains("name=\"remove\""));
        let step = browser.get(&sso, 0, "/account/profile").await.step();
        for field in [("remove", "phone_number"), ("address", NEW)] {
            browser.post(&sso, 0, "/account/addresses", &[("step", &step), field]).await;
        }
        let seen = user(&sso, 0, &id).await;
        assert_eq!((&seen["email"], &seen["phone_number"]), (&json!(EMAIL), &json!("+254712123456")));
    });
}

#[test]
fn a_person_asks_for_five_addresses_in_an_hour() {
    sign_in_story(1936, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        for n in 0..5 {
            assert_eq!(ask(&mut browser, &sso, &format!("eve{n}@example.com")).await.status, 200);
        }
        let page = ask(&mut browser, &sso, NEW).await;
        assert!(page.status == 429 && page.headers.contains_key("retry-after"), "{}", page.html);
        let page = browser.get(&sso, 0, PATH).await;
        let page = send(&mut browser, &sso, "/addresses", &page, &[("address", "no address")]).await;
        assert!(page.html.contains("This is no e-mail address") && page.field("address") == "no address");
    });
}
