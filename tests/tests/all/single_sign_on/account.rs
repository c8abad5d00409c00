//! The pages on which a person looks after its account.

use std::collections::BTreeSet;

use serde_json::json;
use umoja_accounts::{Reason, Word};
use umoja_schema::{Actor, Millis, UserId};
use umoja_store::ports::Clock as _;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, EMAIL, PASSWORD, Page};

const MINUTE: u64 = 60_000;
const ACCOUNT: &str = "/account?company=shop";
/// The pages that need a sign-in of the last five minutes.
const GUARDED: [&str; 5] = ["profile", "addresses", "password", "export", "erase"];

/// The form of a page of the account.
pub(super) async fn send(
    browser: &mut Browser,
    sso: &Sso,
    section: &str,
    page: &Page,
    fields: &[(&str, &str)],
) -> Page {
    let step = page.step();
    let fields: Vec<_> = [("step", step.as_str())].into_iter().chain(fields.iter().copied()).collect();
    browser.post(sso, 0, &format!("/account{section}"), &fields).await
}

/// A browser in which the person has signed in to its account.
pub(super) async fn signed_in(sso: &Sso) -> Browser {
    let mut browser = Browser::default();
    let page = browser.get(sso, 0, ACCOUNT).await;
    let page = send(&mut browser, sso, "", &page, &[("identifier", EMAIL), ("password", PASSWORD)]).await;
    let to = page.location().to_owned();
    assert_eq!(to, "https://login.example/account?company=shop");
    let page = browser.get(sso, 0, &to).await;
    assert!(page.html.contains(EMAIL), "{}", page.html);
    browser
}

#[test]
fn a_person_signs_in_to_its_account_by_the_pages_of_its_company() {
    sign_in_story(1901, json!({}), async |sso| {
        let mut stranger = Browser::default();
        let page = stranger.get(&sso, 0, "/account").await;
        assert_eq!((page.status, page.title()), (400, "Your account"));
        let page = stranger.get(&sso, 0, ACCOUNT).await;
        let wrong = send(&mut stranger, &sso, "", &page, &[("identifier", EMAIL), ("password", "wrong")]).await;
        assert!(wrong.html.contains("The name or the password is wrong.") && stranger.session().is_none());
        let mut browser = signed_in(&sso).await;
        // The session is that of every application, and names no company.
        browser.authorize(&sso, 0, &[]).await.code(&sso);
        assert_eq!(browser.get(&sso, 0, "/account").await.status, 200);
        // No other site can send a form, and no other browser this one.
        assert_eq!(browser.post(&sso, 0, "/account/sessions", &[("end", "others")]).await.status, 400);
        let step = browser.get(&sso, 0, "/account/export").await.step();
        let fields = [("step", step.as_str()), ("end", "others")];
        assert_eq!(Browser::default().post(&sso, 0, "/account/sessions", &fields).await.status, 400);
    });
}

#[test]
fn who_changes_its_account_has_signed_in_within_five_minutes() {
    sign_in_story(1902, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let pages = async |browser: &mut Browser| {
            let mut open = BTreeSet::new();
            for section in GUARDED {
                let page = browser.get(&sso, 0, &format!("/account/{section}?company=shop")).await;
                assert_eq!(page.status, 200);
                if !page.html.contains("name=\"identifier\"") {
                    open.insert(section);
                }
            }
            open
        };
        assert_eq!(pages(&mut browser).await, GUARDED.into());
        let form = browser.get(&sso, 0, "/account/erase").await;
        sso.d.world.clock.advance(5 * MINUTE + 1_000);
        assert_eq!(pages(&mut browser).await, BTreeSet::new());
        // A form of a page that was open meanwhile does nothing either.
        let again = send(&mut browser, &sso, "/erase", &form, &[("word", "erase")]).await;
        assert!(again.html.contains("Enter your password again"), "{}", again.html);
        let page = browser.get(&sso, 0, "/account/sessions").await;
        assert_eq!(page.title(), "Sign-ins");
        let fields = [("identifier", EMAIL), ("password", PASSWORD)];
        let to = send(&mut browser, &sso, "/erase", &again, &fields).await.location().to_owned();
        assert!(browser.get(&sso, 0, &to).await.html.contains("name=\"word\""));
    });
}

#[test]
fn a_person_changes_what_it_says_of_itself_and_no_address() {
    sign_in_story(1903, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let page = browser.get(&sso, 0, "/account/profile").await;
        let fields =
            [("name", "Ada <b>Okello</b>"), ("locality", "Gulu"), ("locale", "sw"), ("email", "x@example.com")];
        let names = [("given_name", "Ada"), ("family_name", "Okello")];
        let page = send(&mut browser, &sso, "/profile", &page, &names).await;
        // Who has no full name is called by the names that it has.
        assert!(browser.get(&sso, 0, "/account").await.html.contains("Ada Okello"));
        let page = send(&mut browser, &sso, "/profile", &page, &fields).await;
        assert!(page.html.contains("lang=\"en\"") && page.html.contains("role=\"status\""), "{}", page.html);
        let user = sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.body["user"].clone();
        assert_eq!(user["profile"]["name"], "Ada <b>Okello</b>");
        assert_eq!(
            (&user["profile"]["address"]["locality"], &user["profile"]["locale"]),
            (&json!("Gulu"), &json!("sw"))
        );
        // From now on the pages speak its language.
        let page = browser.get(&sso, 0, "/account").await;
        assert!(page.html.contains("lang=\"sw\"") && page.html.contains("Ada &lt;b&gt;Okello"), "{}", page.html);
        let page = browser.get(&sso, 0, "/account/profile").await;
        let long = "x".repeat(257);
        let page = send(&mut browser, &sso, "/profile", &page, &[("name", &long), ("locale", "sw")]).await;
        assert!(page.html.contains("role=\"alert\""));
    });
}

#[test]
fn a_person_ends_its_other_sessions_and_keeps_this_one() {
    sign_in_story(1904, json!({}), async |sso| {
        let (mut first, mut second) = (signed_in(&sso).await, signed_in(&sso).await);
        sso.d.register(0, "bob@example.com", PASSWORD).await.ok(201);
        let page = first.get(&sso, 0, "/account/sessions").await;
        assert_eq!(page.html.matches("class=\"card\"").count(), 2);
        let page = send(&mut first, &sso, "/sessions", &page, &[("end", "unknown")]).await;
        assert_eq!(page.html.matches("class=\"card\"").count(), 2);
        let page = send(&mut first, &sso, "/sessions", &page, &[("end", "others")]).await;
        assert_eq!(page.html.matches("class=\"card\"").count(), 1);
        assert!(page.html.contains("value=\"others\""), "another region may know another one");
        assert!(second.get(&sso, 0, ACCOUNT).await.html.contains("name=\"identifier\""));
        first.authorize(&sso, 0, &[("prompt", "none")]).await.code(&sso);
    });
}

#[test]
fn a_person_sends_a_hundred_forms_in_an_hour_and_may_always_take_its_account_back() {
    sign_in_story(1940, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let page = browser.get(&sso, 0, "/account/profile").await;
        for n in 0..=100 {
            let name = format!("Amina {n}");
            let page = send(&mut browser, &sso, "/profile", &page, &[("name", &name)]).await;
            assert_eq!(page.status, if n < 100 { 200 } else { 429 }, "{n}");
        }
        let full = send(&mut browser, &sso, "/factors", &page, &[("codes", "new")]).await;
        assert_eq!((full.status, full.headers.contains_key("retry-after")), (429, true));
        let own = browser.get(&sso, 0, ACCOUNT).await;
        assert!(own.html.contains("Amina 99"), "{}", own.html);
        assert_eq!(send(&mut browser, &sso, "/sessions", &page, &[("end", "others")]).await.status, 200);
        let fields = [("current", PASSWORD), ("new", "wobbly giraffe orbit 9")];
        let changed = send(&mut browser, &sso, "/password", &page, &fields).await;
        assert_eq!((changed.status, browser.session()), (200, None), "{}", changed.html);
    });
}

#[test]
fn a_person_withdraws_what_an_application_may_have() {
    sign_in_story(1905, json!({ "first_party": false }), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let step = page.step();
        browser.post(&sso, 0, "/consent", &[("step", &step), ("answer", "allow")]).await.code(&sso);
        let page = browser.get(&sso, 0, "/account/apps").await;
        assert!(page.html.contains("<bdi>Shop</bdi>") && page.html.contains("your e-mail address"), "{}", page.html);
        let page = send(&mut browser, &sso, "/apps", &page, &[("withdraw", "web")]).await;
        assert!(page.html.contains("No application has asked"), "{}", page.html);
        let none = browser.authorize(&sso, 0, &[("prompt", "none")]).await;
        assert_eq!(none.error().as_deref(), Some("consent_required"));
    });
}

#[test]
fn another_password_ends_every_session() {
    const NEW: &str = "wobbly giraffe orbit 9";
    sign_in_story(1906, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let mut page = browser.get(&sso, 0, "/account/password").await;
        for (current, new, alert) in [
            ("wrong", NEW, "current password is wrong"),
            (PASSWORD, "short", "too short"),
            (PASSWORD, "password1", "easy to guess"),
        ] {
            page = send(&mut browser, &sso, "/password", &page, &[("current", current), ("new", new)]).await;
            assert!(page.html.contains(alert) && !page.html.contains(NEW), "{}", page.html);
        }
        let kept = browser.clone();
        let done = send(&mut browser, &sso, "/password", &page, &[("current", PASSWORD), ("new", NEW)]).await;
        assert_eq!((done.title(), browser.session()), ("Your password is changed", None));
        let none = kept.clone().authorize(&sso, 0, &[("prompt", "none")]).await;
        assert_eq!(none.error().as_deref(), Some("login_required"));
        let page = browser.authorize(&sso, 0, &[]).await;
        browser.sign_in(&sso, 0, &page, NEW).await.code(&sso);
    });
}

#[test]
fn a_person_gets_its_data_and_is_erased_by_a_word() {
    sign_in_story(1907, json!({}), async |sso| {
        let mut browser = signed_in(&sso).await;
        let page = browser.get(&sso, 0, "/account/factors").await;
        let (_, secret) = super::factors::offered(&page);
        let code = sso.code_of(&secret);
        send(&mut browser, &sso, "/factors", &page, &[("code", &code), ("label", "My phone")]).await;
        let page = browser.get(&sso, 0, "/account/export").await;
        let file = send(&mut browser, &sso, "/export", &page, &[]).await;
        assert_eq!(file.headers["content-disposition"], "attachment; filename=\"account.json\"");
        let exported: serde_json::Value = serde_json::from_str(&file.html).unwrap();
        assert_eq!(exported["user"]["email"], EMAIL);
        let sign_on = &exported["sign_on"];
        assert_eq!(sign_on["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(sign_on["sessions"][0]["methods"][0], "pwd");
        let factors = sign_on["factors"].as_array().unwrap();
        let has = |kind: &str, label: serde_json::Value| {
            factors.iter().any(|factor| factor["kind"] == kind && factor["label"] == label)
        };
        assert!(has("totp", "My phone".into()) && has("recovery", serde_json::Value::Null), "{sign_on}");
        assert_eq!((&sign_on["consents"], &sign_on["logins"]), (&json!([]), &json!([])));
        assert!(exported["audit"].as_array().unwrap().iter().any(|row| row["event"] == "exported"), "{exported}");
        let file = send(&mut browser, &sso, "/export", &page, &[("as", "page")]).await;
        assert_eq!(file.headers["content-disposition"], "attachment; filename=\"account.html\"");
        assert!(
            file.html.contains(EMAIL) && file.html.contains("My phone") && !file.html.contains("<form"),
            "{}",
            file.html
        );
        // An operator holds the person for a while.
        let id: UserId = exported["user"]["id"].as_str().unwrap().parse().unwrap();
        let (people, reason) = (sso.d.world.regions[0].people(), Reason::new("case 4711".to_owned()).unwrap());
        let actor = Actor::Operator { command: "user hold".to_owned(), by: Some("legal".to_owned()) };
        let until = sso.d.world.clock.now().plus(Millis::DAY_MS);
        people.set_hold(id, Word::Hold { until, reason: &reason }, "legal", &actor).await.unwrap();
        let page = browser.get(&sso, 0, "/account/erase").await;
        let page = send(&mut browser, &sso, "/erase", &page, &[("word", "erase")]).await;
        let day = until.date().unwrap();
        assert!(
            page.html.contains("role=\"alert\"") && page.html.contains(&day) && !page.html.contains("4711"),
            "{}",
            page.html
        );
        people.set_hold(id, Word::Release, "legal", &actor).await.unwrap();
        let page = browser.get(&sso, 0, "/account/erase?lang=fr").await;
        let page = send(&mut browser, &sso, "/erase", &page, &[("word", "oui")]).await;
        assert!(page.html.contains("lang=\"fr\"") && page.html.contains("role=\"alert\""), "{}", page.html);
        let page = send(&mut browser, &sso, "/erase", &page, &[("word", "Effacer")]).await;
        assert_eq!((page.title(), browser.session()), ("Votre compte est effacé", None));
        assert_ne!(sso.d.call(0, "lookup", json!({ "email": EMAIL })).await.status, 200);
    });
}

#[test]
fn a_page_speaks_the_language_that_the_person_chose_or_the_client_asks_for() {
    sign_in_story(1908, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[("ui_locales", "de pt-MZ en")]).await;
        assert!(page.html.contains("<html lang=\"pt\" dir=\"ltr\">"), "{}", page.html);
        // A choice on the page keeps what the person has typed, signs no one in, and stays.
        let step = page.step();
        let fields = [("step", step.as_str()), ("identifier", EMAIL), ("password", PASSWORD), ("lang", "ar")];
        let page = browser.post(&sso, 0, "/login", &fields).await;
        assert!(page.html.contains("<html lang=\"ar\" dir=\"rtl\">") && page.html.contains(EMAIL), "{}", page.html);
        assert_eq!((browser.session(), browser.cookie("__Host-umoja_language")), (None, Some("ar")));
        let page = browser.authorize(&sso, 0, &[("ui_locales", "pt")]).await;
        assert!(page.html.contains("dir=\"rtl\""));
        let page = browser.get(&sso, 0, "/oauth2/authorize?client_id=unknown").await;
        assert!(page.status == 400 && page.html.contains("lang=\"ar\""), "{}", page.html);
        // What a client sends beside its id is no choice of the person.
        let page = browser.authorize(&sso, 0, &[("lang", "sw")]).await;
        assert!(page.html.contains("lang=\"ar\""));
    });
}
