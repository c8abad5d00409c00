//! A whole sign-in over two regions: the browser at one, the back end of the client at the other.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use umoja_crypto::jws::{Jwk, parse_jwt, verify_jwt};

use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK, EMAIL, form};
use super::{Got, ISSUER, SECRET, Sso, basic};

/// The verifier of the example of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

async fn tokens(sso: &Sso, at: usize, fields: &[(&str, &str)]) -> Got {
    sso.post(at, "/oauth2/token", &[("authorization", &basic("web", SECRET))], &form(fields)).await
}

async fn redeem(sso: &Sso, at: usize, code: &str) -> Got {
    let fields =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    tokens(sso, at, &fields).await
}

async fn refresh(sso: &Sso, at: usize, token: &str) -> Got {
    tokens(sso, at, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn userinfo(sso: &Sso, at: usize, token: &str) -> Got {
    let request = Request::get("/oauth2/userinfo").header("authorization", format!("Bearer {token}"));
    sso.send(at, request.body(Body::empty()).unwrap()).await
}

fn text(got: &Got, name: &str) -> String {
    got.body[name].as_str().unwrap_or_else(|| panic!("{name}: {}", got.body)).to_owned()
}

// oidcc-server, oidcc-userinfo-get, oidcc-refresh-token, oidcc-id-token-hint, oidcc-rp-initiated-logout
#[test]
fn a_person_signs_in_at_one_region_and_the_client_serves_it_from_another() {
    sign_in_story(1791, json!({}), async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.answer("code").unwrap();
        let got = redeem(&sso, 1, &code).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let (access, id_token) = (text(&got, "access_token"), text(&got, "id_token"));
        let jwks = sso.send(0, Request::get("/oauth2/jwks").body(Body::empty()).unwrap()).await.body;
        let kid = parse_jwt(&id_token).unwrap().header("kid").unwrap().to_owned();
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let claims = verify_jwt(&id_token, "JWT", Jwk::parse(jwk).unwrap().key()).unwrap().claims;
        let expected = [("iss", ISSUER), ("aud", "web"), ("nonce", "n1")];
        assert!(expected.iter().all(|(name, value)| claims[*name] == *value), "{claims:?}");
        let info = userinfo(&sso, 1, &access).await;
        assert_eq!((info.status, &info.body["sub"], &info.body["email"]), (200, &claims["sub"], &json!(EMAIL)));
        let again = refresh(&sso, 0, &text(&got, "refresh_token")).await;
        assert_eq!(again.status, 200, "{}", again.body);
        // The client says whom it expects, by the id token that it has.
        sso.d.world.settle().await;
        for at in [0, 1] {
            let hint = [("prompt", "none"), ("id_token_hint", id_token.as_str())];
            browser.authorize(&sso, at, &hint).await.code(&sso);
        }
        // The logout ends what the client has, in each region once it has arrived there.
        let fields = [("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", "https://shop.example/bye")];
        let bye = browser.get(&sso, 0, &format!("/oauth2/logout?{}", form(&fields))).await;
        assert_eq!(bye.location(), "https://shop.example/bye");
        assert_eq!(userinfo(&sso, 0, &access).await.error(), (401, "invalid_token"));
        sso.d.world.settle().await;
        for at in [0, 1] {
            assert_eq!(refresh(&sso, at, &text(&got, "refresh_token")).await.error(), (400, "invalid_grant"));
            let none = browser.authorize(&sso, at, &[("prompt", "none")]).await;
            assert_eq!(none.error().as_deref(), Some("login_required"));
        }
    });
}

// oidcc-id-token-hint, oidcc-prompt-none-logged-in (as another person)
#[test]
fn another_person_than_the_client_expects_gets_no_code() {
    sign_in_story(1792, json!({}), async |sso| {
        let mut ada = Browser::default();
        let code = ada.whole(&sso, 0, &[]).await.answer("code").unwrap();
        let id_token = text(&redeem(&sso, 0, &code).await, "id_token");
        sso.d.register(0, "bob@example.com", super::browser::PASSWORD).await.ok(201);
        let mut bob = Browser::default();
        let page = bob.authorize(&sso, 0, &[]).await.step();
        let login = |step: &str| {
            [
                ("step", step.to_owned()),
                ("identifier", "bob@example.com".to_owned()),
                ("password", super::browser::PASSWORD.to_owned()),
            ]
        };
        let fields = login(&page);
        bob.post(&sso, 0, "/login", &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await.code(&sso);
        let hint = ("id_token_hint", id_token.as_str());
        let none = bob.authorize(&sso, 0, &[hint, ("prompt", "none")]).await;
        assert_eq!(none.error().as_deref(), Some("login_required"));
        let page = bob.authorize(&sso, 0, &[hint]).await;
        assert_eq!(page.title(), "Sign in");
        let fields = login(&page.step());
        let denied = bob.post(&sso, 0, "/login", &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
        assert_eq!(denied.error().as_deref(), Some("access_denied"));
        let page = ada.authorize(&sso, 0, &[hint, ("prompt", "login")]).await;
        ada.sign_in(&sso, 0, &page, super::browser::PASSWORD).await.code(&sso);
    });
}

#[test]
fn what_is_withdrawn_is_asked_for_again_and_the_person_stays_the_same() {
    sign_in_story(1793, json!({ "first_party": false }), async |sso| {
        let mut browser = Browser::default();
        let allow = async |browser: &mut Browser, page: super::browser::Page| {
            let step = page.step();
            browser.post(&sso, 0, "/consent", &[("step", &step), ("answer", "allow")]).await
        };
        let page = browser.whole(&sso, 0, &[]).await;
        let answer = allow(&mut browser, page).await;
        let user = answer.code(&sso).user;
        let got = redeem(&sso, 0, &answer.answer("code").unwrap()).await;
        let sub = userinfo(&sso, 0, &text(&got, "access_token")).await.body["sub"].clone();
        sso.d.world.regions[0].people().withdraw(user, "web").await.unwrap();
        assert_eq!(refresh(&sso, 0, &text(&got, "refresh_token")).await.error(), (400, "invalid_grant"));
        let page = browser.authorize(&sso, 0, &[]).await;
        let answer = allow(&mut browser, page).await.answer("code").unwrap();
        let got = redeem(&sso, 0, &answer).await;
        assert_eq!(userinfo(&sso, 0, &text(&got, "access_token")).await.body["sub"], sub);
    });
}
