use super::super::test_keys::{ed25519 as key, one_of_each, p256_der, private_pem};
use super::*;

#[test]
fn every_algorithm_signs_and_verifies_and_reads_back() {
    for key in one_of_each() {
        let signature = key.sign(b"message");
        let public = VerifyingKey::from_public_pem(key.algorithm(), &key.public_key_pem()).unwrap();
        assert!(public.verifies(b"message", &signature));
        assert!(!public.verifies(b"massage", &signature));
        assert!(!public.verifies(b"message", &[]));
        assert!(!public.verifies(b"message", &signature[1..]));
        assert!(!public.verifies(b"message", &[&signature[..], &[0]].concat()));

        let read = SigningKey::from_private_pem("again", key.algorithm(), &key.private_key_pem()).unwrap();
        assert!(public.verifies(b"other", &read.sign(b"other")));
        assert_eq!(read.public_key_pem(), key.public_key_pem());
    }
}

#[test]
fn a_key_of_one_algorithm_is_not_a_key_of_another() {
    for key in one_of_each() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
            // The same RSA key may serve either padding: which one is fixed when it is registered.
            let rsa = |a: Algorithm| matches!(a, Algorithm::Rs256 | Algorithm::Ps256);
            let fits = algorithm == key.algorithm() || (rsa(algorithm) && rsa(key.algorithm()));
            let public = VerifyingKey::from_public_pem(algorithm, &key.public_key_pem());
            assert_eq!(public.is_ok(), fits, "{algorithm} {}", key.algorithm());
            let private = SigningKey::from_private_pem("k", algorithm, &key.private_key_pem());
            assert_eq!(private.is_ok(), fits, "{algorithm} {}", key.algorithm());
            if let Ok(public) = public
                && algorithm != key.algorithm()
            {
                assert!(!public.verifies(b"message", &key.sign(b"message")));
            }
        }
    }
}

#[test]
fn pem_that_is_not_a_public_key_is_rejected() {
    let pem = key(1).public_key_pem();
    for text in [
        "",
        "not pem",
        &key(1).private_key_pem(),
        &pem.replace("PUBLIC", "RSA PUBLIC"),
        &pem.replace("MCow", "MCoW"),
        &format!("{pem}{pem}"),
        &"A".repeat(100_000),
    ] {
        assert!(VerifyingKey::from_public_pem(Algorithm::EdDsa, text).is_err(), "{text}");
    }
    // Raw key bytes under a label that promises DER.
    let raw = encode("PUBLIC KEY", &[0x30; 32]);
    assert_eq!(VerifyingKey::from_public_pem(Algorithm::EdDsa, &raw).unwrap_err(), KeyError::Key);
    // Blank lines around it, as pasted, are fine; so are Windows line ends.
    assert!(VerifyingKey::from_public_pem(Algorithm::EdDsa, &format!("\n{pem}\n\n")).is_ok());
    assert!(VerifyingKey::from_public_pem(Algorithm::EdDsa, &pem.replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_seed_becomes_pkcs8_version_1_as_openssl_writes_it() {
    // RFC 8410 section 10.3: the example private key without attributes.
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let read = SigningKey::from_private_pem("k", Algorithm::EdDsa, pem).unwrap();
    let mut seed = [0; 32];
    seed.copy_from_slice(&read.pkcs8[16..]);
    let made = SigningKey::from_seed("k", seed);
    assert_eq!(made.private_key_pem().as_str(), pem);
    // RFC 8410 section 10.1: its public key.
    assert_eq!(
        made.public_key_pem(),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
    );
}

#[test]
fn a_jwk_reads_back_without_private_members() {
    for key in one_of_each() {
        let jwk = key.jwk();
        assert!(jwk.get("d").is_none() && jwk["kid"] == key.kid() && jwk["alg"] == key.algorithm().name());
        match VerifyingKey::from_jwk(&jwk) {
            Ok((kid, public)) => {
                assert_eq!((kid.as_str(), public.algorithm()), (key.kid(), key.algorithm()));
                assert!(public.verifies(b"message", &key.sign(b"message")));
            }
            Err(_) => assert_eq!(jwk["kty"], "RSA"),
        }
    }
    for broken in [json!({}), json!([]), json!({"kty": "oct", "k": "AAAA"}), json!({"kty": "OKP", "crv": "Ed25519"})] {
        assert!(VerifyingKey::from_jwk(&broken).is_err());
    }
    let mut short = key(1).jwk();
    short["x"] = json!("AAAA");
    assert!(VerifyingKey::from_jwk(&short).is_err());
}

#[test]
fn debug_of_keys_is_redacted() {
    assert_eq!(format!("{:?}", key(1)), "SigningKey(ed-1, EdDSA, [redacted])");
    let es256 = SigningKey::from_private_pem("k", Algorithm::Es256, &private_pem(&p256_der())).unwrap();
    assert_eq!(format!("{:?}", es256.verifying_key()), "VerifyingKey(ES256)");
}

#[test]
fn keys_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<VerifyingKey>();
    shared::<SigningKey>();
    shared::<crate::Passwords>();
    shared::<crate::jws::Unverified>();
}
