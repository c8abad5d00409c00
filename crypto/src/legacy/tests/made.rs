//! Hashes that the libraries of other systems made, or that their documentation and tests show.

use zeroize::Zeroizing;

use super::*;
use crate::password::PasswordKeys;

const PASSWORD: &str = "it's \u{e4} \"plain\" pass 9";

#[test]
fn werkzeug_s_hashes_verify() {
    // werkzeug 3.1.9, `generate_password_hash`.
    for native in [
        "scrypt:32768:8:1$9qq2tR8cI2KD94R3$bf981991b635d13b5607ac983e8c94e1eb2a1d179abdbebaf02abb5e78704801cd4bfe256252761278b80dbe09eb0b5f523ddb2829de5014b74370055b6e750c",
        "scrypt:1024:8:1$KXNNbOCz4zz5sDlY$bdb7e9841545a3a977f7ee275916eac1eb4a2021adb8d53f604d4c97a3c17e0ea5bcaaa007b400eeb59977e6e193b929da30335be35ae8f447f3cdbb35d42af1",
        "pbkdf2:sha256:1000$PRFWVfZCao4UCySL$c8d688d496938d388bacb95213dda9c5ccb6664d12147f628843c7ee91274ea0",
        "pbkdf2:sha1:5000$oFpby2jdbIzahXRO$091ed410bbee0b49de09e9d3de766c3fb3666f4a",
        "pbkdf2:sha512:2000$dde676nJp0Y5Zp2d$9025a0ebb3379317945700ec345b3bd8a06e1c29a28fa7b46fa4186556d18a64609484e3b60d8ad785508acb5edb9f73ae557d378d76c0e9a83ccf16d52ac06c",
        // werkzeug 2.3.8.
        "sha256$8k7wwdNHRhES0Fuz$9f2b78ea4d1dcd4897300a66dd94f7aac4a9fef676aa6ff2cd136026561b34d3",
    ] {
        assert_only(&parse(native), PASSWORD);
        assert_only(&ForeignHash::werkzeug(native).unwrap(), PASSWORD);
    }
    // werkzeug 2.3.8; Django wrote the same prefixes and means another function.
    for native in [
        "sha1$ohvKRpAAUX0CIzbU$7c55f320d7361e3fbac41f64b867580707898b52",
        "md5$J3bmQgN1cdZVB3wG$aa97374c12d7fec089a539054840df89",
    ] {
        assert_only(&ForeignHash::werkzeug(native).unwrap(), PASSWORD);
        assert_eq!(compare(&parse(native), PASSWORD), LegacyOutcome::Wrong);
    }
    for native in ["plain$salt$password", "scrypt:32768:8$salt$00", "pbkdf2:sha256$salt$00", "sha256$salt$00"] {
        assert!(ForeignHash::werkzeug(native).is_err(), "{native}");
    }
    let costly = format!("scrypt:1048576:8:1$salt${}", "00".repeat(64));
    assert!(matches!(ForeignHash::parse(&costly).map(|_| ()), Err(ImportError::TooCostly(_))));
}

#[test]
fn django_s_hashes_verify() {
    // Django 5.2.19, `make_password`.
    for native in [
        "bcrypt_sha256$$2b$12$oF8tUNK787ZAKOYxpoGIYuTwDh3WCd1WiaKXYzwENuJm5Owhv0l7y",
        "scrypt$16384$qSNoKGqzBbK4LPf3DJiIw0$8$5$0xq+ByZtU9kA3doXfb6TffEI5rncDE+ylBBy4XM0WB9EeM+VbdqFCRCYqdCqnWQmpToIQlrhk0RuFwd4T2iaTw==",
        "md5$z54Wkd8u9QhIH1Opmv5ODx$14ba25743ba5f3a78c53f3f35d5d9829",
    ] {
        assert_eq!(compare(&parse(native), PASSWORD), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&parse(native), "other"), LegacyOutcome::Wrong, "{native}");
    }
}

#[test]
fn better_auth_and_lucia_normalise_the_password() {
    // better-auth 1.7.25 and Lucia 3.2.2 with an e and an acute accent; the third by Python's hashlib as Lucia's
    // `LegacyScrypt` writes it.
    for native in [
        "9a06793f3141e26676e1a066b842b215:bdaa5420c68125ee839120a9a8bcdd092aa5aaeb196145dc3b645d1dc6a28a28b8410aca9423a25bba2ac4a8efdf570c84c1cda85a479dbf938e263c4fb7475b",
        "2a6e120714e76f404bd304838aca1219:780b0e2121df6ac031f1b5e21bd27014f790b77c753e3b21d36ecad453eca425fd542107d32c1f57325ec839560fffeebee6517745ac726c66c89d650ecc18f2",
        "s2:a1b2c3d4e5f6g7h8:90afae5c186df0abe4b4888b8594d5fda47a49de10fdb8c6dba59deb19a451c987806348136052eb5955da4d3ad7ab93ba6c5ff0bd2918d091bbd1bc29ed453d",
    ] {
        let hash = parse(native);
        assert_only(&hash, "e\u{301}t\u{e9} pass 9");
        assert_eq!(compare(&hash, "\u{e9}te\u{301} pass 9"), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&hash, "ete pass 9"), LegacyOutcome::Wrong);
    }
}

#[test]
fn the_documentation_s_hashes_of_spring_verify() {
    // spring-security, docs/modules/ROOT/pages/features/authentication/password-storage.adoc.
    for native in [
        "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
        "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
        "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
        "{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0",
        // LDAP's schemes behind Spring's id, and beside it.
        "{ldap}{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    ] {
        assert_eq!(compare(&parse(native), "password"), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&parse(native), "Password"), LegacyOutcome::Wrong, "{native}");
    }
    // Python's hashlib by `MessageDigestPasswordEncoder`: the brackets are part of the salt.
    for native in [
        "{SHA-256}{7cJk}30fe6b020b6d31b1d5306572e9814336446796ceee851861bb6e76ecb7443d42",
        "{MD5}{7cJk}937dbe3614b4bb296cf18b0a6cc9b637",
        "{MD5}013c2ed6dca92484a03368ca9f72d8e2",
    ] {
        assert_only(&parse(native), PASSWORD);
    }
    for native in ["{noop}password", "{bcrypt}password", "{scrypt}password", "{x@y}$2a$10$x", "{sha256}97cde380"] {
        assert_eq!(ForeignHash::parse(native).map(|_| ()), Err(ImportError::Unsupported), "{native}");
    }
    let costly = "{scrypt}$180801$8bWJaSu2IKSn9Z9kM+TPXQ==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=";
    assert!(matches!(ForeignHash::parse(costly).map(|_| ()), Err(ImportError::TooCostly(_))));
}

#[test]
fn directories_hashes_verify() {
    // OpenDJ, PKCS5S2PasswordStorageSchemeTestCase.java, which names Crowd, Jira, passlib and others as its sources.
    for (password, native) in [
        ("admin", "{PKCS5S2}4PCXluhV1YoY3yGgp77MfHjoFoS7GwNxif4gQLpwIfqLs9n/3seRLlECMu2CWGtm"),
        ("tempo", "{PKCS5S2}ggkzUKrzLIxti+aFlhPbfXFiIZbw9TGm/Pru/eVqMgWupaxbIt70xqWXpqS9Q9XZ"),
        ("password", "{PKCS5S2}DQIXJU038u4P7FdsuFTY/+35bm41kfjZa57UrdxHp2Mu3qF2uy+ooD+jF5t1tb8J"),
        ("developer", "{PKCS5S2}IcisOH+L07K8RAgqQJsp7IGXLUL0jRhCOSVrvAq8sprymJvEcNHT/LMaL+6ZOcCh"),
        // passlib 1.7.4, `atlassian_pbkdf2_sha1`.
        (PASSWORD, "{PKCS5S2}wNi7t/be+z/nnNPa+3+PsZ382zmgu/OtalIsfnqIaXFbKEcUPtU6CFWg4AEG3kM+"),
        // hashcat's example 10901, RedHat 389-DS.
        (
            "hashcat",
            "{PBKDF2_SHA256}AACkEGhlaiBqZW5z/jtuSox0CrtV9SHiVFjYeHpQ/ki2kwDrQeSqiiTn8LOmpPCw3r6TK/JDfl+ZAXRoc3VidGxldHllIXuxBDl6ItQOMupkRn+hzi/LEdr62a7B9sNOo8BPL9Z2nOi/m9AI+nAd/qwpLD1fbeDgs2DdpCZ4QfljuCLRBdURZV3HcXDUjD7PZ1CQcIOv9VbFlbu0IBmiU7ccMyb/qoxi+rPMqE4U8f6hL0TQjTjlOzU9MpPYS+WfztpYy7lEN6QghhOz0xe+0y2rDoK+yCS4PykkNS4FFc+xeiT6SNy3r7m+0teyaQKOExLrjogWkj+t+e4bMpHNx/FL3jkjCsuZnhq/t8eshG9DKmeD9b/QMkqT8dxe0jmr0s4+GnmHpMQMAxYW3pg70TluiDp3kJrDr1/d8OQerkQRevNx",
        ),
        // Python's hashlib by OpenDJ's PBKDF2PasswordStorageScheme.java and its subclasses.
        (PASSWORD, "{PBKDF2}5000:K20iLYmoDDaQ+AdmgRAlGfBS+8QAAQIDBAUGBw=="),
        (PASSWORD, "{PBKDF2-HMAC-SHA256}5000:VPsqSB+PKek1XRFJc2JOyXqCaedUgTQnNafGK8CESFEAAQIDBAUGBw=="),
        (
            PASSWORD,
            "{PBKDF2-HMAC-SHA512}5000:QGByZxz2zx5JMXZXdcIlS/tIuW4ECL/DB6P8HboIlwCf0iY4od7uDd+1ZCD4QkhJdu+SfM/y/xH/yJNxGy21JgABAgMEBQYH",
        ),
        // passlib 1.7.4, `ldap_pbkdf2_sha256`, in 389 Directory Server's newer scheme.
        (PASSWORD, "{PBKDF2-SHA256}1000$nnMOYUypNWZMSek9h7B2Tg$5QUXDC3a5hWOgaa0FhHvq6U.8MbBMMyo8I4O2efumB0"),
        // OpenDJ's bcrypt, and crypt as 389 Directory Server names it: the vectors of crypt_blowfish and SHA-crypt.
        ("U*U", "{BCRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("Hello world!", "{CRYPT-SHA256}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ] {
        assert_only(&parse(native), password);
    }
    for native in ["{PKCS5S2}AAAA", "{PBKDF2_SHA256}AAAA", "{PBKDF2}5000:AAAA", "{PBKDF2}x:K20iLYmoDDaQ+AdmgRAlGfBS"] {
        assert_eq!(ForeignHash::parse(native).map(|_| ()), Err(ImportError::Unsupported), "{native}");
    }
}

fn with_firebase(signer_key: &str) -> (HashKeys, Passwords) {
    let decode = |text: &str| TextEncoding::Base64.decode(text).unwrap();
    let key = HashKey::Firebase { signer_key: decode(signer_key), salt_separator: decode("Bw==").to_vec() };
    let keys = HashKeys::default().with("app", key).unwrap();
    (keys.clone(), small().with_keys(PasswordKeys::from(keys)))
}

#[test]
fn kratos_own_spellings_verify() {
    // ory/kratos, hash/hasher_test.go.
    for (password, native) in [
        ("test", "$md5$CY9rzUYh03PK3k6DJie09g=="),
        ("test", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ=="), // {SALT}{PASSWORD}
        ("ory", "$md5$pf=e1BBU1NXT1JEfXtTQUxUfSQ/$MTIzNDU2Nzg5$8PhwWanVRnpJAFK4NUjR0w=="), // {PASSWORD}{SALT}$?
        ("test", "$sha1$pf=JHtQQVNTV09SRH0ke1NBTFR9JA==$NW9wbWtnejAzcg==$iE5n1yjX3oAdxRHwZ4u57I4LpQo="), // ${PASSWORD}${SALT}$
        ("test", "$sha256$pf=e1NBTFR9JCR7UEFTU1dPUkR9$NW9wbWtnejAzcg==$HokCOi9OtiZaZRvnkgemV3B4UUHpI7kA8zq/EZWH2NY="),
        (
            "test",
            "$sha512$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$6ctpVuApMNp0CgBXcdHw/GC562eFEFGr4gpgANX8ZYsX+j5B19IkdmOY2Fytsz3QUwSWdGcUjbqwgJGTH0UYvw==",
        ),
        ("test", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
        ("test", "$md5-crypt$$whuMjZj.HMFoaTaZRRtkO0"),
        ("test123", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a"),
        ("test", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (
            "test",
            "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
        ),
    ] {
        assert_only(&parse(native), password);
    }
    for native in ["$md5$pf=$$", "$md5$$", "$sha1$pf=$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=", "$sha3$x"] {
        assert_eq!(ForeignHash::parse(native).map(|_| ()), Err(ImportError::Unsupported), "{native}");
    }
}

#[test]
fn secrets_inside_of_a_hash_are_looked_up_among_the_keys() {
    // ory/kratos, hash/hasher_test.go.
    let hmac = "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmMxOTJhN2RkNzQ0MzJkNWZkNGFkYTI5OTk0MWJhMTA5Zg==$MTIzNDU=";
    let key = HashKey::Secret(Zeroizing::new(b"12345".to_vec()));
    let keys = HashKeys::default().with("hmac", key).unwrap();
    let passwords = small().with_keys(PasswordKeys::from(keys.clone()));
    assert_only_with(&passwords, &ForeignHash::parse_with(hmac, &keys).unwrap(), "test");
    let firescrypt = "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==";
    let (keys, passwords) =
        with_firebase("YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==");
    let hash = ForeignHash::parse_with(firescrypt, &keys).unwrap();
    assert_only_with(&passwords, &hash, "8x4WjoDbSxJZdR");
    assert_eq!(hash.key_id(), Some("app"));
    // Firebase's README, as SuperTokens writes it.
    let f_scrypt = "$f_scrypt$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$m=14$r=8$s=Bw==";
    let (keys, passwords) =
        with_firebase("jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==");
    assert_only_with(&passwords, &ForeignHash::parse_with(f_scrypt, &keys).unwrap(), "user1password");
    for native in [hmac, firescrypt, f_scrypt] {
        assert_eq!(ForeignHash::parse(native).map(|_| ()), Err(ImportError::MissingKey), "{native}");
    }
    // Kratos' hash names a signer key, and this one is another.
    assert_eq!(ForeignHash::parse_with(firescrypt, &keys).map(|_| ()), Err(ImportError::MissingKey));
}

#[test]
fn wordpress_and_drupal_hash_what_their_forms_make_of_the_typed_text() {
    let spaced = format!(" {PASSWORD}\t");
    // Openwall's phpass 0.5 over PHP 8.2's `trim(addslashes(...))`, and `password_hash` as `wp_hash_password` of
    // WordPress 6.8 calls it.
    for native in
        ["$P$B0I0FJoUszZW9zNWwb8ZlZlNYUeklX0", "$wp$2y$05$wxRiDbUxse.o0bml71JKT.73rjOreXH8I8TkdyvLuIfOqsf39LdJ6"]
    {
        let hash = parse(native).with_typed(Typed::Slashed);
        assert_eq!(compare(&hash, PASSWORD), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&hash, &spaced), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&hash, &PASSWORD.replace('"', "")), LegacyOutcome::Wrong, "{native}");
    }
    // The same without slashes: made by a command line, not by a form.
    for native in
        ["$P$BFEymEJ0DsZx2M5HMVid8.2/HAnuLV0", "$wp$2y$05$3rKE.l9YVVVNG8LVipFv9O.U/Gd43bHkW9qA1wFSkj713dqeXaRay"]
    {
        assert_only(&parse(native).with_typed(Typed::Slashed), PASSWORD);
    }
    assert_eq!(compare(&parse("$P$B0I0FJoUszZW9zNWwb8ZlZlNYUeklX0"), PASSWORD), LegacyOutcome::Wrong);
    // Drupal 10's PhpassHashedPassword.php, and PHP 8.2's `password_hash` as Drupal 10.1's PhpPassword calls it.
    for native in [
        "$S$98aB3dE6gKkS2cjf5A/JGxxDfi6o20dnuhJrrAyr2/GAOeRRwslv",
        "$2y$05$JoPD.62zkDIOqbBA/MDYce7Gggoyp5UQ7kRvHv.gIMhEOYOW2L9TG",
    ] {
        let hash = parse(native).with_typed(Typed::Trimmed);
        assert_only(&hash, PASSWORD);
        assert_eq!(compare(&hash, &spaced), LegacyOutcome::Verified, "{native}");
        assert_eq!(compare(&parse(native), &spaced), LegacyOutcome::Wrong, "{native}");
    }
}

#[test]
fn digests_and_peppers_come_before_any_family() {
    let pepper = Step { pepper: Some(Place::Last), ..Step::join() };
    let key = HashKey::Secret(Zeroizing::new(b"pepper-of-the-shop".to_vec()));
    let keys = HashKeys::default().with("pepper", key).unwrap();
    let passwords = small().with_keys(PasswordKeys::from(keys));
    // Devise 4.8.1, `Devise::Encryptor.digest` with and without a pepper.
    let devise = parse("$2a$04$RC0pAGv4swSip26NkJAPzuCy26kwx4H01qai1lQUfXopysqm0CFfu");
    let devise = devise.with_before(&[pepper], Some("pepper")).unwrap();
    assert_only_with(&passwords, &devise, PASSWORD);
    assert_eq!((compare(&devise, PASSWORD), devise.key_id()), (LegacyOutcome::MissingKey, Some("pepper")));
    assert_only(&parse("$2a$04$55Gw6ImWpMtIA8YXdrmsqOY4ghuoxtCrHjsL6h4VyK.CTP3pSLEqC"), PASSWORD);
    // bcryptjs 3.0.3 over Node's SHA-256 in hexadecimal digits, as Meteor's accounts-password calls it.
    let sha256 = Step::plain(Digest::Sha256);
    let meteor = parse("$2b$06$y7yoTsMpOpTHRYovELnTf.JQVZKlRgmLJlXHE5H1yCEBZpYnT.gZ.");
    assert_only(&meteor.with_before(&[sha256], None).unwrap(), PASSWORD);
    // argon2 over anything else than the password.
    let mut salt = 0;
    for (steps, over) in [
        (vec![sha256], Digest::Sha256.hash(&[PASSWORD.as_bytes()]).to_vec()),
        (vec![pepper], [PASSWORD.as_bytes(), b"pepper-of-the-shop"].concat()),
    ] {
        salt += 1;
        let over = if salt == 1 { ::hex::encode(over).into_bytes() } else { over };
        let phc = small().hash_bytes(&over, [salt; 16]);
        let hash = parse(&phc).with_before(&steps, (salt == 2).then_some("pepper")).unwrap();
        assert_eq!(hash.family(), "argon2");
        assert_only_with(&passwords, &hash, PASSWORD);
        assert!(runs_argon2(&hash.to_stored(&passwords, [1; 16])));
    }
    // A pepper before the chain of a digest is a step of it.
    let sha1 = Digest::Sha1.hash(&[PASSWORD.as_bytes(), b"pepper-of-the-shop"]);
    let hash = ForeignHash::chain(&[Step::plain(Digest::Sha1)], None, &[], &sha1).unwrap();
    assert_only_with(&passwords, &hash.with_before(&[pepper], Some("pepper")).unwrap(), PASSWORD);
}

#[test]
fn steps_that_do_not_fit_a_hash_are_rejected() {
    let bcrypt = || parse("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    let plain = Step::plain(Digest::Sha256);
    for (steps, key) in [
        (vec![], None),
        (vec![Step::join()], None),
        (vec![Step { output: Output::Raw, ..plain }], None), // C ends it at a zero byte
        (vec![Step::salted(Digest::Sha256, Place::First)], None),
        (vec![Step::peppered(Digest::Sha256, Place::First)], None),
        (vec![Step::peppered(Digest::Sha256, Place::Around)], Some("pepper")),
        (vec![plain], Some("pepper")),
        (vec![plain; 5], None),
    ] {
        let rejected = bcrypt().with_before(&steps, key).map(|_| ());
        assert_eq!(rejected, Err(ImportError::Unsupported), "{steps:?}");
    }
    for (rounds, again) in [((1 << 22) + 1, Again::Nothing), ((1 << 18) + 1, Again::Message), (u32::MAX, Again::Input)]
    {
        let costly = Step { rounds, again, ..plain };
        assert!(matches!(bcrypt().with_before(&[costly], None).map(|_| ()), Err(ImportError::TooCostly(_))));
    }
    assert!(bcrypt().with_before(&[Step { rounds: 1 << 22, ..plain }], None).is_ok());
    let twice = bcrypt().with_before(&[plain], None).unwrap();
    assert_eq!(twice.with_before(&[plain], None).map(|_| ()), Err(ImportError::Unsupported));
}

#[test]
fn symfony_s_and_long_hashes_verify() {
    // symfony/password-hasher 6.4, MessageDigestPasswordHasher and Pbkdf2PasswordHasher.
    let base64 = |text: &str| TextEncoding::Base64.decode(text).unwrap().to_vec();
    let symfony = |digest, rounds| Step { rounds, again: Again::Message, ..Step::salted(digest, Place::Around) };
    let around = b"{PASSWORD}{s4ltofu1}";
    let hash = base64("95tn9QI/Kr5o+ZOdOsOjB/Fx+l4aq1ZaUShuZ2UmDR6I8jE5cQNbbhGjLXu52qMcwYoPtGvzngKyQGc4UqY6ZA==");
    let slow = ForeignHash::chain(&[symfony(Digest::Sha512, 5000)], None, around, &hash).unwrap();
    assert_only(&slow, PASSWORD);
    assert!(!slow.is_raw_fast());
    let hash = hex("58909a0d42797d71ab5da6524144d4d969e6d6dc");
    let fast = ForeignHash::chain(&[symfony(Digest::Sha1, 100)], None, around, &hash).unwrap();
    assert_only(&fast, PASSWORD);
    assert!(fast.is_raw_fast());
    let step = Step { salt: None, ..symfony(Digest::Sha256, 5000) };
    let hash = base64("lTE/i3WmrooFlDNEyj9z+5yO8uRV3B19WC5U4Eto92Y=");
    assert_only(&ForeignHash::chain(&[step], None, b"", &hash).unwrap(), PASSWORD);
    let hash = base64("ocdPOEcyXHz28+Aq2Dookn3aIr+5uxOlqahnY2CqSUsnBuzzYlM+Hw==");
    assert_only(&ForeignHash::pbkdf2(Digest::Sha512, 1000, b"s4ltofu1", &hash).unwrap(), PASSWORD);
    let costly = ForeignHash::chain(&[symfony(Digest::Sha512, 1 << 19)], None, around, &[0; 64]).map(|_| ());
    assert!(matches!(costly, Err(ImportError::TooCostly(_))));
    let braceless = ForeignHash::chain(&[symfony(Digest::Sha512, 5000)], None, b"s4ltofu1", &[0; 64]).map(|_| ());
    assert_eq!(braceless, Err(ImportError::Unsupported));
    // passport-local-mongoose 9.2.0: 512 bytes of PBKDF2, of which the first are enough.
    let salt = b"5dbb2904d797f5af8d2a950d03e6fe4a61d338ffef5e6e72474a8eaad7796d22";
    let hash = hex(PASSPORT);
    let passport = ForeignHash::pbkdf2(Digest::Sha256, 25_000, salt, &hash).unwrap();
    assert_only(&passport, PASSWORD);
    assert!(passport.to_stored(&small(), [0; 16]).len() < 300);
    assert!(ForeignHash::pbkdf2(Digest::Sha256, 25_000, salt, &[0; 1025]).is_err());
}

const PASSPORT: &str = "b5c06bd4989edb767117e2e307b3f50c442ad0f1396ab5f1b676ab56c26e664993dffe4e0288beb48bbf401ae9d20bc2f1095d97f3ac6daab3d1b24121f8710cb8c1d90d9658a95c299d505b73ad51fc25487f0f6b46026e87be59d154c5074e5aaba434b9cc4db8bef13699da1982c9d8de1df8d1533f13aec0f0dc3ad1e8872a4263a36e877d3d174838db36d382164abd6640976b7ad6d349e2c28bab99efe2e5ba5c453e031240dc390972b3a6a10ecd0851397a7c26ab3c1a5ad565810e5d9592f4e7f0c2bfd0ec2e9e354ade4b2ed70a3288b1a361d30ab49e60fe32662a1b556c20f41a4e9dc7980b6f2babbcba4eace7b9b0117177992e16ac2ddd7d219af715e3731e8b91e0731e0a7a8555d585fa9223e28acccf6b24ba43a625775bc50147f3f2170bf8d2401c4634ecb6aaefc18067242739ce8a767fe3141d7e897ce3629257751aeab599de00955cd90d57a549299d6dad99840ceab37661526db7fd3dce98488a195417ed4e7f887f64c01096b2406692b39e2bcf4f1d9f1570f39056d12bca367b8d81faa0187ff026ada4add372977ef8f665ec8bc0d6c949d8558ca1aafb107bed152afd042dd7a750890a2eb11b5c7b3e783fc7fd3d089d4a6283179e904d6a4b7f8118398d9e024ce4ce2a38b5a85777787491e310fa26ee886eb5e78234370af325c5d7a85a19350b8dc9ba6325d7340a5f948172f0";

#[test]
fn nextcloud_and_migrated_magento_hashes_verify() {
    // PHP 8.2's `password_hash` with the version that `OC\Security\Hasher` writes before it.
    for native in [
        "1|$2y$05$5us9nuqT7xYhq0CxGjoTZO6zyp.Luy7id57bSUKK1T/azbul2OkOe",
        "2|$argon2i$v=19$m=64,t=1,p=1$NTFVcEZ3Ym8uUFY5bXFWSw$aM45z4cpmAHBS7bRsVcW7/0vufAqPHhA4TibbGMUaQA",
        "3|$argon2id$v=19$m=64,t=1,p=1$Z1VuTFg4SDg1S093SEZGQQ$bkr2Wm/iRwPENJ0C+RuFEVlXybU3M2uSABFOSLDDLFY",
        // What Magento's migration makes of a bcrypt hash.
        "$2y$05$5us9nuqT7xYhq0CxGjoTZO6zyp.Luy7id57bSUKK1T/azbul2OkOe:0",
    ] {
        assert_only(&parse(native), PASSWORD);
    }
    for native in ["1|", "1|{SHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=", "4|$2y$05$x", "$2y$05$5us9:0:0"] {
        assert_eq!(ForeignHash::parse(native).map(|_| ()), Err(ImportError::Unsupported), "{native}");
    }
}
