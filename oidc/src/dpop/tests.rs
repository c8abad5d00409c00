use serde_json::{Value, json};
use umoja_crypto::SigningKey;

use super::*;
use crate::once::signed;

const NOW: u64 = 1_800_000_000;
const URL: &str = "https://login.example/oauth2/token";

fn key() -> SigningKey {
    SigningKey::from_seed("", [7; 32])
}

fn header(key: &SigningKey) -> Value {
    let jwk = key.jwk();
    json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"] } })
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": NOW })
}

fn expected() -> Expected<'static> {
    Expected { method: "POST", url: URL, access_token: None, bound_to: None }
}

/// The result for the claims after a change.
fn with(name: &str, value: Value) -> Result<Proven, JwsError> {
    let mut claims = claims();
    claims[name] = value;
    prove(&signed(&key(), &header(&key()), &claims.to_string()), &expected(), NOW)
}

#[test]
fn a_proof_of_its_request_shows_its_key() {
    let proof = signed(&key(), &header(&key()), &claims().to_string());
    let proven = prove(&proof, &expected(), NOW).unwrap();
    assert_eq!(proven.once.until().secs(), NOW + 60);
    let bound = Expected { bound_to: Some(&proven.thumbprint), ..expected() };
    assert_eq!(prove(&proof, &bound, NOW), Ok(proven.clone()));
    let other = SigningKey::from_seed("", [8; 32]);
    let other = signed(&other, &header(&other), &claims().to_string());
    assert_eq!(prove(&other, &bound, NOW), Err(JwsError::Rejected("jkt")));
    // The same proof again is the same use, and the same id of another key is not.
    assert_eq!(prove(&proof, &expected(), NOW + 1).unwrap().once, proven.once);
    assert_ne!(prove(&other, &expected(), NOW).unwrap().once.hash(), proven.once.hash());
}

/// RFC 9449 figure 1 and section 6.1.
#[test]
fn the_proof_of_the_rfc_has_the_thumbprint_of_the_rfc() {
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5Ijoi",
        "OVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6",
        "Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNy",
        "JK70nfbV37xRZT3Lg",
    );
    let expected = Expected { url: "https://server.example.com/token", ..expected() };
    let proven = prove(proof, &expected, 1_562_262_616).unwrap();
    assert_eq!(proven.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_proof_for_another_request_is_rejected() {
    assert_eq!(with("htm", json!("GET")), Err(JwsError::Rejected("htm")));
    for url in [
        "https://login.example/oauth2/userinfo",
        "https://evil.example/oauth2/token",
        "http://login.example/oauth2/token",
        "",
    ] {
        assert_eq!(with("htu", json!(url)), Err(JwsError::Rejected("htu")), "{url}");
    }
    for url in ["HTTPS://Login.example:443/oauth2/token", "https://login.example/oauth2/token?a=b#c"] {
        assert!(with("htu", json!(url)).is_ok(), "{url}");
    }
}

#[test]
fn a_proof_is_for_its_access_token() {
    let for_token = Expected { access_token: Some("token"), ..expected() };
    let of = |ath: &str| {
        let mut claims = claims();
        claims["ath"] = ath.into();
        prove(&signed(&key(), &header(&key()), &claims.to_string()), &for_token, NOW)
    };
    assert!(of(&URL_SAFE_NO_PAD.encode(Sha256::digest("token"))).is_ok());
    assert_eq!(of(&URL_SAFE_NO_PAD.encode(Sha256::digest("other"))), Err(JwsError::Rejected("ath")));
    let without = signed(&key(), &header(&key()), &claims().to_string());
    assert_eq!(prove(&without, &for_token, NOW), Err(JwsError::Rejected("ath")));
}

#[test]
fn a_proof_is_new() {
    for at in [NOW + 60, NOW - 59] {
        assert!(with("iat", json!(at)).is_ok());
    }
    for at in [NOW + 61, NOW - 60, 0, u64::MAX] {
        assert_eq!(with("iat", json!(at)), Err(JwsError::Rejected("iat")));
    }
    assert_eq!(with("jti", json!("")), Err(JwsError::Rejected("jti")));
    assert_eq!(with("iat", json!("now")), Err(JwsError::Rejected("iat")));
}

#[test]
fn a_proof_has_its_type_its_algorithm_and_a_public_key() {
    let rejected = |change: &dyn Fn(&mut Value)| {
        let mut header = header(&key());
        change(&mut header);
        prove(&signed(&key(), &header, &claims().to_string()), &expected(), NOW).unwrap_err()
    };
    assert_eq!(rejected(&|header| header["typ"] = "JWT".into()), JwsError::Rejected("typ"));
    assert_eq!(rejected(&|header| header["alg"] = "ES256".into()), JwsError::Rejected("alg"));
    assert_eq!(rejected(&|header| header["alg"] = "none".into()), JwsError::Rejected("alg"));
    assert_eq!(rejected(&|header| header["jwk"]["d"] = "x".into()), JwsError::Rejected("jwk"));
    assert_eq!(rejected(&|header| header["jwk"]["kty"] = "oct".into()), JwsError::Rejected("jwk"));
    assert_eq!(rejected(&|header| header["crit"] = json!(["x"])), JwsError::Rejected("crit"));
    let other = SigningKey::from_seed("", [9; 32]).jwk()["x"].clone();
    assert_eq!(rejected(&|header| header["jwk"]["x"] = other.clone()), JwsError::Rejected("signature"));
}

#[test]
fn a_claim_that_is_there_twice_is_rejected() {
    let twice = format!("{{\"htm\":\"GET\",{}", &claims().to_string()[1..]);
    assert_eq!(prove(&signed(&key(), &header(&key()), &twice), &expected(), NOW), Err(JwsError::Malformed));
    for text in ["", ".", "..", "a.b.c.d", "e30.e30.e30"] {
        assert!(prove(text, &expected(), NOW).is_err(), "{text}");
    }
}
