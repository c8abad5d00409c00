//! Damaged and hostile strings, and content that must never be stored.

use proptest::prelude::*;

use super::*;

/// One cheap hash of each family, in its original spelling, with its password.
const SAMPLES: [(&str, &str); 22] = [
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("hashcat", "$P$946647711V1klyitUYhtB8Yw5DMA/w."),
    ("", "$P$7JaFQsPzJSuenezefD/3jHgt5hVfNH0"),
    ("hashcat", "$1$38652870$DUjsu4TTlTsOe/xxZ05uf/"),
    ("hashcat", "$apr1$62722340$zGjeAwVP2KwY6MtumUI1N/"),
    ("hashcat", "$5$7777657035274252$XftMj84MW.New1/ViLY5V4CM4Y7EBvfETaZsCW9vcJ8"),
    ("with unic\u{d6}de", "$5$rounds=1000$IbG0EuGQXw5EkMdP$LQ5AfPf13KufFsKtmazqnzSGZ4pxtUNw3woQ.ELRDF4"),
    ("hashcat", "$6$72820166$U4DVzpcYxgw7MVVDGGvB2/H5lRistD5.Ah4upwENR5UtffLR4X4SxSzfREv8z6wVl0jRFX40/KnYVvK4829kD1"),
    ("hashcat", "$S$C20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh"),
    ("hashcat", "pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE="),
    ("password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"),
    ("password", "$pbkdf2-sha256$i=1212,l=32$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg+fJPeq1h/gXXY7acBp9/6c+tmQ"),
    ("my password", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw"),
    ("my password", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="),
    ("test", "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA"),
    ("hashcat", "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng=="),
    ("test", "{SMD5}LnuZPJhiaY95/4lmVFpg548xBsD4P4cw"),
    ("helloworld", "{MD5}/F4DjTilcDIIVEHn/nAQsA=="),
    ("password", "67a1e09bb1f83f5007dc119c14d663aa:salt"),
    ("password", "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322:salt:1"),
    ("password", "$argon2i$v=19$m=256,t=1,p=1$c29tZXNhbHQ$AJFIsNZTMKTAewB4+ETN1A"),
    ("l\u{e8}tmein", "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8"),
];

#[test]
fn the_list_of_families_is_complete() {
    let samples = SAMPLES.iter().map(|(_, native)| parse(native).family());
    // Firebase's comes in parts only.
    let firebase = ForeignHash::firebase("project", 14, 8, &[1; 16], &[2; 64]).unwrap();
    let read: std::collections::BTreeSet<_> = samples.chain([firebase.family()]).collect();
    assert_eq!(read, FAMILIES.into_iter().collect());
}

/// The digests of fast hashes must not appear in the stored string.
#[test]
fn a_raw_fast_hash_is_never_stored_or_verified() {
    let mut fast = 0;
    for (password, native) in SAMPLES {
        let hash = parse(native);
        let stored = import(&small(), native, [1; 16]).unwrap();
        assert_eq!(verify(&small(), &Password::attempt(password), &stored), LegacyOutcome::Verified, "{native}");
        assert_eq!(runs_argon2(&stored), stored.contains("$argon2"));
        if !hash.is_raw_fast() {
            continue;
        }
        fast += 1;
        assert!(stored.starts_with("$umoja-wrapped$"), "{stored}");
        let bare = native.rsplit(['$', '}']).next().unwrap().split(':').next().unwrap();
        let raw = [TextEncoding::Hex, TextEncoding::Base64].map(|encoding| encoding.decode(bare).unwrap_or_default());
        for leak in raw.iter().filter(|raw| raw.len() >= 16) {
            assert!(!stored.contains(&::hex::encode(&leak[..12])), "{native}");
            let b64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, &leak[..12]);
            assert!(!stored.contains(&b64), "{native}");
        }
        assert!(!stored.contains(&bare[..16]), "{native}");
        // A raw fast hash in the table would not verify either.
        assert_eq!(verify(&small(), &Password::attempt(password), native), LegacyOutcome::Unsupported);
        assert_eq!(cost(native), Err(ImportError::Unsupported));
        // Neither the argon2id alone verifies, nor does the native string as the password.
        let phc = &stored[stored.find("$argon2id").unwrap()..];
        assert_eq!(verify(&small(), &Password::attempt(password), phc), LegacyOutcome::Wrong);
        assert_eq!(verify(&small(), &Password::attempt(native), &stored), LegacyOutcome::Wrong);
    }
    assert_eq!(fast, 16, "all samples below the threshold");
}

#[test]
fn a_fast_recipe_without_its_argon2id_does_not_read() {
    for stored in [
        "$umoja-old$chain$d=md5$$h0O1IGPNhAl6ZdFjP1x09Q",
        "$umoja-old$md5-crypt$$c2FsdHNhbHQ$h0O1IGPNhAl6ZdFjP1x09Q",
        "$umoja-old$pbkdf2$d=sha256,i=1$c2FsdA$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE",
        "$umoja-old$scrypt$ln=4,r=8,p=1$c2FsdA$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE",
        "$umoja-old$phpass$c=7$YWFhYWFhYWE$h0O1IGPNhAl6ZdFjP1x09Q",
    ] {
        assert_eq!(cost(stored), Err(ImportError::Unsupported), "{stored}");
        assert_eq!(verify(&small(), &Password::attempt("hashcat"), stored), LegacyOutcome::Unsupported);
    }
}

#[test]
fn a_stored_hash_has_one_spelling() {
    let stored = "$umoja-old$pbkdf2$d=sha256,i=10000$MTEzNTQxMTYyOA$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE";
    let native = "pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=";
    assert_eq!(import(&small(), native, [0; 16]).as_deref(), Ok(stored));
    for other in [
        stored.replace("i=10000", "i=010000"),
        stored.replace("i=10000", "i=+10000"),
        stored.replace("d=sha256,i=10000", "i=10000,d=sha256"),
        stored.replace("i=10000", "i=10000,x=1"),
        stored.replace("i=10000", "i=10000,"),
        stored.replace("sha256", "SHA256"),
        stored.replace("i=10000", "i=10000,e=utf8"),
        format!("{stored}="),
        format!("{stored}$"),
    ] {
        assert_eq!(cost(&other), Err(ImportError::Unsupported), "{other}");
    }
}

#[test]
fn costs_rank_hashes_by_time_and_memory() {
    let cost_of = |native: &str| cost(&import(&small(), native, [0; 16]).unwrap()).unwrap();
    let bcrypt = |cost: u32| cost_of(&format!("$2b${cost:02}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    assert_eq!(bcrypt(12).micros, 4 * bcrypt(10).micros);
    let scrypt = cost_of("$scrypt$ln=14,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA");
    assert_eq!(scrypt.memory_kib, 16 * 1024 + 1);
    let argon2 =
        cost_of("$argon2id$v=19$m=65536,t=3,p=1$FBMjI4RJBhIykCgol1KEJA$2ky5GAdhT1kH4kIgPN/oERE3Taiy43vNN70a3HpiKQU");
    assert_eq!(argon2.memory_kib, 65536);
    assert!(cost_of("{MD5}/F4DjTilcDIIVEHn/nAQsA==") < scrypt && scrypt < bcrypt(15));
}

#[test]
fn errors_and_debug_do_not_show_a_hash() {
    for (_, native) in SAMPLES {
        let shown = format!("{:?}", parse(native));
        assert!(shown.starts_with("ForeignHash(") && shown.len() < 40, "{shown}");
    }
    let error = ForeignHash::parse("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW").unwrap_err();
    assert!(!error.to_string().contains("CCC"));
}

#[test]
fn meaningless_strings_are_rejected() {
    let long = format!("{{SSHA}}{}", "A".repeat(2000));
    for native in [
        "",
        "$",
        "$$",
        "{",
        "{}",
        "{SSHA}",
        "{SSHA}!!!!",
        "{SSHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=",            // no salt
        "{SHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==", // with a salt
        "{SSSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==",
        "b89eaac7e61417341b710b727768294d0e6a277b", // of what?
        "hash:salt:1",
        "!",
        "*",
        &long,
    ] {
        assert_eq!(import(&small(), native, [0; 16]), Err(ImportError::Unsupported), "{native}");
        assert_eq!(verify(&small(), &Password::attempt(""), native), LegacyOutcome::Unsupported);
    }
}

/// Replaces one character of a string.
fn mutate(text: &str, place: usize, letter: char) -> String {
    let place = place % text.chars().count();
    text.chars().enumerate().map(|(index, old)| if index == place { letter } else { old }).collect()
}

fn affordable(stored: &str) -> bool {
    cost(stored).is_ok_and(|cost| cost.micros < 20_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_changed_string_verifies_only_the_same_hash(
        sample in prop::sample::select(SAMPLES.to_vec()), place: prop::sample::Index, letter in "[ -~\u{e9}]",
    ) {
        let (password, native) = sample;
        let letter = letter.chars().next().unwrap();
        let passwords = small();
        let attempt = Password::attempt(password);
        let changed = mutate(native, place.index(native.chars().count()), letter);
        // In its original spelling the meaning decides, not the characters (padding, the case of hex or of a scheme).
        if let Ok(stored) = import(&passwords, &changed, [1; 16])
            && affordable(&stored)
            && verify(&passwords, &attempt, &stored) == LegacyOutcome::Verified
        {
            prop_assert!(same_hash(&import(&passwords, native, [1; 16]).unwrap(), &stored), "{changed}");
        }
        // In the stored string every character counts.
        let stored = import(&passwords, native, [1; 16]).unwrap();
        let changed = mutate(&stored, place.index(stored.chars().count()), letter);
        if changed != stored && affordable(&changed) && verify(&passwords, &attempt, &changed) == LegacyOutcome::Verified {
            prop_assert!(same_hash(&stored, &changed), "{changed}");
        }
    }

    #[test]
    fn hostile_strings_never_panic(
        head in prop::sample::select(vec![
            "", "$2b$04$", "$2", "{SSHA}", "{ssha512}", "$umoja-wrapped$", "$umoja-wrapped$chain$d=sha1-ss,l=20$", "$P$", "$S$",
            "$1$", "$5$rounds=", "$6$", "$scrypt$ln=", "$pbkdf2-sha256$", "pbkdf2_sha1$", "scrypt$", "$umoja-old$bcrypt$v=2a,c=05$",
            "U$S$", "AQAAAA", "00:", "{CRYPT}$1$", "$wp", "$argon2id$", "$umoja-old$firebase$k=a,ln=4,r=1,p=1$",
        ]),
        tail in "\\PC{0,80}",
        cut in 0usize..200,
        sample in prop::sample::select(SAMPLES.to_vec()),
    ) {
        let cut: String = sample.1.chars().take(cut).collect();
        for text in [format!("{head}{tail}"), cut.clone(), format!("{cut}{tail}")] {
            if affordable(&text) {
                let _ = verify(&small(), &Password::attempt("x"), &text);
            }
            let _ = import(&small(), &text, [0; 16]);
            let _ = ForeignHash::keycloak(&text, &text);
            let _ = ForeignHash::auth0(&text, &HashKeys::default());
        }
    }

    #[test]
    fn stored_hashes_read_back(
        steps in prop::collection::vec((0usize..8, 0usize..3, 0usize..3, 0usize..4, 0usize..4, 1u32..4), 1..5),
        salt in prop::collection::vec(any::<u8>(), 0..40), password in "\\PC{0,20}",
    ) {
        const DIGESTS: [Digest; 7] =
            [Digest::Md4, Digest::Md5, Digest::Sha1, Digest::Sha224, Digest::Sha256, Digest::Sha384, Digest::Sha512];
        const PLACES: [Option<Place>; 3] = [None, Some(Place::First), Some(Place::Last)];
        const OUTPUTS: [Output; 4] = [Output::Hex, Output::HexUpper, Output::Base64, Output::Raw];
        const AGAIN: [Again; 4] = [Again::Nothing, Again::Message, Again::Input, Again::Salt];
        const KEYS: [Option<HmacKey>; 4] = [None, Some(HmacKey::Secret), Some(HmacKey::Salt), Some(HmacKey::Password)];
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(digest, salt, pepper, hmac, form, rounds)| Step {
                digest: DIGESTS.get(digest).copied(), salt: PLACES[salt], pepper: PLACES[pepper], hmac: KEYS[hmac],
                rounds, again: if rounds == 1 { Again::Nothing } else { AGAIN[form] }, output: OUTPUTS[form],
            })
            .collect();
        let digest = vec![0; steps[steps.len() - 1].digest.map_or(16, Digest::len)];
        for key in [None, Some("shop-1")] {
            if let Ok(hash) = ForeignHash::chain(&steps, key, &salt, &digest) {
                let outcome = compare(&hash, &password);
                let expected = if key.is_some() { LegacyOutcome::MissingKey } else { LegacyOutcome::Wrong };
                prop_assert_eq!(outcome, expected);
            }
        }
    }
}

/// Whether two stored strings differ only in details without a meaning: bcrypt's variants are one function, and the
/// reader of argon2 takes a default for a missing parameter.
fn same_hash(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace("v=2b", "v=2a").replace("v=2y", "v=2a");
    let without_argon2s_params = |text: &str| {
        let (head, tail) = text.split_once("$argon2").unwrap_or((text, ""));
        [head.to_owned()].into_iter().chain(tail.rsplitn(3, '$').take(2).map(str::to_owned)).collect::<Vec<_>>()
    };
    without_argon2s_params(&plain(one)) == without_argon2s_params(&plain(other))
}
