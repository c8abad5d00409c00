use proptest::prelude::*;
use serde_json::json;

use super::super::test_keys::{ed25519, forge, one_of_each, payload};
use super::super::{RequestClaims, request_hash, sign_request};
use super::*;

const NOW: u64 = 1_700_000_000;

fn request(jti: &str) -> String {
    let claims = RequestClaims {
        iss: "acme".into(),
        aud: "https://eu.umoja.example".into(),
        path: "/v1/users/get".into(),
        iat: NOW,
        exp: NOW + 60,
        jti: jti.into(),
        akh: "x".into(),
        idk: None,
        body: json!({}),
    };
    sign_request(&ed25519(9), &claims)
}

fn claims() -> ResponseClaims {
    ResponseClaims {
        iss: "https://eu.umoja.example".into(),
        aud: "acme".into(),
        iat: NOW,
        exp: NOW + 60,
        rjti: "j-1".into(),
        rqh: request_hash(request("j-1").as_bytes()),
        status: 200,
        body: json!({ "name": "Ada" }),
    }
}

fn keys() -> Vec<(String, VerifyingKey)> {
    [1, 2].map(|seed| (format!("ed-{seed}"), ed25519(seed).verifying_key())).to_vec()
}

/// The outcome for the client that sent `jti`.
fn read_as(token: &[u8], jti: &str, now: u64) -> Result<ResponseClaims, JwsError> {
    let rqh = request_hash(request(jti).as_bytes());
    let expect = ResponseExpected { iss: "https://eu.umoja.example", aud: "acme", rjti: jti, rqh: &rqh };
    verify_response(token, &keys(), &expect, now)
}

fn rejected(token: &[u8]) -> JwsError {
    read_as(token, "j-1", NOW).expect_err("this must be rejected")
}

#[test]
fn the_answer_to_the_request_is_accepted_from_any_published_key() {
    for seed in [1, 2] {
        let token = sign_response(&ed25519(seed), &claims());
        assert_eq!(read_as(token.as_bytes(), "j-1", NOW), Ok(claims()));
    }
    for key in one_of_each() {
        let keys = [(key.kid().to_owned(), key.verifying_key())];
        let rqh = claims().rqh;
        let expect = ResponseExpected { iss: "https://eu.umoja.example", aud: "acme", rjti: "j-1", rqh: &rqh };
        assert!(verify_response(sign_response(&key, &claims()).as_bytes(), &keys, &expect, NOW).is_ok());
    }
}

#[test]
fn a_response_spliced_onto_another_request_is_rejected() {
    let token = sign_response(&ed25519(1), &claims());
    assert_eq!(read_as(token.as_bytes(), "j-2", NOW).unwrap_err(), JwsError::Rejected("rjti"));
    // The same id does not help if the request was another one.
    let other = ResponseClaims { rqh: request_hash(request("j-2").as_bytes()), ..claims() };
    assert_eq!(rejected(sign_response(&ed25519(1), &other).as_bytes()), JwsError::Rejected("rqh"));
    let other = ResponseClaims { iss: "https://us.umoja.example".into(), ..claims() };
    assert_eq!(rejected(sign_response(&ed25519(1), &other).as_bytes()), JwsError::Rejected("iss"));
    let other = ResponseClaims { aud: "evil".into(), ..claims() };
    assert_eq!(rejected(sign_response(&ed25519(1), &other).as_bytes()), JwsError::Rejected("aud"));
}

#[test]
fn a_request_used_as_a_response_is_rejected() {
    assert_eq!(rejected(request("j-1").as_bytes()), JwsError::Rejected("typ"));
    // Even one that is signed with a published key and carries a response's claims.
    let header = r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-req+jwt"}"#;
    let claims = payload(&sign_response(&ed25519(1), &claims())).to_string();
    assert_eq!(rejected(&forge(header, &claims, |input| ed25519(1).sign(input))), JwsError::Rejected("typ"));
}

#[test]
fn an_unpublished_key_or_anothers_signature_is_rejected() {
    assert_eq!(rejected(sign_response(&ed25519(3), &claims()).as_bytes()), JwsError::Rejected("kid"));
    let impostor = SigningKey::from_seed("ed-1", [3; 32]);
    assert_eq!(rejected(sign_response(&impostor, &claims()).as_bytes()), JwsError::Rejected("signature"));
}

#[test]
fn an_old_response_is_rejected() {
    let token = sign_response(&ed25519(1), &claims());
    assert!(read_as(token.as_bytes(), "j-1", NOW + 64).is_ok());
    assert_eq!(read_as(token.as_bytes(), "j-1", NOW + 65).unwrap_err(), JwsError::Rejected("exp"));
    assert_eq!(read_as(token.as_bytes(), "j-1", NOW - 6).unwrap_err(), JwsError::Rejected("iat"));
}

#[test]
fn a_missing_mistyped_or_unknown_claim_is_rejected() {
    let header = r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-res+jwt"}"#;
    let honest = payload(&sign_response(&ed25519(1), &claims()));
    let sign = |claims: &Value| forge(header, &claims.to_string(), |input| ed25519(1).sign(input));
    for name in ["iss", "aud", "iat", "exp", "rjti", "rqh", "status", "body"] {
        let mut missing = honest.clone();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(rejected(&sign(&missing)), JwsError::Rejected(name));
        let mut mistyped = honest.clone();
        mistyped[name] = json!(["200"]);
        assert!(name == "body" || rejected(&sign(&mistyped)) == JwsError::Rejected(name));
    }
    let mut unknown = honest.clone();
    unknown["admin"] = json!(true);
    assert_eq!(rejected(&sign(&unknown)), JwsError::Malformed);
    let mut beyond = honest;
    beyond["status"] = json!(65_736);
    assert_eq!(rejected(&sign(&beyond)), JwsError::Rejected("status"));
}

#[test]
fn debug_of_a_response_shows_no_body() {
    assert!(!format!("{:?}", claims()).contains("Ada"));
}

proptest! {
    #[test]
    fn any_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_as(&bytes, "j-1", NOW).is_err());
    }
}
