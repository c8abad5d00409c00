use serde_json::{Value, json};

use super::super::test_keys::one_of_each;
use super::*;

/// RFC 7638 section 3.1.
const RFC7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

#[test]
fn the_thumbprint_of_rfc_7638_is_made() {
    let jwk = json!({ "kty": "RSA", "n": RFC7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let key = Jwk::parse(&jwk).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!((key.kid(), key.key().algorithm()), (Some("2011-04-29"), Algorithm::Rs256));
}

#[test]
fn the_thumbprint_of_rfc_8037_is_made() {
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(Jwk::parse(&jwk).unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_published_key_is_read_and_verifies() {
    for key in one_of_each() {
        let jwk = Jwk::parse(&key.jwk()).unwrap();
        assert_eq!((jwk.kid(), jwk.key().algorithm()), (Some(key.kid()), key.algorithm()));
        assert!(jwk.key().verifies(b"message", &key.sign(b"message")), "{}", key.algorithm());
        assert_eq!(jwk.thumbprint().len(), 43);
    }
}

#[test]
fn a_key_that_is_private_symmetric_for_encryption_or_contradicts_itself_is_no_key() {
    let [_, es, rs, _] = one_of_each();
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let (es, rs) = (es.jwk(), rs.jwk());
    for jwk in [
        with(&es, "d", json!("AQ")),
        with(&rs, "p", json!("AQ")),
        with(&es, "use", json!("enc")),
        with(&es, "alg", json!("RS256")),
        with(&rs, "alg", json!("HS256")),
        with(&es, "crv", json!("P-384")),
        with(&es, "x", json!("AQ")),
        with(&es, "x", es["y"].clone()),
        with(&es, "kid", json!(1)),
        with(&rs, "n", json!("AQAB")),
        json!({ "kty": "oct", "k": "AQ" }),
        json!([]),
    ] {
        assert!(Jwk::parse(&jwk).is_err(), "{jwk}");
    }
    assert!(matches!(Jwk::parse(&with(&rs, "e", json!("AQ"))), Err(KeyError::Weak | KeyError::Key)));
}

#[test]
fn numbers_are_written_in_der() {
    assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
    assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    assert_eq!(integer(&[]), [2, 1, 0]);
    assert_eq!(tagged(4, &[1; 0x80])[..3], [4, 0x81, 0x80]);
    assert_eq!(tagged(4, &[1; 0x100])[..4], [4, 0x82, 1, 0]);
}
