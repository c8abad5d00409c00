//! What a person lets a client have.

use serde_json::json;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK, PASSWORD, Page};
use super::people::{VERIFIER, redeeming};

const ASKS: fn() -> serde_json::Value = || json!({ "first_party": false });

async fn decide(browser: &mut Browser, sso: &Sso, at: usize, page: &Page, answer: &str) -> Page {
    assert_eq!(page.title(), "Allow access", "{}", page.html);
    let step = page.step();
    browser.post(sso, at, "/consent", &[("step", &step), ("answer", answer)]).await
}

#[test]
fn consent_is_asked_once_and_again_for_more() {
    sign_in_story(1741, ASKS(), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[("scope", "openid")]).await;
        assert!(page.html.contains("<li>who you are here") && !page.html.contains("e-mail address</li>"));
        decide(&mut browser, &sso, 0, &page, "allow").await.code(&sso);
        sso.d.world.settle().await;
        browser.authorize(&sso, 1, &[("scope", "openid"), ("prompt", "none")]).await.code(&sso);
        let more = browser.authorize(&sso, 1, &[("prompt", "none")]).await;
        assert_eq!(more.error().as_deref(), Some("consent_required"));
        let page = browser.authorize(&sso, 1, &[]).await;
        assert!(page.html.contains("<li>your e-mail address</li>"));
        decide(&mut browser, &sso, 1, &page, "allow").await.code(&sso);
        let again = browser.authorize(&sso, 1, &[("prompt", "consent")]).await;
        decide(&mut browser, &sso, 1, &again, "allow").await.code(&sso);
    });
}

/// RFC 8252 section 8.6.
#[test]
fn a_program_of_others_on_the_device_of_a_person_gets_no_code_silently() {
    let changes = json!({
        "first_party": false, "kind": "public", "token_endpoint_auth_method": "none", "secrets": [],
        "redirect_uris": ["http://127.0.0.1:*/cb", "com.shop.app:/cb", super::browser::CALLBACK],
    });
    sign_in_story(1744, changes, async |sso| {
        let mut browser = Browser::default();
        for uri in ["http://127.0.0.1:5000/cb", "com.shop.app:/cb"] {
            for round in 0..2 {
                let fields = [("redirect_uri", uri)];
                let page = browser.authorize(&sso, 0, &fields).await;
                let page =
                    if page.title() == "Sign in" { browser.sign_in(&sso, 0, &page, PASSWORD).await } else { page };
                let answer = decide(&mut browser, &sso, 0, &page, "allow").await;
                assert!(answer.location().starts_with(&format!("{uri}?code=")), "{round}: {}", answer.location());
                let none = browser.authorize(&sso, 0, &[("redirect_uri", uri), ("prompt", "none")]).await;
                assert!(none.location().contains("error=consent_required"), "{}", none.location());
            }
        }
        // At its own address it is asked once.
        browser.authorize(&sso, 0, &[]).await.code(&sso);
    });
}

#[test]
fn a_person_may_reject_and_withdraw() {
    sign_in_story(1742, ASKS(), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let rejected = decide(&mut browser, &sso, 0, &page, "reject").await;
        assert_eq!(rejected.error().as_deref(), Some("access_denied"));
        // The person is signed in all the same, and is asked again.
        let page = browser.authorize(&sso, 0, &[]).await;
        let code = decide(&mut browser, &sso, 0, &page, "allow").await.code(&sso);
        browser.authorize(&sso, 0, &[]).await.code(&sso);
        sso.d.world.regions[0].people().withdraw(code.user, "web").await.unwrap();
        let page = browser.authorize(&sso, 0, &[]).await;
        decide(&mut browser, &sso, 0, &page, "allow").await.code(&sso);
    });
}

#[test]
fn a_sign_in_gives_a_client_that_asks_for_nothing_what_was_withdrawn() {
    sign_in_story(1744, json!({}), async |sso| {
        let mut browser = Browser::default();
        let before = browser.whole(&sso, 0, &[]).await;
        let (user, scopes) = (before.code(&sso).user, before.code(&sso).scopes);
        let redeem = async |page: Page| {
            let code = page.answer("code").unwrap();
            sso.ask(0, "web", &[], &redeeming(&code, CALLBACK, VERIFIER)).await
        };
        let before = redeem(before).await;
        let people = sso.d.world.regions[0].people();
        people.consent(user, "web", &scopes).await.unwrap();
        people.withdraw(user, "web").await.unwrap();
        assert!(!sso.accepts(0, "web", &before).await);
        let after = redeem(browser.authorize(&sso, 0, &[]).await).await;
        assert!(sso.accepts(0, "web", &after).await, "{:?}", after.body);
        sso.d.world.settle().await;
        assert!(sso.accepts(1, "web", &after).await && !sso.accepts(1, "web", &before).await);
    });
}

#[test]
fn only_who_saw_the_page_can_consent() {
    sign_in_story(1743, ASKS(), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let step = page.step();
        let fields = [("step", step.as_str()), ("answer", "allow")];
        // Another browser, and one without its session.
        let stranger = Browser::default().post(&sso, 0, "/consent", &fields).await;
        assert_eq!((stranger.status, stranger.title()), (400, "This link does not work"));
        let mut without = browser.clone();
        without.set_cookie("__Host-umoja_sso", "x");
        assert_eq!(without.post(&sso, 0, "/consent", &fields).await.title(), "Sign in");
        // Another person has signed in with the same browser since.
        sso.d.register(0, "bob@example.com", PASSWORD).await.ok(201);
        let other = browser.authorize(&sso, 0, &[("prompt", "login")]).await.step();
        let login = [("step", other.as_str()), ("identifier", "bob@example.com"), ("password", PASSWORD)];
        assert_eq!(browser.post(&sso, 0, "/login", &login).await.title(), "Allow access");
        let page = browser.post(&sso, 0, "/consent", &fields).await;
        assert_eq!(page.title(), "Allow access");
        let of_bob = page.step();
        let bob = decide(&mut browser, &sso, 0, &page, "allow").await.code(&sso).user;
        let ada = sso.d.call(0, "lookup", json!({ "email": super::browser::EMAIL })).await.id().parse().unwrap();
        let people = sso.d.world.regions[0].people();
        for (user, count) in [(bob, 2), (ada, 0)] {
            let standing = umoja_accounts::access::Standing::read(&people, user).await.unwrap().unwrap();
            assert_eq!(standing.granted("web").len(), count);
        }
        // Neither the page of the sign-in nor a word that is on no button is a consent.
        for (step, answer) in [(other.as_str(), "allow"), (of_bob.as_str(), "perhaps")] {
            let page = browser.post(&sso, 0, "/consent", &[("step", step), ("answer", answer)]).await;
            assert_ne!(page.status, 303);
        }
    });
}
