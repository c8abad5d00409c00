//! The ends of tokens: revoked by their client, or with the password of the person; and whom no token, URL or cookie names.

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::authorize::sign_in_story;
use super::browser::{self, Browser, EMAIL, form};
use super::people::{SignedUp, VERIFIER, redeeming};
use super::{Got, Sso, story};

async fn revoke(sso: &Sso, at: usize, id: &str, token: &str) -> Got {
    sso.to(at, "/oauth2/revoke", id, &[], &format!("token={token}&token_type_hint=anything")).await
}

// RFC 7009 section 2
#[test]
fn a_token_that_is_revoked_in_one_region_is_rejected_there_and_then_in_the_other() {
    for (seed, id, kind) in
        [(1781, "web", "refresh_token"), (1782, "web", "access_token"), (1783, "app", "refresh_token")]
    {
        story(seed, async |mut sso| {
            sso.with_clients().await;
            let ada = sso.person(0, "ada@example.com").await;
            sso.d.world.deliver().await;
            let got = sso.redeem(0, id, &sso.code(0, id, &ada, "openid offline_access")).await;
            let other = sso.redeem(0, "other", &sso.code(0, "other", &ada, "openid")).await;
            let token = got.text(kind);
            assert_eq!(revoke(&sso, 1, "other", token).await.error(), (400, "invalid_grant"));
            // The family has not arrived where it is revoked.
            let done = revoke(&sso, 1, id, token).await;
            assert_eq!((done.status, &done.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
            assert!(!sso.accepts(1, id, &got).await && sso.accepts(0, id, &got).await);
            sso.d.world.deliver().await;
            assert!(!sso.accepts(0, id, &got).await);
            // Once more, and what is no token: neither is an error.
            for text in [token, "x", "x.y.z", got.text("id_token")] {
                assert_eq!(revoke(&sso, 0, id, text).await.status, 200, "{text}");
            }
            assert!(sso.accepts(0, "other", &other).await, "another client keeps its own");
        });
    }
}

#[test]
fn a_token_of_a_client_by_itself_ends_by_its_time_only() {
    story(1784, async |sso| {
        let got = sso.token(0, "till", "").await;
        let answer = revoke(&sso, 0, "till", got.text("access_token")).await;
        assert_eq!(answer.error(), (400, "unsupported_token_type"));
        assert_eq!(sso.to(0, "/oauth2/revoke", "till", &[], "x=y").await.error(), (400, "invalid_request"));
        assert_eq!(sso.post(0, "/oauth2/revoke", &[], "token=x").await.error(), (401, "invalid_client"));
    });
}

#[test]
fn a_region_that_cannot_revoke_says_so() {
    story(1785, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid")).await;
        sso.d.world.regions[0].faults.tables.set_down(true);
        assert_eq!(revoke(&sso, 0, "web", got.text("refresh_token")).await.status, 503);
        sso.d.world.regions[0].faults.tables.set_down(false);
        assert!(sso.accepts(0, "web", &got).await);
        // The person has not arrived in the other region, and so it cannot end there what it has.
        assert_eq!(revoke(&sso, 1, "web", got.text("refresh_token")).await.status, 503);
    });
}

#[test]
fn a_refresh_token_is_introspected_by_its_client_alone_and_not_once_it_is_spent() {
    story(1786, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid offline_access")).await;
        let state = sso.state(0, "web", got.text("refresh_token")).await;
        assert_eq!((&state["active"], &state["client_id"]), (&json!(true), &json!("web")));
        assert_eq!(state["scope"], "offline_access openid");
        assert_eq!(state["sub"], sso.userinfo(0, got.text("access_token")).await.body["sub"]);
        assert_eq!(sso.state(0, "other", got.text("refresh_token")).await, json!({ "active": false }));
        let access = sso.state(0, "web", got.text("access_token")).await;
        assert_eq!((&access["sub"], &access["amr"]), (&state["sub"], &json!(["pwd"])));
        assert!(access.get("umoja_on_behalf").is_none());
    });
}

// Fetch: CORS. oidc-client-ts in a browser
#[test]
fn programs_in_browsers_may_call_what_public_clients_call_and_send_no_cookie() {
    story(1787, async |sso| {
        for (path, is_open) in [
            ("/oauth2/token", true),
            ("/oauth2/userinfo", true),
            ("/oauth2/revoke", true),
            ("/oauth2/jwks", true),
            ("/oauth2/introspect", false),
        ] {
            let request = Request::options(path).header("origin", "https://app.example");
            let request = request.header("access-control-request-method", "POST");
            let preflight = sso.send(0, request.body(Body::empty()).unwrap()).await;
            let answer = sso.send(0, Request::post(path).body(Body::empty()).unwrap()).await;
            for headers in [&preflight.headers, &answer.headers] {
                let origin = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
                assert_eq!(origin, is_open.then_some("*"), "{path}");
                assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
            }
            assert_eq!(preflight.status == 204, is_open);
            if is_open {
                let allowed = preflight.headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
                assert!(["authorization", "content-type", "dpop"].iter().all(|name| allowed.contains(name)));
            }
        }
    });
}

#[test]
fn no_code_or_token_but_the_claims_that_were_asked_for_names_a_person() {
    story(1788, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let code = sso.code(0, "web", &ada, "openid email profile offline_access");
        let got = sso.redeem(0, "web", &code).await;
        let again = sso.refresh(0, "web", got.text("refresh_token")).await;
        let payload = |token: &str| {
            let text = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
            String::from_utf8(text).unwrap()
        };
        let opaque = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let SignedUp { id, email, .. } = &ada;
        for text in [
            code.clone(),
            opaque(&code),
            opaque(got.text("refresh_token")),
            payload(got.text("access_token")),
            payload(got.text("id_token")),
            payload(again.text("access_token")),
        ] {
            for secret in [id.to_string(), email.clone(), "correct horse".to_owned()] {
                assert!(!text.contains(&secret), "{text}");
            }
        }
        // Two tokens of a person have nothing in common but the name that the client knows.
        let claim =
            |token: &str| umoja_crypto::jws::parse_jwt(token).unwrap().claimed("umoja_on_behalf").unwrap().to_owned();
        let (one, two) = (claim(got.text("access_token")), claim(again.text("access_token")));
        assert!(one[2..24] != two[2..24] && one[40..60] != two[40..60]);
    });
}

#[test]
fn what_a_browser_carries_names_no_person() {
    sign_in_story(1802, json!({}), async |sso| {
        let mut visitor = Browser::default();
        let page = visitor.whole(&sso, 0, &[]).await;
        let code = page.answer("code").unwrap();
        let got = sso.ask(1, "web", &[], &redeeming(&code, browser::CALLBACK, VERIFIER)).await;
        let leave = format!("/oauth2/logout?{}", form(&[("id_token_hint", got.text("id_token"))]));
        let user = page.code(&sso).user.to_string();
        for text in [page.location(), &leave, visitor.session().unwrap()] {
            assert!(!text.contains(&user) && !text.contains("ada%40") && !text.contains(EMAIL), "{text}");
        }
    });
}
