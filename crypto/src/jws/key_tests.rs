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

/// SubjectPublicKeyInfo of an RSA key, written by hand (RFC 3279 section 2.3.1).
fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> String {
    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = match content.len() {
            0..128 => vec![length[1]],
            128..256 => vec![0x81, length[1]],
            _ => vec![0x82, length[0], length[1]],
        };
        [&[tag][..], &length, content].concat()
    }
    let rsa_encryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let integers = [tlv(2, &[&[0], modulus].concat()), tlv(2, exponent)].concat();
    let bits = tlv(3, &[&[0], &tlv(0x30, &integers)[..]].concat());
    encode("PUBLIC KEY", &tlv(0x30, &[&rsa_encryption[..], &bits].concat()))
}

#[test]
fn ed25519_keys_of_small_order_are_rejected() {
    // All 14 encodings: ed25519-speccheck of "Taming the many EdDSAs" (IACR ePrint 2020/1244), canonical ones first.
    let ff = "f".repeat(60);
    for hex in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        &format!("ec{ff}7f"),
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        &format!("ec{ff}ff"),
        &format!("ee{ff}7f"),
        &format!("ee{ff}ff"),
        &format!("ed{ff}7f"),
        &format!("ed{ff}ff"),
        // Not of small order, but a second spelling of y = 2 and of y = 18.
        &format!("ef{ff}7f"),
        &format!("ff{ff}ff"),
    ] {
        let key = hex::decode(hex).unwrap();
        let pem = encode("PUBLIC KEY", &[&ED25519_SPKI[..], &key].concat());
        assert_eq!(VerifyingKey::from_public_pem(Algorithm::EdDsa, &pem).unwrap_err(), KeyError::Weak, "{hex}");
        let jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k", "x": URL_SAFE_NO_PAD.encode(&key)});
        assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), KeyError::Weak, "{hex}");
    }
}

#[test]
fn the_universal_signature_of_a_key_of_small_order_is_why() {
    use aws_lc_rs::signature::UnparsedPublicKey;
    // Under the neutral element, R = the neutral element and S = 0 satisfy the equation of RFC 8032 section 5.1.7.
    let neutral = [&[1][..], &[0; 31]].concat();
    let signature = [&neutral[..], &[0; 32]].concat();
    let library = UnparsedPublicKey::new(&ED25519, &neutral);
    assert!(library.verify(b"any message", &signature).is_ok() && library.verify(b"another", &signature).is_ok());
}

#[test]
fn rsa_keys_that_are_short_or_have_exponent_1_or_an_even_one_are_rejected() {
    let modulus = [&[0xc1][..], &[0xa5; 254], &[0x0b]].concat();
    let read = |modulus: &[u8], exponent: &[u8]| {
        VerifyingKey::from_public_pem(Algorithm::Rs256, &rsa_spki(modulus, exponent)).map(drop)
    };
    assert_eq!(read(&modulus, &[1, 0, 1]), Ok(()));
    assert_eq!(read(&modulus, &[3]), Ok(()));
    for exponent in [&[1][..], &[2], &[1, 0, 2], &[0]] {
        assert!(read(&modulus, exponent).is_err(), "{exponent:?}");
    }
    assert_eq!(read(&modulus[..128], &[1, 0, 1]), Err(KeyError::Key));
    assert_eq!(read(&modulus[1..], &[1, 0, 1]), Err(KeyError::Key), "2040 bits");
}

#[test]
fn p_256_keys_that_are_no_point_of_the_curve_are_rejected() {
    // The point at infinity is one zero byte (SEC 1 section 2.3.3).
    let infinity = hex::decode("3019301306072a8648ce3d020106082a8648ce3d03010703020000").unwrap();
    let pem = encode("PUBLIC KEY", &infinity);
    assert_eq!(VerifyingKey::from_public_pem(Algorithm::Es256, &pem).unwrap_err(), KeyError::Key);
    for coordinate in [[0; 32], [1; 32], [0xff; 32]] {
        let text = URL_SAFE_NO_PAD.encode(coordinate);
        let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "x": text, "y": text});
        assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), KeyError::Key, "{text}");
    }
}
