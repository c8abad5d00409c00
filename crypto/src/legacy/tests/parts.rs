//! Published vectors of hashes in separate parts.

use zeroize::Zeroizing;

use super::*;
use crate::bound::Bound;
use crate::password::PasswordKeys;

fn with_secret(id: &str, secret: &[u8]) -> Passwords {
    let keys = HashKeys::default().with(id, HashKey::Secret(Zeroizing::new(secret.to_vec()))).unwrap();
    small().with_keys(PasswordKeys::from(keys))
}

#[test]
fn plain_salted_and_nested_digests_verify() {
    use Digest::{Md4, Md5, Sha1, Sha256, Sha384, Sha512};
    use Place::{First, Last};
    // hashcat's example hashes, by mode: `hash` or `hash:salt`, the password is `hashcat`.
    for (steps, native) in [
        (vec![Step::plain(Md5)], "8743b52063cd84097a65d1633f5c74f5"), // 0
        (vec![Step::salted(Md5, Last)], "3d83c8e717ff0e7ecfe187f088d69954:343141"), // 10
        (vec![Step::salted(Md5, First)], "57ab8499d08c59a7211c77f557bf9425:4247"), // 20
        (vec![Step::plain(Sha1)], "b89eaac7e61417341b710b727768294d0e6a277b"), // 100
        (vec![Step::salted(Sha1, Last)], "848952984db93bdd2d0151d4ecca6ea44fcf49e3:30007548152"), // 110
        (vec![Step::salted(Sha1, First)], "a428863972744b16afef28e0087fc094b44bb7b1:465727565"), // 120
        (vec![Step::plain(Md4)], "afe04867ec7a3845145579a95f72eca7"), // 900
        (vec![Step::plain(Sha256)], "127e6fbfe24a750e72930c220a8e138275656b8e5d8f48a98c3c92df2caba935"), // 1400
        (
            vec![Step::salted(Sha256, Last)],
            "5bb7456f43e3610363f68ad6de82b8b96f3fc9ad24e9d1f1f8d8bd89638db7c0:12480864321",
        ), // 1410
        (
            vec![Step::salted(Sha256, First)],
            "816d1ded1d621873595048912ea3405d9d42afd3b57665d9f5a2db4d89720854:36176620",
        ), // 1420
        (
            vec![Step::plain(Sha512)],
            "82a9dda829eb7f8ffe9fbe49e45d47d2dad9664fbb7adf72492e3c81ebd3e29134d9bc12212bf83c6840f10e8246b9db54a4859b7ccd0123d86e5872c1e5082f",
        ), // 1700
        (
            vec![Step::salted(Sha512, Last)],
            "3f749c84d00c6f94a6651b5c195c71dacae08f3cea6fed760232856cef701f7bf60d7f38a587f69f159d4e4cbe00435aeb9c8c0a4927b252d76a744e16e87e91:388026522082",
        ), // 1710
        (
            vec![Step::salted(Sha512, First)],
            "efc5dd0e4145970917abdc311e1d4e23ba0afa9426d960cb28569f4d585cb031af5c936f57fbcb0a08368a1b302573cf582100d40bd7c632f3d8aecd1a1a8eb1:812",
        ), // 1720
        (vec![Step::plain(Md5), Step::salted(Md5, Last)], "28f9975808ae2bdc5847b1cda26033ea:308"), // 2611, vBulletin
        (
            vec![Step::plain(Sha384)],
            "07371af1ca1fca7c6941d2399f3610f1e392c56c6d73fddffe38f18c430a2817028dae1ef09ac683b62148a2c8757f42",
        ), // 10800
    ] {
        let (hash, salt) = native.split_once(':').unwrap_or((native, ""));
        assert_only(&ForeignHash::chain(&steps, None, salt.as_bytes(), &hex(hash)).unwrap(), "hashcat");
    }
}

#[test]
fn hmacs_with_salt_password_or_secret_as_their_key_verify() {
    use Digest::{Md5, Sha1, Sha256, Sha512};
    use HmacKey::{Password, Salt, Secret};
    // hashcat's example hashes, by mode; the password is `hashcat`.
    for (digest, key, hash, salt) in [
        (Md5, Password, "e28e4e37e972a945e464b5226053bac0", "40"), // 50
        (Md5, Salt, "7f51edecfa6fb401a0b5e63d33fc8c0e", "84143"),  // 60
        (Sha1, Password, "02b256705348a28b1d6c0f063907979f7e0c82f8", "10323"), // 150
        (Sha1, Salt, "8d7cb4d4a27a438059bb83a34d1e6cc439669168", "2134817"), // 160
        (Sha256, Password, "b435ffbacea34d5eb0dbc4d69a92f0152f2cf4cd364d34c2ece322ca22d8b334", "21217"), // 1450
        (Sha256, Salt, "8b9472281c36c3a693703de0e0f1ffab8fc0ecdd3bc5ead04c76dd74ef431e49", "70108387805"), // 1460
        (
            Sha512,
            Password,
            "138c00f17a1a0363f274817c91118f019aff09f937bfdaea844280a0c0e7811267cc4735d967d8640eed1218268c1c4a76fec8f7aa551491b353829f3a654270",
            "885142",
        ), // 1750
        (
            Sha512,
            Salt,
            "7d02921299935179d509e6dd4f3d0f2944e3451ea9de3af16baead6a7297e5653577d2473a0fff743d9fe78a89bd49296114319989dc7e7870fc7f62bc96accb",
            "114",
        ), // 1760
    ] {
        let stored = ForeignHash::chain(&[Step::hmac(digest, key)], None, salt.as_bytes(), &hex(hash)).unwrap();
        assert_only(&stored, "hashcat");
        if key == Salt {
            // The same with one secret for all records as the salt.
            let passwords = with_secret("shop", salt.as_bytes());
            let hash = ForeignHash::chain(&[Step::hmac(digest, Secret)], Some("shop"), b"", &hex(hash)).unwrap();
            assert_only_with(&passwords, &hash, "hashcat");
            assert_eq!(compare(&hash, "hashcat"), LegacyOutcome::MissingKey);
            assert_eq!(compare_with(&with_secret("shop", b"other"), &hash, "hashcat"), LegacyOutcome::Wrong);
        }
    }
}

#[test]
fn utf_16_and_nt_hashes_verify() {
    // hashcat's example hashes 30, 40, 70 and 1000.
    for (steps, native) in [
        (Step::salted(Digest::Md5, Place::Last), "1169500a7dfece72e1f7fc9c9410867a:687430237020"),
        (Step::salted(Digest::Md5, Place::First), "23a8a90599fc5d0d15265d4d3b565f6e:58802707"),
        (Step::plain(Digest::Md5), "2303b15bfa48c74a74758135a0df1201"),
        (Step::plain(Digest::Md4), "b4b9b02e6f09a9bd760f388b67351e2b"),
    ] {
        let (hash, salt) = native.split_once(':').unwrap_or((native, ""));
        let hash = ForeignHash::chain(&[steps], None, salt.as_bytes(), &hex(hash)).unwrap();
        assert_only(&hash.with_encoding(PasswordEncoding::Utf16Le), "hashcat");
    }
    // [MS-NLMP] by way of passlib's tests, and John the Ripper's with letters beyond ASCII.
    for (password, hash) in [
        ("OLDPASSWORD", "6677b2c394311355b54f25eec5bfacf5"),
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("\u{fc}", "8bd6e4fb88e01009818749c5443ea712"),
        ("\u{20ac}\u{20ac}", "682467b963bb4e61943e170a04f7db46"),
    ] {
        assert_only(&ForeignHash::nt(&hex(hash)).unwrap(), password);
    }
}

#[test]
fn latin_1_hashes_verify_only_latin_1_bytes() {
    // SHA-1 over the bytes 6d fc 6c 6c (`printf 'm\374ll' | sha1sum`).
    let hash = hex("49cc16852914155c8c73adcd16a148fb8f8bb0ec");
    let hash = ForeignHash::chain(&[Step::plain(Digest::Sha1)], None, b"", &hash).unwrap();
    assert_eq!(compare(&hash, "m\u{fc}ll"), LegacyOutcome::Wrong, "the same letters in UTF-8");
    let hash = hash.with_encoding(PasswordEncoding::Latin1);
    assert_eq!(compare(&hash, "m\u{fc}ll"), LegacyOutcome::Verified);
    assert_eq!(compare(&hash, "m\u{1fc}ll"), LegacyOutcome::Wrong, "a letter with the same low byte");
}

#[test]
fn shops_verify() {
    // hashcat's example hashes 11000 and 13900.
    let cookie_key = "27167508161455764247627144160038845437138252877014827848";
    let passwords = with_secret("presta-1", cookie_key.as_bytes());
    let presta = ForeignHash::presta_shop("presta-1", &hex("f22cade043e7214200206dbffca49fd9")).unwrap();
    assert_only_with(&passwords, &presta, "hashcat");
    assert!(!presta.to_stored(&passwords, [1; 16]).contains("2716"), "the secret is not in the record");
    let open = ForeignHash::open_cart("827500576", &hex("058c1c3773340c8563421e2b17e60eb7c916787e")).unwrap();
    assert_only(&open, "hashcat");
}

#[test]
fn firebase_verifies_with_the_projects_parameters_only() {
    // https://github.com/firebase/scrypt, README.
    let decode = |text: &str| TextEncoding::Base64.decode(text).unwrap();
    let signer_key = decode("jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==");
    let salt = decode("42xEC+ixf3L2lw==");
    let hash = decode("lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==");
    let with_separator = |separator: &str| {
        let key = HashKey::Firebase { signer_key: signer_key.clone(), salt_separator: decode(separator).to_vec() };
        small().with_keys(PasswordKeys::from(HashKeys::default().with("project", key).unwrap()))
    };
    let firebase = ForeignHash::firebase("project", 14, 8, &salt, &hash).unwrap();
    assert_only_with(&with_separator("Bw=="), &firebase, "user1password");
    assert_eq!(compare_with(&with_separator("CA=="), &firebase, "user1password"), LegacyOutcome::Wrong);
    assert_eq!(compare(&firebase, "user1password"), LegacyOutcome::MissingKey);
    assert_eq!(firebase.key_id(), Some("project"));
    for (memory, rounds) in [(18, 8), (14, 81), (63, 8)] {
        let rejected = ForeignHash::firebase("project", memory, rounds, &salt, &hash).map(|_| ());
        assert!(matches!(rejected, Err(ImportError::TooCostly(Bound { family: "firebase", .. }))), "{rejected:?}");
    }
}

#[test]
fn firebase_hashes_the_whole_password() {
    // Made with Python's hashlib.scrypt and OpenSSL's AES: password "pässwörd", and "passw", its reduction to ASCII.
    let key = HashKey::Firebase { signer_key: Zeroizing::new(vec![1; 64]), salt_separator: vec![7] };
    let passwords = small().with_keys(PasswordKeys::from(HashKeys::default().with("p", key).unwrap()));
    let hash = ForeignHash::firebase("p", 11, 8, b"saltsalt", &hex(FIREBASE_UMLAUTS)).unwrap();
    assert_only_with(&passwords, &hash, "p\u{e4}ssw\u{f6}rd");
    for cut in ["p\u{f6}ssw\u{e4}rd", "pssw", "psswrd", "p?ssw?rd", "pssword"] {
        assert_eq!(compare_with(&passwords, &hash, cut), LegacyOutcome::Wrong);
    }
}

const FIREBASE_UMLAUTS: &str = "68139885170f841542661afac54b65b9ef4ec148cb9263a9ac19de5dfee39ad9252217f4f1f77ad3c8402a4558409716c172fc8a174d36ec640ae6895e26b6b5";

#[test]
fn keycloak_verifies() {
    // The realm of solo.io's gloo-portal demo: user1, whose password is `password`.
    let secret = r#"{"value":"JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=","salt":"P5rtFkGtPfoaryJ6PizUJw==","additionalParameters":{}}"#;
    let credential = r#"{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#;
    assert_only(&ForeignHash::keycloak(credential, secret).unwrap(), "password");
    // phc-winner-argon2, src/test.c, in Keycloak's form: argon2id, version 19, t = 2, m = 2^8, p = 1.
    let secret = r#"{"value":"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4=","salt":"c29tZXNhbHQ="}"#;
    let credential = r#"{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["256"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;
    assert_only(&ForeignHash::keycloak(credential, secret).unwrap(), "password");
    for credential in ["", "{}", r#"{"hashIterations":1,"algorithm":"pbkdf2-md5"}"#] {
        assert_eq!(ForeignHash::keycloak(credential, secret).map(|_| ()), Err(ImportError::Unsupported));
    }
    let credential = r#"{"hashIterations":10000001,"algorithm":"pbkdf2-sha256"}"#;
    let bound = Bound { family: "pbkdf2", parameter: "iterations times blocks of the output", limit: 10_000_000 };
    assert_eq!(ForeignHash::keycloak(credential, secret).map(|_| ()), Err(ImportError::TooCostly(bound)));
    let credential = r#"{"hashIterations":0,"algorithm":"pbkdf2"}"#;
    let bound = Bound { family: "pbkdf2", parameter: "iterations", limit: 1 };
    assert_eq!(ForeignHash::keycloak(credential, secret).map(|_| ()), Err(ImportError::BelowMinimum(bound)));
}

#[test]
fn auth0s_objects_verify() {
    let none = HashKeys::default();
    // Hashes of hashcat's examples 0, 20, 110, 1000 and 8900, of RFC 7914 section 12, and of passlib's tests.
    for (password, object) in [
        ("hashcat", r#"{"algorithm":"md5","hash":{"value":"8743b52063cd84097a65d1633f5c74f5","encoding":"hex"}}"#),
        (
            "hashcat",
            r#"{"algorithm":"md5","hash":{"value":"V6uEmdCMWachHHf1V7+UJQ==","encoding":"base64"},"salt":{"value":"34323437","encoding":"hex"}}"#,
        ),
        (
            "hashcat",
            r#"{"algorithm":"sha1","hash":{"value":"848952984db93bdd2d0151d4ecca6ea44fcf49e3","encoding":"hex"},"salt":{"value":"30007548152","position":"suffix"}}"#,
        ),
        (
            "hashcat",
            r#"{"algorithm":"md4","hash":{"value":"b4b9b02e6f09a9bd760f388b67351e2b","encoding":"hex"},"password":{"encoding":"utf16le"}}"#,
        ),
        (
            "hashcat",
            r#"{"algorithm":"scrypt","hash":{"value":"Cc8SPjRH1hFQhuIPCdF51uNGtJ2aOY/isuoMlMUsJ8c=","encoding":"base64"},"salt":{"value":"OTEyNzU0ODg=","encoding":"base64"},"keylen":32,"cost":16384,"blockSize":8,"parallelization":1}"#,
        ),
        (
            "password",
            r#"{"algorithm":"pbkdf2","hash":{"value":"$pbkdf2-sha256$i=1212,l=32$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg+fJPeq1h/gXXY7acBp9/6c+tmQ","encoding":"utf8"}}"#,
        ),
        ("testing123", r#"{"algorithm":"ldap","hash":{"value":"{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"}}"#),
        (
            "U*U",
            r#"{"algorithm":"bcrypt","hash":{"value":"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}}"#,
        ),
    ] {
        assert_only(&ForeignHash::auth0(object, &none).unwrap(), password);
    }
    // hashcat's example hash 1460.
    let object = r#"{"algorithm":"hmac","hash":{"value":"8b9472281c36c3a693703de0e0f1ffab8fc0ecdd3bc5ead04c76dd74ef431e49","encoding":"hex","digest":"sha256","key":{"value":"NzAxMDgzODc4MDU=","encoding":"base64"}}}"#;
    assert_eq!(ForeignHash::auth0(object, &none).map(|_| ()), Err(ImportError::MissingKey));
    let passwords = with_secret("old-site", b"70108387805");
    let hash = ForeignHash::auth0(object, passwords.hash_keys()).unwrap();
    assert_only_with(&passwords, &hash, "hashcat");
    assert_eq!(hash.key_id(), Some("old-site"));
}
