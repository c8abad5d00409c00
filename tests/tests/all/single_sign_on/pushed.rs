//! Requests that clients push, and the metadata.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK, CHALLENGE, EMAIL, PASSWORD, form, request};
use super::{Got, ISSUER, SECRET, Sso, basic};

async fn push(sso: &Sso, at: usize, changes: &[(&str, &str)]) -> Got {
    sso.post(at, "/oauth2/par", &[("authorization", &basic("web", SECRET))], &request(changes)).await
}

#[test]
fn a_request_that_is_pushed_in_one_region_is_answered_in_another() {
    sign_in_story(1771, json!({ "require_pushed_authorization_requests": true }), async |sso| {
        let got = push(&sso, 0, &[("login_hint", EMAIL)]).await;
        assert_eq!((got.status, &got.body["expires_in"]), (201, &json!(60)));
        assert_eq!(got.headers["cache-control"], "no-store");
        let uri = got.body["request_uri"].as_str().unwrap();
        assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && !uri.contains("ada"));
        // Parameters beside it do not count.
        let url = |client| {
            let fields = [
                ("client_id", client),
                ("request_uri", uri),
                ("redirect_uri", "https://evil.example/"),
                ("scope", "x"),
            ];
            format!("/oauth2/authorize?{}", form(&fields))
        };
        let mut browser = Browser::default();
        let page = browser.get(&sso, 1, &url("web")).await;
        assert!(page.html.contains("value=\"ada@example.com\""), "{}", page.html);
        browser.sign_in(&sso, 1, &page, PASSWORD).await.code(&sso);
        // People reload pages. Another client has no part in it, and after a minute no client has.
        assert_eq!(browser.get(&sso, 0, &url("web")).await.status, 303);
        assert_eq!(browser.get(&sso, 0, &url("till")).await.status, 400);
        sso.d.world.clock.advance(60_000);
        let ended = browser.get(&sso, 0, &url("web")).await;
        assert_eq!((ended.status, ended.title()), (400, "This link does not work"));
        // The client does not want to be spoken for by a browser, by a form neither.
        let spoken = browser.authorize(&sso, 0, &[]).await;
        assert_eq!(spoken.error().as_deref(), Some("invalid_request"));
        let fields = [
            ("client_id", "web"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let spoken = browser.post(&sso, 0, "/oauth2/authorize", &fields).await;
        assert_eq!(spoken.error().as_deref(), Some("invalid_request"));
    });
}

#[test]
fn a_request_that_would_fail_cannot_be_pushed() {
    sign_in_story(1772, json!({}), async |sso| {
        for (name, value, error) in [
            ("redirect_uri", "https://evil.example/", "invalid_request"),
            ("response_type", "token", "unsupported_response_type"),
            ("scope", "admin", "invalid_scope"),
            ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"),
            ("client_id", "till", "invalid_request"),
            ("client_id", "", "invalid_request"),
        ] {
            let got = push(&sso, 0, &[(name, value)]).await;
            assert_eq!(got.error(), (400, error), "{name}={value}");
        }
        let unknown = sso.post(0, "/oauth2/par", &[("authorization", &basic("web", "x"))], &request(&[])).await;
        assert_eq!(unknown.error(), (401, "invalid_client"));
        let too_large = push(&sso, 0, &[("id_token_hint", &"x".repeat(10_000))]).await;
        assert_eq!(too_large.error(), (400, "invalid_request"));
    });
}

#[test]
fn a_proof_binds_the_code_of_a_pushed_request() {
    sign_in_story(1773, json!({}), async |sso| {
        let push = async |jti: &str, changes: &[(&str, &str)]| {
            let proof = super::proofs::proof(&sso, jti, "https://login.example/oauth2/par");
            let headers = [("authorization", &*basic("web", SECRET)), ("dpop", &proof)];
            sso.post(0, "/oauth2/par", &headers, &request(changes)).await
        };
        let got = push("one", &[]).await;
        let uri = got.body["request_uri"].as_str().unwrap().to_owned();
        let mut browser = Browser::default();
        let url = format!("/oauth2/authorize?{}", form(&[("client_id", "web"), ("request_uri", &uri)]));
        let page = browser.get(&sso, 0, &url).await;
        let jkt = browser.sign_in(&sso, 0, &page, PASSWORD).await.code(&sso).jkt.unwrap();
        assert_eq!(jkt.len(), 43);
        assert_eq!(push("two", &[("dpop_jkt", &jkt)]).await.status, 201);
        assert_eq!(push("two", &[]).await.error(), (400, "invalid_dpop_proof"));
        assert_eq!(push("three", &[("dpop_jkt", CHALLENGE)]).await.error(), (400, "invalid_dpop_proof"));
        // Without a push the parameter binds it.
        let code = browser.authorize(&sso, 0, &[("dpop_jkt", &jkt)]).await.code(&sso);
        assert_eq!(code.jkt, Some(jkt));
    });
}

// oidcc-discovery-endpoint-verification
#[test]
fn the_metadata_names_what_there_is() {
    sign_in_story(1774, json!({}), async |sso| {
        let read = async |at: usize, path: &str, tag: Option<&str>| {
            let request = tag.iter().fold(Request::get(path), |request, tag| request.header("if-none-match", *tag));
            sso.send(at, request.body(Body::empty()).unwrap()).await
        };
        let got = read(0, "/.well-known/openid-configuration", None).await;
        assert_eq!((got.status, &got.body["issuer"]), (200, &json!(ISSUER)));
        let other = read(1, "/.well-known/oauth-authorization-server", None).await;
        assert_eq!((other.body, &other.headers["etag"]), (got.body.clone(), &got.headers["etag"]));
        let tag = got.headers["etag"].to_str().unwrap();
        assert_eq!(read(1, "/.well-known/openid-configuration", Some(tag)).await.status, 304);
        // Every endpoint is there: it rejects an empty request, and does not answer 404.
        let endpoints = got.body.as_object().unwrap().iter();
        let endpoints = endpoints.filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
        let mut count = 0;
        for (name, url) in endpoints {
            let path = url.as_str().unwrap().strip_prefix(ISSUER).unwrap();
            let is_read = ["authorization_endpoint", "jwks_uri", "end_session_endpoint"].contains(&name.as_str());
            let got = if is_read { read(0, path, None).await } else { sso.post(0, path, &[], "").await };
            assert!(got.status != 404 && got.status != 405, "{name}: {}", got.status);
            count += 1;
        }
        assert!(count >= 6, "{count}");
        // And every grant: it is not answered as one that there is not.
        for grant in got.body["grant_types_supported"].as_array().unwrap() {
            let form = format!("grant_type={}", grant.as_str().unwrap());
            let got = sso.post(0, "/oauth2/token", &[("authorization", &basic("till", SECRET))], &form).await;
            assert_ne!(got.error().1, "unsupported_grant_type", "{grant}");
        }
    });
}
