//! Logouts that a client or a person begins. Names in comments are those of the modules of the OpenID Foundation's conformance suite.

use serde_json::json;
use umoja_crypto::jws::sign_jwt;
use umoja_schema::{Millis, OidcAlgorithm};
use umoja_store::oidc_keys::OidcKeys;

use super::authorize::sign_in_story;
use super::browser::{Browser, form};
use super::{ISSUER, Sso};

const BYE: &str = "https://shop.example/bye";

/// An id token of a session, as its client calls it.
async fn id_token(sso: &Sso, session: &str, changes: &[(&str, &str)]) -> String {
    let region = &sso.d.world.regions[1];
    let keys = OidcKeys::load(&*region.home.registry, region.secrets(), Millis(sso.now() * 1000)).await.unwrap();
    let sid = region.secrets().session_name(session, "web");
    let mut claims = json!({ "iss": ISSUER, "sub": "s", "aud": "web", "sid": sid, "iat": 1, "exp": 2 });
    for (name, value) in changes {
        claims[*name] = json!(value);
    }
    sign_jwt(keys.signer(OidcAlgorithm::Es256), "JWT", &claims)
}

fn url(fields: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", form(fields))
}

async fn is_signed_in(sso: &Sso, browser: &Browser) -> bool {
    browser.clone().authorize(sso, 0, &[("prompt", "none")]).await.error().is_none()
}

// oidcc-rp-initiated-logout, oidcc-rp-initiated-logout-no-state
#[test]
fn a_client_ends_the_session_of_its_id_token_and_gets_the_browser_back() {
    sign_in_story(1781, json!({}), async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.code(&sso);
        let token = id_token(&sso, &code.session, &[]).await;
        let stolen = browser.clone();
        let fields = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", BYE), ("state", "a b")];
        let page = browser.get(&sso, 0, &url(&fields)).await;
        assert_eq!(page.location(), "https://shop.example/bye?state=a%20b");
        assert_eq!(browser.session(), None);
        // The session has ended, and not the cookie alone; elsewhere once the end has arrived.
        assert!(!is_signed_in(&sso, &stolen).await);
        sso.d.world.settle().await;
        let there = stolen.clone().authorize(&sso, 1, &[("prompt", "none")]).await;
        assert_eq!(there.error().as_deref(), Some("login_required"));
        // To end it again does nothing.
        let page = browser.get(&sso, 1, &url(&fields[..2])).await;
        assert_eq!(page.location(), BYE);
    });
}

// oidcc-rp-initiated-logout (POST)
#[test]
fn a_client_may_end_a_session_by_a_form() {
    sign_in_story(1782, json!({}), async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.code(&sso);
        let token = id_token(&sso, &code.session, &[]).await;
        // The form of another site comes without cookies.
        let fields = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
        let page = Browser::default().post(&sso, 1, "/oauth2/logout", &fields).await;
        let location = page.location().to_owned();
        assert!(location.starts_with("https://login.example/oauth2/logout?form="), "{} {location}", page.status);
        let page = browser.get(&sso, 0, &location).await;
        assert_eq!(page.location(), "https://shop.example/bye?state=s");
        assert!(browser.session().is_none());
        sso.d.world.clock.advance(60_000);
        assert_eq!(browser.get(&sso, 0, &location).await.status, 400);
    });
}

// A form of another site comes without the session, so it must not take the cookie away and leave the session alive.
#[test]
fn a_form_that_is_too_long_signs_no_browser_out() {
    sign_in_story(1786, json!({}), async |sso| {
        let mut browser = Browser::default();
        browser.whole(&sso, 0, &[]).await;
        let state = "x".repeat(7_000);
        let page = Browser::default().post(&sso, 0, "/oauth2/logout", &[("state", &state)]).await;
        assert_eq!(page.status, 400);
        assert!(page.headers.get("set-cookie").is_none());
        assert!(is_signed_in(&sso, &browser).await);
    });
}

// oidcc-rp-initiated-logout-no-params, -no-id-token-hint, -modified-id-token-hint, -bad-id-token-hint, -only-state
#[test]
fn without_a_genuine_token_of_the_session_the_person_is_asked() {
    sign_in_story(1783, json!({}), async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.code(&sso);
        let own = id_token(&sso, &code.session, &[]).await;
        let other = id_token(&sso, "other", &[]).await;
        let foreign = id_token(&sso, &code.session, &[("iss", "https://other.example")]).await;
        // What no client calls the session, or another client does.
        let plain = id_token(&sso, "", &[("sid", &code.session)]).await;
        let of_another = sso.d.world.regions[0].secrets().session_name(&code.session, "till");
        let of_another = id_token(&sso, "", &[("sid", &of_another)]).await;
        let tampered = own.replace('.', ".e");
        for (fields, to) in [
            (vec![], None),
            (vec![("state", "s")], None),
            (vec![("client_id", "web"), ("post_logout_redirect_uri", BYE)], Some(BYE)),
            (vec![("id_token_hint", other.as_str()), ("post_logout_redirect_uri", BYE)], Some(BYE)),
            (vec![("id_token_hint", plain.as_str()), ("post_logout_redirect_uri", BYE)], Some(BYE)),
            (vec![("id_token_hint", of_another.as_str()), ("post_logout_redirect_uri", BYE)], Some(BYE)),
            (vec![("id_token_hint", foreign.as_str()), ("post_logout_redirect_uri", BYE)], None),
            (vec![("id_token_hint", tampered.as_str()), ("post_logout_redirect_uri", BYE)], None),
            (vec![("id_token_hint", own.as_str()), ("client_id", "till"), ("post_logout_redirect_uri", BYE)], None),
        ] {
            let page = browser.get(&sso, 0, &url(&fields)).await;
            assert_eq!((page.status, page.title()), (200, "Sign out"), "{fields:?}");
            assert!(is_signed_in(&sso, &browser).await);
            // A link of another site cannot answer for the person.
            let step = page.step();
            let stranger = Browser::default().post(&sso, 0, "/oauth2/logout", &[("step", &step)]).await;
            assert_eq!(stranger.status, 400);
            let mut leaving = browser.clone();
            let page = leaving.post(&sso, 1, "/oauth2/logout", &[("step", &step)]).await;
            assert_eq!(page.headers.get("location").map(|to| to.to_str().unwrap()), to, "{fields:?}");
            assert!(leaving.session().is_none());
            // The next one begins with a session again.
            sso.d.world.settle().await;
            browser.whole(&sso, 0, &[]).await.code(&sso);
        }
    });
}

// oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri, -no-post-logout-redirect-uri
#[test]
fn no_browser_is_sent_to_an_address_that_is_not_registered() {
    sign_in_story(1784, json!({}), async |sso| {
        for to in
            ["https://evil.example/", "https://shop.example/bye?a=1", "https://shop.example/bye/", "//evil.example", ""]
        {
            let mut browser = Browser::default();
            let code = browser.whole(&sso, 0, &[]).await.code(&sso);
            let token = id_token(&sso, &code.session, &[]).await;
            let page = browser.get(&sso, 0, &url(&[("id_token_hint", &token), ("post_logout_redirect_uri", to)])).await;
            assert_eq!((page.status, page.title()), (200, "You are signed out"), "{to}");
            assert!(browser.session().is_none());
        }
    });
}

#[test]
fn who_is_not_signed_in_is_signed_out() {
    sign_in_story(1785, json!({}), async |sso| {
        let mut browser = Browser::default();
        assert_eq!(browser.get(&sso, 0, "/oauth2/logout").await.title(), "You are signed out");
        browser.set_cookie("__Host-umoja_sso", "x");
        assert_eq!(browser.get(&sso, 0, "/oauth2/logout").await.title(), "You are signed out");
        assert!(browser.session().is_none());
        // A person that was erased has nothing left to end.
        let user = browser.whole(&sso, 0, &[]).await.code(&sso).user;
        sso.d.call(0, "erase", json!({ "id": user })).await;
        let page = browser.get(&sso, 0, "/oauth2/logout").await;
        let page = browser.post(&sso, 0, "/oauth2/logout", &[("step", &page.step())]).await;
        assert_eq!(page.title(), "You are signed out");
    });
}

#[test]
fn a_page_that_leads_nowhere_is_read_in_another_language_and_repeats_nothing_of_the_request() {
    sign_in_story(1709, json!({}), async |sso| {
        for (path, reason) in [
            ("/oauth2/authorize?client_id=unknown&state=a-secret", "unknown_client"),
            ("/oauth2/authorize?client_id=web&redirect_uri=https%3A%2F%2Felsewhere.example", "redirect_uri"),
            ("/login?state=a-secret", "no_page"),
        ] {
            let mut browser = Browser::default();
            let page = browser.get(&sso, 0, path).await;
            let link = format!("/stopped?reason={reason}");
            assert!(page.html.contains(&format!("href=\"{link}&amp;lang=fr\"")), "{}", page.html);
            assert!(!page.html.contains("a-secret") && !page.html.contains("elsewhere"));
            let again = browser.get(&sso, 1, &format!("{link}&lang=fr")).await;
            assert!(again.html.contains("lang=\"fr\"") && again.status == page.status);
            assert_eq!(again.html.matches("role=\"alert\"").count(), 1);
            // The language stays.
            assert!(browser.get(&sso, 0, path).await.html.contains("<html lang=\"fr\""));
        }
        let mut browser = Browser::default();
        let page = browser.get(&sso, 0, "/stopped?reason=%3Cb%3E&lang=xx").await;
        assert!(page.status == 405 && !page.html.contains("&lt;b"));
    });
}
