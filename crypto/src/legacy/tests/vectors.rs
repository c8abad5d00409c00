//! Published vectors of the spellings that name their family.

use super::*;

/// The letters "táБℓə" of passlib's tests.
const TABLE: &str = "t\u{e1}\u{411}\u{2113}\u{259}";

/// hashcat's example hashes (the `ST_HASH` of `src/modules`): the password is always `hashcat`.
const HASHCAT: [&str; 18] = [
    "{SHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=",                         // 101
    "{SSHA}FLzWcQqyle6Mo7NvrwXCMAmRzXQxNjYxMTYzNw==",            // 111
    "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==",            // 111, the wiki's
    "$P$946647711V1klyitUYhtB8Yw5DMA/w.",                        // 400
    "$1$38652870$DUjsu4TTlTsOe/xxZ05uf/",                        // 500
    "{SSHA256}L5Wk0zPY2lmoR5pH20zngq37KkxFwgTquEhx95rxfVk3Ng==", // 1411
    "{SSHA256}OZiz0cnQ5hgyel3Emh7NCbhBRCQ+HVBwYplQunHYnER7TLuV", // 1411, the wiki's
    "$apr1$62722340$zGjeAwVP2KwY6MtumUI1N/",                     // 1600
    "{SSHA512}ALtwKGBdRgD+U0fPAy31C28RyKYx7+a8kmfksccsOeLknLHv2DBXYI7TDnTolQMBuPkWDISgZr2cHfnNPFjGZTEyNDU4OTkw", // 1711
    "{SSHA512}Bz8w5q6qEtB1Nnc8b1jfTvTXVTwohWag33oghQGOtLChnkZTw/cuJaHQlLJEI3AWKZGCRyLA6Phujdxo+is7AjA2MDcyNjY1Mg==", // 1711
    "$6$72820166$U4DVzpcYxgw7MVVDGGvB2/H5lRistD5.Ah4upwENR5UtffLR4X4SxSzfREv8z6wVl0jRFX40/KnYVvK4829kD1", // 1800
    "$2a$05$MBCzKhG1KhezLh.0LRa0Kuw12nLJtpHy6DIaU.JAnqJUDYspHC.Ou",                                       // 3200
    "{CRYPT}$5$7777657035274252$XftMj84MW.New1/ViLY5V4CM4Y7EBvfETaZsCW9vcJ8",                             // 7400
    "$5$7777657035274252$XftMj84MW.New1/ViLY5V4CM4Y7EBvfETaZsCW9vcJ8",                                    // 7400
    "$S$C20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh",                                            // 7900
    "pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=",                        // 10000
    "$argon2id$v=19$m=65536,t=3,p=1$FBMjI4RJBhIykCgol1KEJA$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",  // 34000
    "{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$FBMjI4RJBhIykCgol1KEJA$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU",
];

#[test]
fn hashcats_examples_verify() {
    for native in HASHCAT {
        assert_only(&parse(native), "hashcat");
    }
}

#[test]
fn the_vectors_of_passlibs_tests_verify() {
    // passlib 1.7.4, passlib/tests/test_handlers*.py, which name their own sources (crypt_blowfish, JtR, RFC 7914, ...).
    for (password, native) in [
        ("U*U***U", "$2a$05$WY62Xk2TXZ7EvVDQ5fmjNu7b0GEzSzUXUh2cllxJwhtOeMtWV3Ujq"),
        ("U*U*U*U*", "$1$dXc3I7Rw$ctlgjDdWJLMT.qwHsWhXR1"),
        ("", "$1$dOHYPKoP$tnxS1T8Q6VVn3kpV8cN6o."),
        ("4lpHa N|_|M3r1K W/ Cur5Es: #$%(*)(*%#", "$1$jQS7o98J$V6iTcr71CGgwW2laf17pi1"),
        (TABLE, "$1$d6/Ky1lU$/xpf8m7ftmWLF.TjHCqel0"),
        ("myPassword", "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/"),
        (TABLE, "$apr1$bzYrOHUx$a1FcpXuQDJV3vPY20CS6N1"),
        ("U*U***U*", "$5$LKO/Ute40T3FNF95$8Ry82xGnnPI/6HtFYnvPBTYgOL23sdMXn8C29aO.x/A"),
        ("", "$5$rounds=10428$uy/jIAhCetNCTtb0$YWvUOXbkqlqhyoPMpN8BMe.ZGsGx2aBvxTvDFI613c3"),
        ("with unic\u{d6}de", "$5$rounds=1000$IbG0EuGQXw5EkMdP$LQ5AfPf13KufFsKtmazqnzSGZ4pxtUNw3woQ.ELRDF4"),
        (
            "*U*U*U*U",
            "$6$OmBOuxFYBZCYAadG$WCckkSZok9xhp4U1shIZEV7CCVwQUwMVea7L3A77th6SaE9jOPupEMJB.z0vIWCDiN9WLh2m9Oszrj5G.gt330",
        ),
        (
            TABLE,
            "$6$rounds=40000$PEZTJDiyzV28M3.m$GTlnzfzGB44DGd1XqlmC4erAJKCP.rhvLvrYxiT38htrNzVGBnplFOHjejUGVrCfusGWxLQCc3pFO0A/1jYYr0",
        ),
        ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
        ("123456", "$H$9PE8jEklgZhgLmZl5.HYJAzfGCQtzi1"),
        ("", "$P$7JaFQsPzJSuenezefD/3jHgt5hVfNH0"),
        (TABLE, "$P$7SMy8VxnfsIy2Sxm7fJxDSdil.h7TW."),
        ("helloworld", "{MD5}/F4DjTilcDIIVEHn/nAQsA=="),
        (TABLE, "{SMD5}Z0ioJ58LlzUeRxm3K6JPGAvBGIM="),
        ("testing123", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"),
        ("letm\u{e8}\u{ef}n", "{SSHA256}km7UjUTBZN8a+gf1ND2/qn15N7LsO/jmGYJXvyTfJKAbI0RoLWWslQ=="),
        ("password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"),
        ("password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"),
        (
            "\u{399}\u{3c9}\u{3b1}\u{3bd}\u{3bd}\u{3b7}\u{3c2}",
            "$pbkdf2-sha512$1212$KkbvoKGsAIcF8IslDR6skQ$8be/PRmd88Ps8fmPowCJttH9G3vgxpG.Krjt3KT.NP6cKJ0V4Prarqf.HBwz0dCkJ6xgWnSj2ynXSV7MlvMa8Q",
        ),
        ("", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"),
        ("test", "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA"),
        (TABLE, "$scrypt$ln=7,r=8,p=1$jjGmtDamdA4BQAjBeA9BSA$OiWRHhQtpDx7M/793x6UXK14AD512jg/qNm/hkWZG4M"),
        ("not a password", "pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I="),
        (TABLE, "pbkdf2_sha256$10000$bEwAfNrH1TlQ$OgYUblFNUX1B8GfMqaCYUK/iHyO0pa7STTDdaEJBuY0="),
        (TABLE, "bcrypt_sha256$$2a$06$kCXUnRFQptGg491siDKNTu8RxjBGSjALHRuvhPYNFsa4Ea5d9M48u"),
        ("password", "argon2$argon2i$v=19$m=380,t=2,p=2$c29tZXNhbHQ$SrssP8n7m/12VWPM8dvNrw"),
        ("password", "$argon2d$v=19$m=102400,t=2,p=8$g2RodLh8j8WbSdCp+lUy/A$zzAJqL/HSjm809PYQu6qkA"),
    ] {
        assert_only(&parse(native), password);
    }
}

#[test]
fn the_vectors_of_djangos_tests_verify() {
    // django 4.1, tests/auth_tests/test_hashers.py.
    for native in [
        "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
        "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8",
        "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
        "md5$$88a434c88cca4e900f7874cd98123f43",
        "sha1$$6d138ca3ae545631b3abd71a4f076ce759c5700b",
    ] {
        assert_only(&parse(native), "l\u{e8}tmein");
    }
}

#[test]
fn the_vectors_of_asp_nets_tests_verify() {
    // dotnet/aspnetcore, src/Identity/test/Identity.Test/PasswordHasherTest.cs.
    for native in [
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
        "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A==",
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
        "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
    ] {
        assert_only(&parse(native), "my password");
    }
    // The same file's failures: a wrong result, too short, something after the end.
    for (native, expected) in [
        ("AAABAgMEBQYHCAkKCwwNDg+uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALtH1uJg==", Some(LegacyOutcome::Wrong)),
        ("AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE=", None),
        ("AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJgAAAAAAAAAAAAA=", None),
        ("AQAAAAAAAAD6AAAAEAhftMyfTJyAAAAAAAAAAAAAAAAAAAih5WsjXaR3PA9M", Some(LegacyOutcome::Wrong)),
        ("AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=", None),
        ("AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHwAAAAAAAAAAAA", Some(LegacyOutcome::Wrong)),
    ] {
        let outcome = ForeignHash::parse(native).ok().map(|hash| compare(&hash, "my password"));
        assert_eq!(outcome, expected, "{native}");
    }
}

#[test]
fn the_vectors_of_magentos_tests_verify() {
    // magento2, lib/internal/Magento/Framework/Encryption/Test/Unit/EncryptorTest.php.
    for native in [
        "67a1e09bb1f83f5007dc119c14d663aa:salt:0",
        "67a1e09bb1f83f5007dc119c14d663aa:salt",
        "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322:salt:1",
        "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322:salt",
        "a1c7fc88037b70c9be84d3ad12522c7888f647915db78f42eb572008422ba2fa:-----------random_salt----------:1",
    ] {
        assert_only(&parse(native), "password");
    }
}

#[test]
fn wordpress_hashes_ignore_blanks_around_the_password() {
    // A public WordPress demo pins this hash of `admin`; PHP's password_verify over the HMAC agrees.
    let hash = parse("$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES");
    assert_eq!(compare(&hash, "admin"), LegacyOutcome::Verified);
    assert_eq!(compare(&hash, " admin\t"), LegacyOutcome::Verified, "WordPress trims");
    assert_eq!(compare(&hash, "Admin"), LegacyOutcome::Wrong);
    let plain = parse("$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES");
    assert_eq!(compare(&plain, "admin"), LegacyOutcome::Wrong);
}
