//! Rules of single families: bcrypt's 72 bytes, rounds, chains that end in argon2id, ceilings.

use super::*;
use crate::bound::Bound;
use crate::password::Verification;

fn rejected(native: &str) -> ImportError {
    let rejected = ForeignHash::parse(native).map(|_| ()).expect_err(native);
    assert_eq!(import(&small(), native, [0; 16]), Err(rejected));
    assert_eq!(verify(&small(), &Password::attempt("x"), native), LegacyOutcome::Unsupported);
    rejected
}

fn costly(family: &'static str, parameter: &'static str, limit: u64) -> ImportError {
    ImportError::TooCostly(Bound { family, parameter, limit })
}

fn low(family: &'static str, parameter: &'static str, limit: u64) -> ImportError {
    ImportError::BelowMinimum(Bound { family, parameter, limit })
}

#[test]
fn a_hash_outside_of_its_bounds_is_rejected_with_the_bound_and_what_to_do() {
    let tail = "$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let [costly, low] = ["$2b$17", "$2b$03"].map(|head| rejected(&format!("{head}{tail}")).to_string());
    assert!(costly.contains("(bcrypt) has a cost above 15"), "{costly}");
    assert!(costly.contains("remove the hash from the record"), "{costly}");
    assert!(low.contains("(bcrypt) has a cost below 4"), "{low}");
    assert!(!costly.contains("17") && !low.contains("CCCCC"), "no part of the hash: {costly} {low}");
}

#[test]
fn only_upgraded_bcrypt_hashes_cover_all_bytes() {
    // Openwall crypt_blowfish 1.3, wrapper.c: characters after the 72nd are ignored.
    let hash = parse("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui");
    let typed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
                 0123456789chars after 72 are ignored";
    assert_eq!(compare(&hash, typed), LegacyOutcome::Verified);
    assert_eq!(compare(&hash, &typed[..72]), LegacyOutcome::Verified);
    assert_eq!(compare(&hash, &typed[..71]), LegacyOutcome::Wrong);

    let upgraded = small().hash(&Password::attempt(typed), [1; 16]);
    assert_eq!(small().verify(&Password::attempt(typed), &upgraded), Verification::Verified);
    for suffix in ["", "x", " after 72 are ignored"] {
        let other = format!("{}{suffix}", &typed[..72]);
        assert_eq!(small().verify(&Password::attempt(&other), &upgraded), Verification::Wrong);
    }
}

#[test]
fn bcrypt_variants_verify_alike_and_reject_zero_bytes() {
    // Openwall crypt_blowfish 1.3, wrapper.c.
    for (password, native) in [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    ] {
        for prefix in ["$2a$", "$2b$", "$2y$", "bcrypt$$2b$"] {
            let hash = parse(&native.replacen("$2a$", prefix, 1));
            assert_only(&hash, password);
            assert_eq!(compare(&hash, &format!("{password}\0more")), LegacyOutcome::Wrong);
            assert_eq!(compare(&hash, &"a".repeat(100_000)), LegacyOutcome::Wrong);
        }
    }
    // The spelling of before `$umoja-old$`.
    let native = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    assert_eq!(verify(&small(), &Password::attempt("U*U"), native), LegacyOutcome::Verified);
}

#[test]
fn broken_bcrypt_and_hostile_costs_are_rejected() {
    let tail = "$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (head, reason) in [
        ("$2x$05", ImportError::Broken),
        ("$2b$16", costly("bcrypt", "a cost", 15)),
        ("$wp$2y$31", costly("bcrypt", "a cost", 15)),
        ("$2b$99", costly("bcrypt", "a cost", 15)),
        ("$2b$100", costly("bcrypt", "a cost", 15)),
        ("$2b$03", low("bcrypt", "a cost", 4)),
        ("$2b$5", ImportError::Unsupported),
        ("$2c$05", ImportError::Unsupported),
        ("$2$05", ImportError::Unsupported),
    ] {
        assert_eq!(rejected(&format!("{head}{tail}")), reason, "{head}");
    }
}

#[test]
fn rounds_and_digest_stay_as_written() {
    // https://www.akkadia.org/drepper/SHA-crypt.txt: the test vectors of both functions, and one more with the default
    // named.
    for (password, native) in [
        ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
        (
            "the minimum number is still observed",
            "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
        ),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "Hello world!",
            "$6$rounds=5000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "Hello world!",
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        ),
        (
            "we have a short salt string but not a short password",
            "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
        ),
    ] {
        let hash = parse(native);
        let stored = hash.to_stored(&small(), [1; 16]);
        assert_eq!(hash.family(), if native.starts_with("$5$") { "sha256-crypt" } else { "sha512-crypt" });
        assert!(stored.contains(&format!("${}$", hash.family())) || stored.contains(&format!("${}$r=", hash.family())));
        let named = native.split_once("rounds=").map(|(_, rest)| rest.split_once('$').unwrap().0);
        let kept = stored.split_once("$r=").map(|(_, rest)| rest.split(['$', ',']).next().unwrap());
        assert_eq!(kept, named, "{stored}");
        assert_only(&hash, password);
    }
    for rejection in ["$5$rounds=05000$salt$", "$5$rounds=x$salt$", "$5$rounds=$salt$"] {
        let native = format!("{rejection}5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
        assert_eq!(rejected(&native), ImportError::Unsupported, "{native}");
    }
    for (rounds, reason) in [
        ("999", low("sha256-crypt", "rounds", 1000)),
        ("1000001", costly("sha256-crypt", "rounds", 1_000_000)),
        ("99999999999", costly("sha256-crypt", "rounds", 1_000_000)),
    ] {
        let native = format!("$5$rounds={rounds}$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
        assert_eq!(rejected(&native), reason, "{rounds}");
    }
    let long = parse("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
    assert_eq!(compare(&long, &"\u{20ac}".repeat(200)), LegacyOutcome::Wrong, "longer than libxcrypt accepts");
}

#[test]
fn magento_chains_verify_even_if_they_end_in_argon2id() {
    // Made with PHP 8.2's md5, hash and sodium_crypto_pwhash as Magento 2.4's Encryptor calls them.
    for native in [
        "945f43b23d77be15fbf89a3d47bcb72acc34469b79f334558afaa50ead2ee6e0:0123456789abcdef0123456789abcdef:2",
        "2c10d55c041d61af66da83ff47e91a75bb06b7fc8d796cb5cb66fa359864ca71:0123456789abcdef0123456789abcdef:3_32_1_8388608",
        "7a4ead05351c6bb6d09a5bb2e92489fd8980300abeef4376dbb00fd8e7bbaf60:0123456789abcdef0123456789abcdef:0:3_32_1_8388608",
        "b64e8a9a7d97211ed348eaddc0b79cc52eec85b3b43f926b494ab5b708936245:0123456789abcdef0123456789abcdef:0:1:3_32_1_8388608",
        "b3673985551f1e789ee0a2f24593164373b953687e06c3a06ef3699e15bbe381:0123456789abcdef0123456789abcdef:0:1",
        "81066bb089bc92749cf637c15e238c290f5681a81169c579d1a6d9333da468cd:short:2",
        "de9b3f0ed61f6a0d466d799e820935f80b84ce4278e696866ae76bf70e5c46ba:short:3_32_1_8388608",
        "60983a3e7ee639705e84cc7a042c827132738e00232995f78871786548a8210c:short:0:1:3_32_1_8388608",
        "d35e513aecde8a69dc068d6324b4823a7a52490f9addddd25c4eb0dbb0e77a2e:short:0:1",
    ] {
        assert_only(&parse(native), "p\u{e4}ssw\u{f6}rd");
    }
    let hash = "de9b3f0ed61f6a0d466d799e820935f80b84ce4278e696866ae76bf70e5c46ba";
    for tail in
        [":short:2:1", "::1", ":short:", ":short:4", ":short:1:1:1:1:1", ":short:3_31_1_8388608", ":short:3_32_1"]
    {
        assert_eq!(rejected(&format!("{hash}{tail}")), ImportError::Unsupported, "{tail}");
    }
    for (tail, parameter, limit) in
        [(":short:3_32_1_2147483648", "KiB of memory", 1_048_576), (":short:0:3_32_11_8388608", "passes", 10)]
    {
        assert_eq!(rejected(&format!("{hash}{tail}")), costly("argon2", parameter, limit), "{tail}");
    }
}

#[test]
fn scrypt_reads_n_and_its_logarithm() {
    // RFC 7914 section 12, and one made with Django 5.2.
    let password = "pleaseletmein";
    let rfc = hex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    );
    for n in [14, 16384] {
        let b64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, &rfc);
        assert_only(&parse(&format!("$scrypt$ln={n},r=8,p=1$U29kaXVtQ2hsb3JpZGU${b64}")), password);
        assert_only(&parse(&format!("$scrypt$p=1,r=8,ln={n}$U29kaXVtQ2hsb3JpZGU${b64}")), password);
    }
    assert_only(&ForeignHash::scrypt(16384, 8, 1, b"SodiumChloride", &rfc).unwrap(), password);
    for (n, reason) in [
        (0, ImportError::Unsupported),
        (1, low("scrypt", "N", 2)),
        (14, ImportError::Unsupported),
        (16383, ImportError::Unsupported),
    ] {
        let rejected = ForeignHash::scrypt(n, 8, 1, b"SodiumChloride", &rfc).map(|_| ());
        assert_eq!(rejected, Err(reason));
    }
    // RFC 7914 section 12, its first: an N that could be taken for a logarithm.
    let rfc = hex(
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
    );
    assert_only(&ForeignHash::scrypt(16, 1, 1, b"", &rfc).unwrap(), "");
    let django = "scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==";
    assert_only(&parse(django), "l\u{e8}tmein");
    let tail = "$U29kaXVtQ2hsb3JpZGU$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI";
    let too_much_memory = costly("scrypt", "bytes of memory (128 r (N + p))", 136 << 20);
    for (params, reason) in [
        ("ln=18,r=8,p=1", too_much_memory),
        ("ln=262144,r=8,p=1", too_much_memory),
        ("ln=63,r=8,p=1", too_much_memory),
        ("ln=14,r=8,p=81", costly("scrypt", "N r p", 10 << 20)),
        ("ln=15,r=64,p=1", too_much_memory),
        ("ln=1,r=1,p=2097152", too_much_memory), // beside the table
        ("ln=1,r=4294967295,p=4294967295", too_much_memory),
        ("ln=0,r=8,p=1", low("scrypt", "N", 2)),
        ("ln=100,r=8,p=1", ImportError::Unsupported),
        ("ln=14,r=0,p=1", low("scrypt", "r", 1)),
        ("ln=14,r=8", ImportError::Unsupported),
        ("ln=14,r=8,p=1,p=1", ImportError::Unsupported),
    ] {
        assert_eq!(rejected(&format!("$scrypt${params}{tail}")), reason, "{params}");
    }
}

#[test]
fn scrypt_is_bounded_by_memory_and_work_and_not_by_each_number() {
    for (n, r, p) in [(16384, 16, 1), (8192, 32, 1), (32768, 8, 32), (1024, 8, 1024), (131_072, 8, 10)] {
        assert!(ForeignHash::scrypt(n, r, p, b"salt", &[0; 64]).is_ok(), "{n} {r} {p}");
    }
    for (n, r, p) in [(262_144, 8, 1), (131_072, 9, 1), (131_072, 8, 11), (2, 1, 1 << 21), (1 << 40, 1, 1)] {
        let rejected = ForeignHash::scrypt(n, r, p, b"salt", &[0; 64]).map(|_| ());
        assert!(matches!(rejected, Err(ImportError::TooCostly(Bound { family: "scrypt", .. }))), "{n} {r} {p}");
        let stored = format!("$umoja-old$scrypt$ln={},r={r},p={p}$c2FsdA${}", n.ilog2(), "A".repeat(43));
        assert_eq!(verify(&small(), &Password::attempt("x"), &stored), LegacyOutcome::Unsupported);
    }
}

#[test]
fn hashes_imported_by_drupal_7_use_md5_first() {
    // Made with Python's hashlib by a function that gives hashcat's example 7900.
    let native = "U$S$BsaltsaltGeD.NNvP0.ZVZJDYfV0FhDPz8mdOx1h7s/n7wF7dWF.";
    assert_only(&parse(native), "p\u{e4}ssw\u{f6}rd");
    assert_eq!(compare(&parse(&native[1..]), "p\u{e4}ssw\u{f6}rd"), LegacyOutcome::Wrong);
}

#[test]
fn rounds_and_iterations_above_the_ceilings_are_rejected() {
    let too_many = costly("pbkdf2", "iterations times blocks of the output", 10_000_000);
    for (native, reason) in [
        ("$P$IIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", costly("phpass", "rounds", 1 << 18)), // 2^20
        ("$P$4IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", low("phpass", "rounds", 1 << 7)),     // 2^6
        ("$P$zIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", ImportError::Unsupported),
        ("$S$J20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh", costly("drupal7", "rounds", 1 << 20)), // 2^21
        ("pbkdf2_sha256$10000001$salt$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=", too_many),
        ("pbkdf2_sha1$5000001$salt$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=", too_many), // two blocks
        ("pbkdf2_sha256$99999999999$salt$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=", too_many),
        ("pbkdf2_sha256$0$salt$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=", low("pbkdf2", "iterations", 1)),
        ("AQAAAAH/////AAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==", too_many),
        (
            "$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            costly("argon2", "KiB of memory", 1_048_576),
        ),
    ] {
        assert_eq!(rejected(native), reason, "{native}");
    }
}

#[test]
fn an_argon2_string_of_another_system_is_compared_as_typed() {
    // Made over the raw bytes of a ligature that normalisation would decompose.
    let stored = small().hash_bytes("ef\u{FB01}cient".as_bytes(), [1; 16]);
    assert_eq!(verify(&small(), &Password::attempt("ef\u{FB01}cient"), &stored), LegacyOutcome::Verified);
    assert_eq!(verify(&small(), &Password::attempt("efficient"), &stored), LegacyOutcome::Wrong);
}
