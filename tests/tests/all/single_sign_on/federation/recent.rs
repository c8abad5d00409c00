//! How long ago a person signed in at the provider.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::browser::Browser;
use super::super::people::{VERIFIER, redeeming};
use super::super::{SECRET, basic};
use super::{PASSWORD, SET, Two, two};

const MINUTE: u64 = 60_000;

/// Whether a page of the account that needs a recent sign-in lets the person in.
async fn is_let_in(two: &Two, browser: &mut Browser) -> bool {
    let page = browser.get(&two.here, 0, "/account/export?company=shop").await;
    assert_eq!(page.status, 200);
    !page.html.contains("name=\"identifier\"")
}

#[test]
fn a_session_at_the_provider_is_as_old_here_as_it_is_there() {
    two(1830, SET, async |two| {
        let mut at_theirs = Browser::default();
        two.whole_as(&mut Browser::default(), &mut at_theirs, &[]).await.code(&two.here);
        let signed_in_at = two.there.now();
        two.here.d.world.settle().await;
        let mut browser = Browser::default();
        assert!(!is_let_in(&two, &mut browser).await);
        two.whole_as(&mut browser, &mut at_theirs, &[]).await.code(&two.here);
        assert!(is_let_in(&two, &mut browser).await);
        two.advance(20 * MINUTE);
        let mut browser = Browser::default();
        let page = two.whole_as(&mut browser, &mut at_theirs, &[]).await;
        assert_eq!(page.code(&two.here).signed_in.auth_time, signed_in_at);
        assert!(!is_let_in(&two, &mut browser).await);
        // Another region takes the code before it has the session, however long ago the person signed in.
        let code = page.answer("code").unwrap();
        let form = redeeming(&code, "https%3A%2F%2Fshop.example%2Fcallback", VERIFIER);
        let got = two.here.post(1, "/oauth2/token", &[("authorization", &basic("web", SECRET))], &form).await;
        assert_eq!(got.status, 200, "{}", got.body);
        // Who signs in again there is recent here.
        let page = two.whole_as(&mut browser, &mut at_theirs, &[("prompt", "login")]).await;
        assert_eq!(page.code(&two.here).signed_in.auth_time, two.there.now());
        assert!(is_let_in(&two, &mut browser).await);
    });
}

#[test]
fn a_provider_that_does_not_say_when_makes_no_recent_sign_in() {
    two(1831, SET, async |two| {
        two.says(|claims| drop(claims.as_object_mut().unwrap().remove("auth_time"))).await;
        let mut browser = Browser::default();
        let page = two.whole(&mut browser).await;
        assert_eq!(page.code(&two.here).signed_in.auth_time, 0);
        assert!(!is_let_in(&two, &mut browser).await);
        // The id token says nothing of it.
        let code = page.answer("code").unwrap();
        let form = redeeming(&code, "https%3A%2F%2Fshop.example%2Fcallback", VERIFIER);
        let got = two.here.post(0, "/oauth2/token", &[("authorization", &basic("web", SECRET))], &form).await;
        let claims = got.text("id_token").split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert!(claims.get("auth_time").is_none() && claims["amr"] == serde_json::json!(["fed"]), "{claims}");
        // A client that wants an age gets no answer without a page.
        let none = browser.authorize(&two.here, 0, &[("max_age", "999999999"), ("prompt", "none")]).await;
        assert_eq!(none.error().as_deref(), Some("login_required"));
    });
}

#[test]
fn who_has_to_sign_in_and_did_not_there_may_use_its_password() {
    for changes in [[("prompt", "login")], [("max_age", "0")]] {
        two(1832, SET, async move |two| {
            let long_ago = two.there.now() - 20 * 60;
            for auth_time in [Value::from(long_ago), Value::Null] {
                two.says(move |claims| claims["auth_time"] = auth_time.clone()).await;
                let mut browser = Browser::default();
                let page = two.whole_as(&mut browser, &mut Browser::default(), &changes).await;
                assert!(page.html.contains("does not say that you have just signed in"), "{}", page.html);
                assert!(browser.session().is_none());
                browser.sign_in(&two.here, 0, &page, PASSWORD).await.code(&two.here);
            }
        });
    }
}

#[test]
fn a_second_factor_here_leaves_the_time_of_the_provider() {
    two(1833, SET, async |two| {
        let mut at_theirs = Browser::default();
        two.whole_as(&mut Browser::default(), &mut at_theirs, &[]).await.code(&two.here);
        two.here.d.world.settle().await;
        let signed_in_at = two.there.now();
        let secret = two.here.totp(0).await;
        two.advance(20 * MINUTE);
        let mut browser = Browser::default();
        let page = two.whole_as(&mut browser, &mut at_theirs, &[]).await;
        assert!(browser.session().is_none());
        let page = browser.code(&two.here, 0, &page, &two.here.code_of(&secret)).await;
        let code = page.code(&two.here);
        assert_eq!((code.signed_in.auth_time, &*code.signed_in.amr[0]), (signed_in_at, "fed"));
        assert!(!is_let_in(&two, &mut browser).await);
    });
}
