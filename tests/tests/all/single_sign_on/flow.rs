//! The whole way: a browser signs in at one region, and its client talks to the other.

use serde_json::json;

use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK, EMAIL, form};
use super::people::{SignedUp, VERIFIER, redeeming};
use super::story;

// oidcc-server, oidcc-refresh-token, oidcc-rp-initiated-logout
#[test]
fn a_person_signs_in_at_one_region_and_the_client_redeems_and_refreshes_at_the_other() {
    sign_in_story(1801, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let code = page.answer("code").unwrap();
        let got = sso.ask(1, "web", &[], &redeeming(&code, CALLBACK, VERIFIER)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        // Neither region has what the other wrote, and both are of one mind.
        assert!(sso.accepts(0, "web", &got).await && sso.accepts(1, "web", &got).await);
        assert_eq!(sso.userinfo(0, got.text("access_token")).await.body["email"], EMAIL);
        sso.d.world.deliver().await;
        // A second code of the session, without a page, in the other region.
        let again = browser.authorize(&sso, 1, &[("prompt", "none"), ("scope", "openid offline_access")]).await;
        let again = redeeming(&again.answer("code").unwrap(), CALLBACK, VERIFIER);
        let offline = sso.ask(0, "web", &[], &again).await;
        assert_eq!((offline.status, offline.text("scope")), (200, "offline_access openid"));
        sso.d.world.deliver().await;
        // The client ends the session by the id token that it got.
        let leave = form(&[("id_token_hint", got.text("id_token"))]);
        browser.get(&sso, 1, &format!("/oauth2/logout?{leave}")).await;
        assert!(!sso.accepts(1, "web", &got).await && sso.accepts(1, "web", &offline).await);
        sso.d.world.deliver().await;
        assert!(!sso.accepts(0, "web", &got).await && sso.accepts(0, "web", &offline).await);
    });
}

#[test]
fn what_a_browser_carries_names_no_person() {
    sign_in_story(1802, json!({}), async |sso| {
        let mut browser = Browser::default();
        let page = browser.whole(&sso, 0, &[]).await;
        let got = sso.ask(1, "web", &[], &redeeming(&page.answer("code").unwrap(), CALLBACK, VERIFIER)).await;
        let leave = format!("/oauth2/logout?{}", form(&[("id_token_hint", got.text("id_token"))]));
        let user = page.code(&sso).user.to_string();
        for text in [page.location(), &leave, browser.session().unwrap()] {
            assert!(!text.contains(&user) && !text.contains("ada%40") && !text.contains(EMAIL), "{text}");
        }
    });
}

// ASVS 5.0 requirement 7.4.3
#[test]
fn a_password_that_was_changed_or_reset_ends_the_sessions_and_the_tokens_of_before() {
    story(1803, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        for is_reset in [false, true] {
            let (session, version) = (sso.sign_in(0, ada.id).await, sso.version(0, ada.id).await);
            let now = SignedUp { id: ada.id, email: ada.email.clone(), session, version };
            let got = sso.redeem(0, "web", &sso.code(0, "web", &now, "openid offline_access")).await;
            let unused = sso.code(0, "web", &now, "openid");
            sso.d.world.deliver().await;
            assert!(sso.accepts(0, "web", &got).await);
            if is_reset {
                let started = sso.d.call(0, "password/reset/start", json!({ "email": ada.email })).await;
                let body = json!({ "token": started.ok(200).body["token"], "new_password": "a third long password" });
                sso.d.call(0, "password/reset/finish", body).await.ok(200);
            } else {
                let passwords = ("correct horse battery staple", "a second long password");
                let body = json!({ "id": ada.id, "current_password": passwords.0, "new_password": passwords.1 });
                assert_eq!(sso.d.call(0, "password/change", body).await.ok(200).body["changed"], true);
            }
            assert!(!sso.accepts(0, "web", &got).await);
            assert_eq!(sso.redeem(0, "web", &unused).await.error(), (400, "invalid_grant"));
            sso.d.world.deliver().await;
            assert!(!sso.accepts(1, "web", &got).await);
        }
    });
}
