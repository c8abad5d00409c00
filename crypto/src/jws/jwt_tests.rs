use serde_json::json;

use super::super::test_keys::{ed25519, forge, one_of_each};
use super::super::{Algorithm, Jwk};
use super::*;

/// RFC 7515 appendix A.3.
const RFC7515_ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 9449 section 4.1.
const RFC9449_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

#[test]
fn the_es256_token_of_rfc_7515_verifies() {
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let jwt = parse_jwt(RFC7515_ES256).unwrap().verify(Jwk::parse(&jwk).unwrap().key()).unwrap();
    assert_eq!((&jwt.claims["iss"], &jwt.claims["exp"]), (&json!("joe"), &json!(1_300_819_380)));
}

#[test]
fn the_dpop_proof_of_rfc_9449_verifies_under_the_key_that_it_carries() {
    let proof = parse_jwt(RFC9449_PROOF).unwrap();
    let key = Jwk::parse(proof.jwk().unwrap()).unwrap();
    assert_eq!(key.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let proof = verify_jwt(RFC9449_PROOF, "dpop+jwt", key.key()).unwrap();
    assert_eq!(proof.claims["htu"], "https://server.example.com/token");
}

#[test]
fn the_hashes_of_openid_connect_core_are_made() {
    assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"), "LDktKdoQak3Pk0cnXxCltA");
}

#[test]
fn a_token_verifies_under_its_key_and_typ_only() {
    let keys = one_of_each();
    for key in &keys {
        let token = sign_jwt(key, "at+jwt", &json!({ "sub": "u" }));
        for other in &keys {
            let verified = verify_jwt(&token, "AT+jwt", &other.verifying_key());
            assert_eq!(verified.is_ok(), other.kid() == key.kid(), "{} {}", key.kid(), other.kid());
        }
        assert_eq!(verify_jwt(&token, "JWT", &key.verifying_key()), Err(JwsError::Rejected("typ")));
        assert_eq!(parse_jwt(&token).unwrap().header("kid"), Some(key.kid()));
    }
}

#[test]
fn the_key_chooses_the_algorithm_and_no_header_does() {
    let key = ed25519(3);
    for alg in ["none", "HS256", "ES256", "eddsa", ""] {
        let header = json!({ "alg": alg }).to_string();
        let token = forge(&header, "{}", |input| key.sign(input));
        let parsed = parse_jwt(std::str::from_utf8(&token).unwrap()).unwrap();
        assert_eq!(parsed.verify(&key.verifying_key()), Err(JwsError::Rejected("alg")), "{alg}");
    }
    assert_eq!(key.algorithm(), Algorithm::EdDsa);
}

#[test]
fn what_is_no_plain_compact_token_is_rejected() {
    let key = ed25519(3);
    let forged = |header: &str, claims: &str| {
        let token = forge(header, claims, |input| key.sign(input));
        parse_jwt(std::str::from_utf8(&token).unwrap()).err()
    };
    assert_eq!(forged(r#"{"alg":"EdDSA"}"#, r#"{"a":1}"#), None);
    assert_eq!(forged(r#"{"alg":"EdDSA","crit":["b64"]}"#, "{}"), Some(JwsError::Rejected("crit")));
    for (header, claims) in [
        (r#"{"alg":"EdDSA","alg":"none"}"#, "{}"),
        (r#"{"alg":"EdDSA"}"#, r#"{"sub":"a","sub":"b"}"#),
        (r#"{"alg":"EdDSA"}"#, "[]"),
        (r#"["EdDSA"]"#, "{}"),
    ] {
        assert_eq!(forged(header, claims), Some(JwsError::Malformed), "{header} {claims}");
    }
    assert_eq!(forged("{}", "{}"), Some(JwsError::Rejected("alg")));
    let token = sign_jwt(&key, "JWT", &json!({}));
    for text in ["", "..", "a.b", &format!("{token}."), &format!("{token}="), &"a".repeat(MAX_JWT_BYTES + 1)] {
        assert_eq!(parse_jwt(text).err(), Some(JwsError::Malformed));
    }
}

#[test]
fn a_changed_claim_is_no_longer_signed() {
    let key = ed25519(3);
    let token = sign_jwt(&key, "JWT", &json!({ "sub": "a" }));
    let parts: Vec<&str> = token.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"b"}"#);
    let changed = format!("{}.{other}.{}", parts[0], parts[2]);
    assert_eq!(verify_jwt(&changed, "JWT", &key.verifying_key()), Err(JwsError::Rejected("signature")));
}
