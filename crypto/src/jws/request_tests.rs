use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::json;
use sha2::Sha256;

use super::super::test_keys::{ed25519, forge, one_of_each, payload};
use super::*;
use crate::ApiKey;

const NOW: u64 = 1_700_000_000;
const AUD: &str = "https://eu.umoja.example";
const PATH: &str = "/v1/users/authenticate";
const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-req+jwt"}"#;

fn api_key(secret: u8) -> ApiKey {
    ApiKey::new("test", "k1", [secret; 32]).unwrap()
}

fn claims() -> RequestClaims {
    RequestClaims {
        iss: "acme".into(),
        aud: AUD.into(),
        path: PATH.into(),
        iat: NOW,
        exp: NOW + 60,
        jti: "j-1".into(),
        akh: api_key(1).akh(),
        idk: Some("i-1".into()),
        body: json!({ "email": "ada@example.org", "nested": [{ "a": 1.5, "b": null }] }),
    }
}

/// Runs the checks of the server in its order.
fn accept(token: &[u8], key: &SigningKey) -> Result<SignedRequest, JwsError> {
    let request = parse_request(token)?;
    let request = request.check_times(NOW)?;
    let akh = api_key(1).akh();
    request.verify(&key.verifying_key(), &Expected { aud: AUD, path: PATH, akh: &akh })
}

fn rejected(token: &[u8]) -> JwsError {
    accept(token, &ed25519(1)).expect_err("this must be rejected")
}

/// The valid claims with one changed (`Some`) or taken away (`None`), honestly signed.
fn altered(name: &str, value: Option<Value>) -> Vec<u8> {
    let mut claims = payload(&sign_request(&ed25519(1), &claims()));
    match value {
        Some(value) => claims[name] = value,
        None => {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    forge(HEADER, &claims.to_string(), |input| ed25519(1).sign(input))
}

#[test]
fn a_request_signed_with_any_registered_algorithm_is_accepted_whole() {
    for key in one_of_each() {
        let token = sign_request(&key, &claims());
        let parsed = parse_request(token.as_bytes()).unwrap().check_times(NOW).unwrap();
        assert_eq!((parsed.issuer(), parsed.kid()), ("acme", key.kid()));
        let request = accept(token.as_bytes(), &key).unwrap();
        assert_eq!((request.iss.as_str(), request.jti.as_str(), request.kid.as_str()), ("acme", "j-1", key.kid()));
        assert_eq!((request.iat, request.exp, request.idk.as_deref()), (NOW, NOW + 60, Some("i-1")));
        assert_eq!(request.htu, format!("{AUD}{PATH}"));
        assert_eq!(request.body, claims().body);
        assert_eq!(request.rqh, request_hash(token.as_bytes()));
    }
}

#[test]
fn the_idempotency_key_is_optional() {
    let token = sign_request(&ed25519(1), &RequestClaims { idk: None, ..claims() });
    assert_eq!(accept(token.as_bytes(), &ed25519(1)).unwrap().idk, None);
}

#[test]
fn alg_none_is_rejected() {
    let claims = payload(&sign_request(&ed25519(1), &claims())).to_string();
    for alg in ["none", "None", "NONE", ""] {
        let header = HEADER.replace("EdDSA", alg);
        assert_eq!(rejected(&forge(&header, &claims, |_| Vec::new())), JwsError::Rejected("alg"));
    }
    // The right name does not help an empty signature.
    assert_eq!(rejected(&forge(HEADER, &claims, |_| Vec::new())), JwsError::Rejected("signature"));
}

#[test]
fn an_hs256_token_made_with_the_public_key_is_rejected() {
    let claims = payload(&sign_request(&ed25519(1), &claims())).to_string();
    for key in one_of_each() {
        let pem = key.public_key_pem();
        let hs256 = |input: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(pem.as_bytes()).unwrap();
            mac.update(input);
            mac.finalize().into_bytes().to_vec()
        };
        let header = format!(r#"{{"alg":"HS256","kid":"{}","typ":"umoja-req+jwt"}}"#, key.kid());
        assert_eq!(accept(&forge(&header, &claims, hs256), &key).unwrap_err(), JwsError::Rejected("alg"));
        let honest = header.replace("HS256", key.algorithm().name());
        assert_eq!(accept(&forge(&honest, &claims, hs256), &key).unwrap_err(), JwsError::Rejected("signature"));
    }
}

#[test]
fn a_header_with_another_algorithm_is_rejected() {
    let [ed, _, rs, ps] = one_of_each();
    // Signed as PS256 by an RSA key registered for RS256.
    let token = sign_request(&ps, &claims());
    assert_eq!(accept(token.as_bytes(), &rs).unwrap_err(), JwsError::Rejected("alg"));
    let token = sign_request(&rs, &claims());
    assert_eq!(accept(token.as_bytes(), &ed).unwrap_err(), JwsError::Rejected("alg"));
}

#[test]
fn another_keys_signature_is_rejected() {
    let other = SigningKey::from_seed("ed-1", [2; 32]);
    assert_eq!(rejected(sign_request(&other, &claims()).as_bytes()), JwsError::Rejected("signature"));
}

#[test]
fn any_change_after_signing_is_rejected() {
    let token = sign_request(&ed25519(1), &claims()).into_bytes();
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(accept(&changed, &ed25519(1)).is_err(), "byte {at}");
    }
}

#[test]
fn another_audience_path_or_method_is_rejected() {
    for (name, value) in [
        ("aud", json!("https://us.umoja.example")),
        ("aud", json!(format!("{AUD}/"))),
        ("htu", json!(format!("{AUD}/v1/users/erase"))),
        ("htu", json!(format!("{AUD}{PATH}?x=1"))),
        ("htu", json!(PATH)),
        ("htm", json!("GET")),
        ("htm", json!("post")),
    ] {
        assert_eq!(rejected(&altered(name, Some(value))), JwsError::Rejected(name), "{name}");
    }
}

#[test]
fn a_request_with_another_api_key_is_rejected() {
    let token = sign_request(&ed25519(1), &RequestClaims { akh: api_key(2).akh(), ..claims() });
    assert_eq!(rejected(token.as_bytes()), JwsError::Rejected("akh"));
}

#[test]
fn a_missing_or_mistyped_claim_is_rejected_by_name() {
    for name in ["iss", "aud", "iat", "exp", "jti", "htm", "htu", "akh"] {
        let wrong = [None, Some(json!(null)), Some(json!([AUD])), Some(json!({})), Some(json!(true)), Some(json!(""))];
        for value in wrong {
            assert_eq!(rejected(&altered(name, value)), JwsError::Rejected(name), "{name}");
        }
    }
    assert_eq!(rejected(&altered("body", None)), JwsError::Rejected("body"));
    assert_eq!(rejected(&altered("idk", Some(json!(null)))), JwsError::Rejected("idk"));
    assert_eq!(rejected(&altered("idk", Some(json!("")))), JwsError::Rejected("idk"));
}

#[test]
fn times_must_be_integers() {
    for name in ["iat", "exp"] {
        for value in [json!(NOW.to_string()), json!(1_700_000_000.5), json!(-1), json!(1e300), json!([NOW])] {
            assert_eq!(rejected(&altered(name, Some(value))), JwsError::Rejected(name), "{name}");
        }
    }
}

#[test]
fn ids_have_1_to_64_characters() {
    for name in ["jti", "idk"] {
        assert!(accept(&altered(name, Some(json!("ä".repeat(64)))), &ed25519(1)).is_ok());
        assert_eq!(rejected(&altered(name, Some(json!("a".repeat(65))))), JwsError::Rejected(name));
    }
}

#[test]
fn expired_or_future_or_long_lived_requests_are_rejected() {
    for (iat, exp) in [(NOW - 70, NOW - 10), (NOW + 6, NOW + 20), (NOW, NOW + 61), (NOW, NOW)] {
        let token = sign_request(&ed25519(1), &RequestClaims { iat, exp, ..claims() });
        assert!(matches!(rejected(token.as_bytes()), JwsError::Rejected("iat" | "exp")));
    }
}

#[test]
fn a_request_with_expired_times_is_never_verified() {
    let token = sign_request(&ed25519(1), &claims());
    let expired = parse_request(token.as_bytes()).unwrap();
    assert!(expired.check_times(NOW + 1000).is_err());
}

#[test]
fn headers_with_missing_unknown_or_repeated_keys_are_rejected() {
    let claims = payload(&sign_request(&ed25519(1), &claims())).to_string();
    let with = |header: &str| rejected(&forge(header, &claims, |input| ed25519(1).sign(input)));
    assert_eq!(with(r#"{"alg":"EdDSA","kid":"ed-1"}"#), JwsError::Rejected("typ"));
    assert_eq!(with(r#"{"alg":"EdDSA","kid":"ed-1","typ":"JWT"}"#), JwsError::Rejected("typ"));
    assert_eq!(with(r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-res+jwt"}"#), JwsError::Rejected("typ"));
    assert_eq!(with(r#"{"alg":"EdDSA","typ":"umoja-req+jwt"}"#), JwsError::Rejected("kid"));
    assert_eq!(with(r#"{"kid":"ed-1","typ":"umoja-req+jwt"}"#), JwsError::Rejected("alg"));
    for header in [
        r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-req+jwt","crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"ed-1","typ":"umoja-req+jwt","jwk":{}}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed-1","typ":"umoja-req+jwt"}"#,
        r#"{"alg":["EdDSA"],"kid":"ed-1","typ":"umoja-req+jwt"}"#,
        r#"["EdDSA","ed-1","umoja-req+jwt"] "#,
        "null",
        "",
    ] {
        assert_eq!(with(header), JwsError::Malformed, "{header}");
    }
}

#[test]
fn claims_with_invalid_keys_or_deep_nesting_are_malformed() {
    let honest = payload(&sign_request(&ed25519(1), &claims())).to_string();
    let open = honest.strip_suffix('}').unwrap();
    let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
    let deepest = "[".repeat(100_000);
    for claims in [
        format!(r#"{open},"admin":true}}"#),
        format!(r#"{open},"iss":"acme"}}"#),
        honest.replace(r#""email""#, r#""nested":1,"email""#),
        honest.replace(r#"{"a":1.5"#, r#"{"b":0,"a":1.5"#),
        honest.replace("1.5", &deep),
        honest.replace("1.5", &deepest),
        honest.replace(r#""acme""#, &deep),
        honest.replace("acme", "ac\u{0}me"),
        format!("{honest}{{}}"),
        // A derived struct would also read an array of its fields.
        format!(r#"["acme","{AUD}",{NOW},{NOW},"j","POST","{AUD}{PATH}","x","i",{{}}]"#),
        "[]".into(),
        "null".into(),
        String::new(),
    ] {
        let token = forge(HEADER, &claims, |input| ed25519(1).sign(input));
        assert_eq!(parse_request(&token).err(), Some(JwsError::Malformed), "{claims:.200}");
    }
}

#[test]
fn a_non_compact_jws_is_malformed() {
    let token = sign_request(&ed25519(1), &claims());
    let flipped = token.replace('.', "..");
    for text in [
        b"".as_slice(),
        b".",
        b"..",
        b"...",
        b"\xff\xfe.\xff.\xff",
        b"{\"email\":\"ada@example.org\"}",
        flipped.as_bytes(),
        format!("{token}=").as_bytes(),
        format!("{token}\n").as_bytes(),
        format!(" {token}").as_bytes(),
        format!("{token}.").as_bytes(),
        &vec![b'.'; MAX_REQUEST_BYTES],
        &vec![b'A'; MAX_REQUEST_BYTES + 1],
    ] {
        assert_eq!(parse_request(text).err(), Some(JwsError::Malformed));
    }
    let big = RequestClaims { body: json!("x".repeat(MAX_REQUEST_BYTES)), ..claims() };
    assert_eq!(parse_request(sign_request(&ed25519(1), &big).as_bytes()).err(), Some(JwsError::Malformed));
}

#[test]
fn debug_of_a_request_shows_no_body() {
    let token = sign_request(&ed25519(1), &claims());
    let parsed = parse_request(token.as_bytes()).unwrap();
    let request = accept(token.as_bytes(), &ed25519(1)).unwrap();
    for text in [format!("{parsed:?}"), format!("{request:?}"), format!("{:?}", claims())] {
        assert!(!text.contains("ada"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse_request(&bytes).is_err());
    }

    #[test]
    fn any_header_and_claims_are_rejected_without_a_panic(
        header in "\\PC{0,60}", claims in "[\\[\\]{}:,\"a-z0-9.]{0,100}", real in any::<bool>(),
    ) {
        let header = if real { HEADER } else { &header };
        let token = forge(header, &claims, |input| ed25519(1).sign(input));
        prop_assert!(accept(&token, &ed25519(1)).is_err());
    }

    #[test]
    fn any_claim_of_any_type_never_panics(
        name in prop::sample::select(vec!["iss", "aud", "iat", "exp", "jti", "htm", "htu", "akh", "idk", "body"]),
        number in any::<i64>(), text in "\\PC{0,80}", kind in 0u8..4,
    ) {
        let value = match kind {
            0 => json!(number),
            1 => json!(text),
            2 => json!([text, number]),
            _ => json!({ text: number }),
        };
        let _ = accept(&altered(name, Some(value)), &ed25519(1));
    }
}
