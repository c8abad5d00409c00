//! Codes and tokens of a person that are bound to a key (RFC 9449).

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umoja_crypto::SigningKey;

use super::people::{CALLBACK, VERIFIER, redeeming};
use super::{Got, Sso, TOKEN, signed, story};

const USERINFO: &str = "https://login.example/oauth2/userinfo";
const NO_PROOF: (u16, &str) = (400, "invalid_dpop_proof");

fn proof(sso: &Sso, seed: u8, jti: &str, more: &Value) -> String {
    let key = SigningKey::from_seed("", [seed; 32]);
    let jwk = key.jwk();
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": jwk["x"] } });
    let mut claims = json!({ "jti": jti, "htm": "POST", "htu": TOKEN, "iat": sso.now() });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    signed(&key, &header, &claims)
}

/// The thumbprint of a key (RFC 7638).
fn thumbprint(seed: u8) -> String {
    let x = SigningKey::from_seed("", [seed; 32]).jwk()["x"].as_str().unwrap().to_owned();
    let text = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// A token at the userinfo endpoint of a region, with a scheme and proofs.
async fn userinfo(sso: &Sso, at: usize, scheme: &str, token: &str, proofs: &[&str]) -> Got {
    let request = Request::get("/oauth2/userinfo").header("authorization", format!("{scheme} {token}"));
    let request = proofs.iter().fold(request, |request, proof| request.header("dpop", *proof));
    sso.send(at, request.body(Body::empty()).unwrap()).await
}

/// The answer to a code or a refresh token with a proof.
async fn with(sso: &Sso, at: usize, id: &str, proof: &str, form: &str) -> Got {
    sso.ask(at, id, &[("dpop", proof)], form).await
}

#[test]
fn a_token_is_accepted_with_a_proof_of_its_key_for_this_request_once() {
    story(1771, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let form = redeeming(&sso.code(0, "web", &ada, "openid"), CALLBACK, VERIFIER);
        let got = with(&sso, 0, "web", &proof(&sso, 7, "one", &json!({})), &form).await;
        assert_eq!((got.status, got.text("token_type")), (200, "DPoP"));
        let token = got.text("access_token");
        let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        let fitting = |jti: &str| json!({ "htm": "GET", "htu": USERINFO, "ath": ath, "jti": jti });
        let two = proof(&sso, 7, "two", &fitting("two"));
        assert_eq!(userinfo(&sso, 0, "DPoP", token, &[&two]).await.status, 200);
        let changed = |name: &str, value: &str| {
            let mut claims = fitting(name);
            claims[name] = json!(value);
            proof(&sso, 7, name, &claims)
        };
        let other_ath = URL_SAFE_NO_PAD.encode(Sha256::digest(got.text("id_token")));
        for wrong in [
            two,
            changed("htu", TOKEN),
            changed("htm", "POST"),
            changed("ath", &other_ath),
            proof(&sso, 8, "another key", &fitting("key")),
            "x".to_owned(),
        ] {
            let answer = userinfo(&sso, 0, "DPoP", token, &[&wrong]).await;
            assert_eq!(answer.error(), (401, "invalid_dpop_proof"));
            assert!(
                answer.headers["www-authenticate"].to_str().unwrap().starts_with("DPoP error=\"invalid_dpop_proof\"")
            );
        }
        assert_eq!(userinfo(&sso, 0, "DPoP", token, &[]).await.error(), (401, "invalid_dpop_proof"));
        // The downgrade of RFC 9449 section 7.2, and a token without a key that claims to have one.
        let three = proof(&sso, 7, "three", &fitting("three"));
        assert_eq!(userinfo(&sso, 0, "Bearer", token, &[&three]).await.error(), (401, "invalid_token"));
        let plain = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid")).await;
        let four = proof(&sso, 7, "four", &fitting("four"));
        assert_eq!(
            userinfo(&sso, 0, "DPoP", plain.text("access_token"), &[&four]).await.error(),
            (401, "invalid_token")
        );
    });
}

// RFC 9449 section 10
#[test]
fn a_code_that_is_bound_to_a_key_needs_a_proof_of_it() {
    story(1772, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let mut code = sso.issued(0, "web", &ada, "openid");
        code.jkt = Some(thumbprint(7));
        let form = redeeming(&sso.sealed(&code), CALLBACK, VERIFIER);
        assert_eq!(sso.ask(0, "web", &[], &form).await.error(), NO_PROOF);
        assert_eq!(with(&sso, 0, "web", &proof(&sso, 8, "one", &json!({})), &form).await.error(), NO_PROOF);
        assert_eq!(with(&sso, 0, "web", &proof(&sso, 7, "two", &json!({})), &form).await.status, 200);
    });
}

#[test]
fn the_refresh_token_of_a_public_client_is_bound_and_not_replaced() {
    story(1773, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let form = redeeming(&sso.code(0, "app", &ada, "openid"), CALLBACK, VERIFIER);
        let got = with(&sso, 0, "app", &proof(&sso, 7, "one", &json!({})), &form).await;
        assert_eq!(got.text("token_type"), "DPoP");
        let form = format!("grant_type=refresh_token&refresh_token={}", got.text("refresh_token"));
        assert_eq!(sso.ask(1, "app", &[], &form).await.error(), NO_PROOF);
        assert_eq!(with(&sso, 1, "app", &proof(&sso, 8, "two", &json!({})), &form).await.error(), NO_PROOF);
        for (at, jti) in [(1, "three"), (0, "four")] {
            let refreshed = with(&sso, at, "app", &proof(&sso, 7, jti, &json!({})), &form).await;
            assert_eq!((refreshed.text("token_type"), refreshed.body.get("refresh_token")), ("DPoP", None));
        }
        // A confidential client proves itself, and may take another key for each access token.
        let form = redeeming(&sso.code(0, "web", &ada, "openid"), CALLBACK, VERIFIER);
        let got = with(&sso, 0, "web", &proof(&sso, 7, "five", &json!({})), &form).await;
        let form = format!("grant_type=refresh_token&refresh_token={}", got.text("refresh_token"));
        let refreshed = with(&sso, 1, "web", &proof(&sso, 8, "six", &json!({})), &form).await;
        let state = sso.state(1, "web", refreshed.text("access_token")).await;
        assert_eq!(state["cnf"]["jkt"], thumbprint(8));
    });
}
