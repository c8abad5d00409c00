//! A person who changes its factors or ends its other sessions: what began elsewhere meanwhile ends too, and the browser stays signed in.

use serde_json::json;

use super::account::{self, send};
use super::authorize::sign_in_story;
use super::browser::{self, Browser, Page};
use super::factors::offered;
use super::people::{VERIFIER, redeeming};
use super::{Got, Sso};

const OFFLINE: [(&str, &str); 1] = [("scope", "openid offline_access")];

/// Whether a region finds the person of a browser signed in.
async fn is_signed_in(sso: &Sso, browser: &Browser, at: usize) -> bool {
    browser.clone().authorize(sso, at, &[("prompt", "none")]).await.error().is_none()
}

/// What a client gets by the answer of a page.
async fn tokens(sso: &Sso, at: usize, page: &Page) -> Got {
    let code = page.answer("code").unwrap();
    let got = sso.ask(at, "web", &[], &redeeming(&code, browser::CALLBACK, VERIFIER)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    got
}

fn cut(sso: &Sso, is_cut: bool) {
    sso.d.world.set_cut(0, 1, is_cut);
    sso.d.world.set_cut(1, 0, is_cut);
}

/// What a person does in its browser, at the first region.
enum Does {
    EndsOthers,
    AddsAnApplication,
    DrawsCodes,
}

async fn add_application(sso: &Sso, browser: &mut Browser) {
    let page = browser.get(sso, 0, "/account/factors").await;
    let (_, secret) = offered(&page);
    let code = secret.code(sso.now() / 30);
    let page = send(browser, sso, "/factors", &page, &[("code", &code), ("label", "My phone")]).await;
    assert!(page.html.contains("My phone"), "{}", page.html);
}

async fn act(sso: &Sso, browser: &mut Browser, does: &Does) {
    match does {
        Does::EndsOthers => {
            let page = browser.get(sso, 0, "/account/sessions").await;
            let page = send(browser, sso, "/sessions", &page, &[("end", "others")]).await;
            assert_eq!(page.html.matches("class=\"card\"").count(), 1, "{}", page.html);
        }
        Does::AddsAnApplication => add_application(sso, browser).await,
        Does::DrawsCodes => {
            let page = browser.get(sso, 0, "/account/factors").await;
            let page = send(browser, sso, "/factors", &page, &[("codes", "new")]).await;
            assert_eq!(page.html.matches("class=\"code\"").count(), 11, "{}", page.html);
        }
    }
}

// ASVS 5.0 requirement 7.4.3
/// Failure: a person changes its factors or ends its other sessions while a region is cut off
#[test]
fn who_ends_the_others_or_changes_the_factors_is_the_only_one_signed_in_once_every_region_has_heard() {
    let cases = [(1831, Does::EndsOthers), (1832, Does::AddsAnApplication), (1833, Does::DrawsCodes)];
    for (seed, does) in cases {
        sign_in_story(seed, json!({ "require_mfa": "never" }), async |sso| {
            let mut owner = account::signed_in(&sso).await;
            if let Does::DrawsCodes = does {
                // Who has no factor has no recovery codes.
                add_application(&sso, &mut owner).await;
            }
            let page = owner.authorize(&sso, 0, &[]).await;
            let own = tokens(&sso, 0, &page).await;
            let page = owner.authorize(&sso, 0, &OFFLINE).await;
            let former = tokens(&sso, 0, &page).await;
            sso.d.world.settle().await;
            cut(&sso, true);
            let mut thief = Browser::default();
            let page = thief.whole(&sso, 1, &OFFLINE).await;
            let stolen = tokens(&sso, 1, &page).await;
            act(&sso, &mut owner, &does).await;
            assert!(is_signed_in(&sso, &thief, 1).await && sso.accepts(1, "web", &stolen).await, "it has not heard");
            // What outlives its session begins in the session that was spared.
            let page = owner.authorize(&sso, 0, &OFFLINE).await;
            let offline = tokens(&sso, 0, &page).await;
            cut(&sso, false);
            sso.d.world.settle().await;
            for at in [0, 1] {
                assert!(!is_signed_in(&sso, &thief, at).await && !sso.accepts(at, "web", &stolen).await);
                assert!(is_signed_in(&sso, &owner, at).await && sso.accepts(at, "web", &own).await);
                assert!(!sso.accepts(at, "web", &former).await, "it would outlive the session");
                assert!(sso.accepts(at, "web", &offline).await);
            }
        });
    }
}

#[test]
fn the_clients_of_the_browser_hear_of_no_logout_and_those_of_the_others_do() {
    let changes = json!({ "require_mfa": "never", "backchannel_logout_uri": "https://web.example/logout" });
    sign_in_story(1834, changes, async |sso| {
        let (mut owner, mut other) = (account::signed_in(&sso).await, Browser::default());
        for browser in [&mut owner, &mut other] {
            let page = browser.authorize(&sso, 0, &[]).await;
            let page = if page.status == 303 { page } else { browser.sign_in(&sso, 0, &page, browser::PASSWORD).await };
            tokens(&sso, 0, &page).await;
        }
        sso.d.world.settle().await;
        act(&sso, &mut owner, &Does::AddsAnApplication).await;
        let mut accepted = 0;
        for _ in 0..4 {
            accepted += sso.logouts(0).step().await.unwrap().accepted;
            sso.d.world.clock.advance(61_000);
        }
        assert_eq!((accepted, sso.hook.take().len()), (1, 1));
        assert!(is_signed_in(&sso, &owner, 0).await);
    });
}
