//! The sign-in of a person with a browser. Names in comments are those of the modules of the OpenID Foundation's conformance suite.

use serde_json::json;

use super::browser::{Browser, CALLBACK, CHALLENGE, EMAIL, PASSWORD, web};
use super::{Sso, story};

/// A deployment with a person and a client into which it signs in.
pub(super) fn sign_in_story(seed: u64, client: serde_json::Value, body: impl AsyncFnOnce(Sso)) {
    story(seed, async move |mut sso| {
        sso.d.register(0, EMAIL, PASSWORD).await.ok(201);
        sso.d.world.settle().await;
        sso.put(web(&client)).await;
        sso.restart();
        body(sso).await;
    });
}

// oidcc-server
#[test]
fn a_person_signs_in_and_the_client_gets_a_code() {
    sign_in_story(1731, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        assert_eq!((page.status, page.title()), (200, "Sign in"));
        let answer = browser.sign_in(&sso, 0, &page, PASSWORD).await;
        assert_eq!(answer.answer("state").as_deref(), Some("s1"));
        let code = answer.code(&sso);
        assert_eq!((code.region.as_str(), code.client.as_str()), ("af-south-1", "web"));
        assert_eq!((code.challenge.as_str(), code.nonce.as_deref()), (CHALLENGE, Some("n1")));
        assert_eq!(code.scopes, ["email", "openid"].map(str::to_owned).into());
        assert_eq!((code.signed_in.auth_time, &code.signed_in.amr), (sso.now(), &vec!["pwd".to_owned()]));
        assert_eq!(code.expires_at.secs(), sso.now() + 60);
        assert_eq!(code.session_expires_at.secs(), sso.now() + 12 * 60 * 60);
        assert!(!code.min_version.is_empty());
        let location = answer.location();
        assert!(location.starts_with(CALLBACK) && !location.contains("ada"), "{location}");
    });
}

#[test]
fn every_step_may_be_in_another_region() {
    sign_in_story(1732, json!({ "first_party": false }), async |sso| {
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        let page = browser.sign_in(&sso, 1, &page, PASSWORD).await;
        assert_eq!(page.title(), "Allow access");
        let step = page.step();
        let answer = browser.post(&sso, 0, "/consent", &[("step", &step), ("answer", "allow")]).await;
        // The session began in the other region, and its row has not arrived here.
        assert_eq!(answer.code(&sso).region.as_str(), "af-south-1");
    });
}

// oidcc-prompt-none-not-logged-in, oidcc-prompt-none-logged-in
#[test]
fn without_a_page_a_client_learns_whether_the_person_is_signed_in() {
    sign_in_story(1733, json!({}), async |sso| {
        let mut browser = Browser::default();
        let none = browser.authorize(&sso, 0, &[("prompt", "none")]).await;
        assert_eq!(none.error().as_deref(), Some("login_required"));
        assert_eq!(none.answer("state").as_deref(), Some("s1"));
        let first = browser.whole(&sso, 0, &[]).await.code(&sso);
        sso.d.world.settle().await;
        let second = browser.authorize(&sso, 1, &[("prompt", "none")]).await.code(&sso);
        assert_eq!((second.session, second.signed_in), (first.session, first.signed_in));
        assert_eq!((second.user, second.region.as_str()), (first.user, "eu-west-1"));
        assert_ne!(second.jti, first.jti);
    });
}

// oidcc-prompt-login, oidcc-max-age-1, oidcc-max-age-10000, oidcc-display-page
#[test]
fn a_person_signs_in_again_where_the_client_wants_it() {
    sign_in_story(1734, json!({}), async |sso| {
        let mut browser = Browser::default();
        let first = browser.whole(&sso, 0, &[]).await.code(&sso);
        sso.d.world.clock.advance(30_000);
        for asked in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "1"), ("max_age", "0")] {
            let page = browser.authorize(&sso, 0, &[asked]).await;
            assert_eq!(page.title(), "Sign in", "{asked:?}");
            let mut other = browser.clone();
            let again = other.sign_in(&sso, 0, &page, PASSWORD).await.code(&sso);
            assert_eq!(again.signed_in.auth_time, sso.now());
            assert_ne!(again.session, first.session);
        }
        let same = browser.authorize(&sso, 0, &[("max_age", "10000"), ("display", "page")]).await.code(&sso);
        assert_eq!((same.session, same.signed_in.auth_time), (first.session, first.signed_in.auth_time));
    });
}

// oidcc-server (response_mode form_post), oidcc-ensure-post-request-succeeds
#[test]
fn a_client_may_use_forms_in_both_directions() {
    sign_in_story(1735, json!({}), async |sso| {
        let mut browser = Browser::default();
        browser.whole(&sso, 0, &[]).await.code(&sso);
        // The form of another site comes without cookies. The browser is sent here again, and no person is to be read from the URL.
        let fields = [
            ("client_id", "web"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("login_hint", EMAIL),
            ("state", "\"<s>"),
            ("response_mode", "form_post"),
        ];
        let page = Browser::default().post(&sso, 1, "/oauth2/authorize", &fields).await;
        let url = page.location().to_owned();
        assert!(url.starts_with("https://login.example/oauth2/authorize?client_id=web&request_uri=urn"), "{url}");
        assert!(!url.contains("ada") && page.headers.get("set-cookie").is_none());
        let page = browser.get(&sso, 0, &url).await;
        assert_eq!((page.status, page.title()), (200, "Continue"));
        assert!(page.html.contains(&format!("action=\"{CALLBACK}\"")), "{}", page.html);
        assert_eq!((page.field("state").as_str(), page.field("iss").as_str()), ("&quot;&lt;s&gt;", super::ISSUER));
        assert!(page.field("code").len() > 100);
        // A form that is wrong is answered at once.
        let page = Browser::default().post(&sso, 1, "/oauth2/authorize", &fields[..6]).await;
        assert_eq!(page.status, 303);
        let page = Browser::default().post(&sso, 1, "/oauth2/authorize", &fields[..4]).await;
        assert_eq!(page.error().as_deref(), Some("invalid_request"));
        // Nor does one that is too large for a URL get a page, whose cookie would take the place of the browser's own.
        let large = "x".repeat(7_000);
        let fields = [&fields[..6], &[("id_token_hint", large.as_str())]].concat();
        let page = Browser::default().post(&sso, 1, "/oauth2/authorize", &fields).await;
        assert_eq!(page.error().as_deref(), Some("invalid_request"));
        assert!(page.headers.get("set-cookie").is_none());
    });
}

// oidcc-ensure-registered-redirect-uri, oidcc-ensure-request-object-with-redirect-uri, oidcc-response-type-missing
#[test]
fn a_fault_is_a_page_until_the_address_is_known_and_then_an_answer() {
    sign_in_story(1736, json!({}), async |sso| {
        let mut browser = Browser::default();
        for wrong in [
            [("redirect_uri", "https://evil.example/")],
            [("redirect_uri", "https://shop.example/callback/..")],
            [("redirect_uri", "")],
            [("client_id", "unknown")],
            [("client_id", "")],
            // A client without codes has no address either.
            [("client_id", "till")],
        ] {
            let page = browser.authorize(&sso, 0, &wrong).await;
            assert_eq!((page.status, page.title()), (400, "This link does not work"), "{wrong:?}");
            assert!(page.headers.get("location").is_none());
        }
        for (name, value, error) in [
            ("response_type", "token", "unsupported_response_type"),
            ("scope", "admin", "invalid_scope"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("request", "eyJ", "request_not_supported"),
            ("request_uri", "https://shop.example/r", "request_uri_not_supported"),
            ("id_token_hint", "eyJ", "invalid_request"),
        ] {
            let page = browser.authorize(&sso, 0, &[(name, value)]).await;
            assert_eq!(page.error().as_deref(), Some(error), "{name}");
        }
        let twice = browser.get(&sso, 0, &format!("/oauth2/authorize?{}&state=x", super::browser::request(&[]))).await;
        assert_eq!(twice.status, 400);
    });
}

#[test]
fn a_name_is_an_address_a_number_or_a_user_name() {
    sign_in_story(1737, json!({}), async |sso| {
        let person = json!({ "email": "bob@example.com", "phone_number": "+254712345678", "username": "bob.k",
            "password": PASSWORD, "email_verified": true, "phone_number_verified": true });
        sso.d.call(0, "register", person).await.ok(201);
        for (name, is_known) in [
            ("bob@example.com", true),
            (" BOB@example.com ", true),
            ("+254 712 345678", true),
            ("bob.k", true),
            ("bob", false),
            ("", false),
            ("bob@", false),
        ] {
            let mut browser = Browser::default();
            let step = browser.authorize(&sso, 0, &[]).await.step();
            let fields = [("step", step.as_str()), ("identifier", name), ("password", PASSWORD)];
            let page = browser.post(&sso, 0, "/login", &fields).await;
            assert_eq!(page.status == 303, is_known, "{name}: {}", page.html);
        }
    });
}
