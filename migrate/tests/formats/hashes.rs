//! Hashes by a mapping: the examples of systems, peppers and digests before a hash, templates, and what has no meaning.

use serde_json::{Value, json};
use umoja_crypto::legacy::ImportError;
use umoja_migrate::formats::{Format, Mapping, MappingError, Options, keys};
use umoja_migrate::{Rejected, Row};

use crate::login::{all, assert_logs_in, rows};

/// Of all hashes that were made for these tests.
const PASSWORD: &str = "it's \u{e4} \"plain\" pass 9";

const KEYS: &[u8] = br#"{"pepper": {"secret": "pepper-of-the-shop", "encoding": "utf8"}}"#;

fn options(mapping: &Value) -> Options {
    let mapping = Mapping::parse(mapping.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    Options { mapping: Some(mapping), keys: keys::parse(KEYS).unwrap(), ..Options::default() }
}

fn read(hash: &Value, record: &Value) -> Result<Row, Rejected> {
    let options = options(&json!({"external_id": "id", "hash": hash}));
    all(Format::Ndjson, record.to_string().as_bytes(), &options).pop().unwrap().unwrap().row
}

fn assert_password(hash: &Value, record: &Value, password: &str) {
    let row = read(hash, record).unwrap_or_else(|rejected| panic!("{hash} {record}: {rejected}"));
    assert_logs_in(&row, &options(&json!({"external_id": "id", "hash": hash})), password);
}

macro_rules! example {
    ($name:literal, $format:expr, $sample:literal) => {{
        let mapping = Mapping::parse(include_bytes!(concat!("../../examples/", $name, ".json"))).unwrap();
        let options = Options { mapping: Some(mapping), ..Options::default() };
        let rows = rows($format, include_str!(concat!("../../examples/", $sample)), &options);
        (options, rows)
    }};
}

#[test]
fn examples_of_systems_log_in() {
    // Flask with werkzeug 3.1.9 and 2.3.8, passport-local-mongoose 9.2.0, bcryptjs 3.0.3 and argon2-cffi 25.1.0 as
    // Meteor calls them, PHP 8.2 as Nextcloud calls it, symfony/password-hasher 6.4.
    for (options, rows) in [
        example!("flask", Format::Csv, "flask.users.csv"),
        example!("passport-local-mongoose", Format::Ndjson, "passport-local-mongoose.users.json"),
        example!("meteor", Format::Ndjson, "meteor.users.json"),
        example!("nextcloud", Format::Csv, "nextcloud.users.csv"),
        example!("symfony", Format::Csv, "symfony.users.csv"),
    ] {
        for row in &rows {
            assert_logs_in(row, &options, PASSWORD);
        }
    }
    // Spring's documentation.
    let (options, rows_of_spring) = example!("spring", Format::Csv, "spring.users.csv");
    assert_eq!(rows_of_spring.len(), 4);
    for row in &rows_of_spring {
        assert_logs_in(row, &options, "password");
    }
    // better-auth 1.7.25; a user who came by another provider has no password.
    let (options, rows_of_better_auth) = example!("better-auth", Format::Csv, "better-auth.users.csv");
    assert_logs_in(&rows_of_better_auth[0], &options, "\u{e9}t\u{e9} pass 9");
    assert!(rows_of_better_auth[1].hash.is_none());
    // Devise 4.8.1.
    let mapping = Mapping::parse(include_bytes!("../../examples/devise.json")).unwrap();
    let keys = keys::parse(include_bytes!("../../examples/devise.keys.json")).unwrap();
    let options = Options { mapping: Some(mapping), keys, ..Options::default() };
    let rows_of_devise = rows(Format::Csv, include_str!("../../examples/devise.users.csv"), &options);
    assert_logs_in(&rows_of_devise[0], &options, PASSWORD);
    assert!(rows_of_devise[1].hash.is_none());
}

#[test]
fn a_pepper_stands_where_the_mapping_says() {
    let devise = json!({"h": "$2a$04$RC0pAGv4swSip26NkJAPzuCy26kwx4H01qai1lQUfXopysqm0CFfu"});
    for hash in [
        json!({"family": "bcrypt", "from": "h", "key": "pepper"}),
        json!({"family": "parse", "from": "h", "key": "pepper"}),
        json!({"family": "parse", "from": "h", "key": "pepper", "before": [{"pepper": "last"}]}),
    ] {
        assert_password(&hash, &devise, PASSWORD);
    }
    // Made with PHP 8.2: password_hash over pepper and password, over hash_hmac('sha256') and over base64 of
    // hash('sha512', ..., true).
    for (before, key, hash) in [
        (json!([{"pepper": "first"}]), true, "$2y$04$P3vNOzbQukXjxG2TRTctR.msgmfyUzgjOaGPnIrt/JjKurPCchF1W"),
        (
            json!([{"digest": "sha256", "hmac": "secret"}]),
            true,
            "$2y$04$3vaPHQJQutsJC.3/GeXVR.3yNOXt.D1GqSIdyENudAyJEubNPLhAi",
        ),
        (
            json!([{"digest": "sha512", "output": "base64"}]),
            false,
            "$2y$04$0eWdEfcxeIjj6eeOtfAzJuM8vej1CK5dCBtRaNhlprgoMv05fboOa",
        ),
        (
            json!([{"digest": "md5", "output": "hex_upper"}, {"digest": "sha1"}]),
            false,
            "$2y$04$nBAYHInUPXCW8EaQ.wHtyOdtC7JpghVT/IgqFPNvCy0lROmo/ox2K",
        ),
    ] {
        let mut rule = json!({"family": "bcrypt", "from": "h", "before": before});
        if key {
            rule["key"] = json!("pepper");
        }
        assert_password(&rule, &json!({"h": hash}), PASSWORD);
    }
}

#[test]
fn a_template_puts_salt_and_password_among_any_text() {
    // Made with PHP 8.2's sha1 and hash.
    for (template, hash, digest) in [
        ("--{SALT}--{PASSWORD}--", "621138ff6e6f1955d6dc774113bbaf82071e2de0", "sha1"),
        ("{SALT}{PASSWORD}{SALT}", "f8abfe84eab5127bf89c97fdba01bac23276d430576c60826368f00c254d6762", "sha256"),
    ] {
        let salt = json!({"from": "s", "template": template});
        let steps = json!([{"digest": digest, "salt": "around"}]);
        let rule = json!({"family": "chain", "from": "h", "salt": salt, "steps": steps});
        assert_password(&rule, &json!({"h": hash, "s": "s4lt"}), PASSWORD);
    }
    // MySQL's PASSWORD(): SHA-1 over the bytes of SHA-1, from MySQL's manual.
    let rule =
        json!({"family": "chain", "from": "h", "steps": [{"digest": "sha1", "output": "raw"}, {"digest": "sha1"}]});
    assert_password(&rule, &json!({"h": "6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9"}), "123456");
}

#[test]
fn hash_and_salt_come_in_either_order() {
    let md5 = |more: Value| {
        let mut rule =
            json!({"family": "chain", "from": "h", "separator": ":", "steps": [{"digest": "md5", "salt": "last"}]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    // hashcat's example 10.
    let (first, last) = ("3d83c8e717ff0e7ecfe187f088d69954:343141", "343141:3d83c8e717ff0e7ecfe187f088d69954");
    for (rule, text) in [
        (md5(json!({})), first),
        (md5(json!({})), last),
        (md5(json!({"order": "hash_first"})), first),
        (md5(json!({"order": "salt_first"})), last),
    ] {
        assert_password(&rule, &json!({"h": text}), "hashcat");
    }
    assert!(read(&md5(json!({"order": "hash_first"})), &json!({"h": last})).is_err());
    // better-auth, by the family of its hash.
    let rule = json!({
        "family": "scrypt", "from": "h", "separator": ":", "encoding": "hex", "salt": {"encoding": "utf8"}, "typed": "nfkc",
        "n": 16384, "r": 16, "p": 1,
    });
    let hash = "9a06793f3141e26676e1a066b842b215:bdaa5420c68125ee839120a9a8bcdd092aa5aaeb196145dc3b645d1dc6a28a28b8410aca9423a25bba2ac4a8efdf570c84c1cda85a479dbf938e263c4fb7475b";
    assert_password(&rule, &json!({"h": hash}), "e\u{301}t\u{e9} pass 9");
}

#[test]
fn a_text_that_is_no_hash_leaves_the_place_to_the_next_rule() {
    let rules = json!([{"family": "parse", "from": "h"}, {"family": "nt", "from": "nt"}]);
    let nt = "b4b9b02e6f09a9bd760f388b67351e2b";
    for text in ["{SASL}u@EXAMPLE.COM", "{K5KEY}", "!"] {
        assert_password(&rules, &json!({"h": text, "nt": nt}), "hashcat");
        assert!(read(&rules, &json!({"h": text})).unwrap().hash.is_none(), "{text}");
    }
    let damaged = read(&rules, &json!({"h": "{SSHA}!b+mdvnTo8NPegaWqufxq", "nt": nt}));
    assert_eq!(damaged.err(), Some(Rejected::Hash(ImportError::Unsupported)));
}

#[test]
fn a_mapping_names_one_of_several_firebase_projects() {
    // Firebase's README, as SuperTokens writes it, and another project with the usual separator.
    let keys = br#"{
        "app": {"firebase": {"signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}},
        "other": {"firebase": {"signer_key": "AAAA", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}
    }"#;
    let hash = "$f_scrypt$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$m=14$r=8$s=Bw==";
    let record = json!({"h": hash}).to_string();
    for key in [Some("app"), None] {
        let mut rule = json!({"family": "parse", "from": "h"});
        if let Some(key) = key {
            rule["key"] = json!(key);
        }
        let options =
            Options { keys: keys::parse(keys).unwrap(), ..options(&json!({"external_id": "id", "hash": rule})) };
        let row = all(Format::Ndjson, record.as_bytes(), &options).pop().unwrap().unwrap().row;
        match key {
            Some(_) => assert_logs_in(&row.unwrap(), &options, "user1password"),
            None => assert_eq!(row.err(), Some(Rejected::Hash(ImportError::MissingKey))),
        }
    }
}

#[test]
fn members_without_a_meaning_are_rejected() {
    let parse = |hash: &Value| Mapping::parse(json!({"external_id": "id", "hash": hash}).to_string().as_bytes());
    for (member, hash) in [
        ("key", json!({"family": "nt", "key": "pepper"})),
        ("encoding", json!({"family": "parse", "encoding": "hex"})),
        ("separator", json!({"family": "nt", "separator": ":"})),
        ("iterations", json!({"family": "scrypt", "n": 2, "r": 1, "p": 1, "iterations": 5})),
        ("before", json!({"family": "chain", "steps": [{"digest": "md5"}], "before": [{"digest": "md5"}]})),
        ("steps", json!({"family": "bcrypt", "steps": [{"digest": "md5"}]})),
        ("salt.encoding", json!({"family": "bcrypt", "cost": 5, "salt": {"from": "s", "encoding": "hex"}})),
        ("salt.template", json!({"family": "pbkdf2", "digest": "sha1", "iterations": 5, "salt": {"template": "x"}})),
        ("secret", json!({"family": "auth0", "secret": "s"})),
        ("password_encoding", json!({"family": "nt", "password_encoding": "utf8"})),
    ] {
        let mut rule = hash.clone();
        rule["from"] = json!("h");
        let found = parse(&rule).unwrap_err();
        assert!(matches!(found, MappingError::Unused { member: name, .. } if name == member), "{rule} {found}");
    }
    let md5 = |step: Value, more: Value| {
        let mut rule = json!({"family": "chain", "from": "h", "steps": [step]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    for (member, hash) in [
        ("key", md5(json!({"digest": "md5"}), json!({"key": "pepper"}))),
        ("key", md5(json!({"digest": "md5", "pepper": "first"}), json!({}))),
        ("key", json!({"family": "bcrypt", "from": "h", "before": [{"pepper": "last"}]})),
        ("steps", md5(json!({"pepper": "last"}), json!({"key": "pepper"}))),
        ("before", json!({"family": "bcrypt", "from": "h", "before": []})),
        ("before", json!({"family": "bcrypt", "from": "h", "before": [{"digest": "md5", "salt": "first"}]})),
        ("salt", md5(json!({"digest": "md5", "salt": "around"}), json!({"salt": {"from": "s"}}))),
        ("salt", md5(json!({"digest": "md5", "salt": "around"}), json!({"salt": {"from": "s", "template": "{SALT}"}}))),
        ("order", md5(json!({"digest": "md5"}), json!({"order": "salt_first"}))),
        ("cost", json!({"family": "bcrypt", "from": "h", "salt": {"from": "s"}})),
        ("separator", md5(json!({"digest": "md5", "salt": "first"}), json!({"separator": ":", "salt": {"from": "s"}}))),
    ] {
        let found = parse(&hash).unwrap_err();
        assert!(matches!(found, MappingError::Member(name) if name == member), "{hash} {found}");
    }
}

#[test]
fn a_hash_out_of_its_bounds_is_rejected_by_a_sentence() {
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (rule, sentence) in [
        (
            json!({"family": "scrypt", "from": "h", "n": 1_048_576, "r": 8, "p": 1}),
            "(scrypt) has bytes of memory (128 r (N + p)) above 142606336",
        ),
        (json!({"family": "scrypt", "from": "h", "n": 16384, "r": 8, "p": 100}), "(scrypt) has N r p above 10485760"),
        (
            json!({"family": "pbkdf2", "from": "h", "digest": "sha256", "iterations": 10_000_001}),
            "(pbkdf2) has iterations times blocks of the output above 10000000",
        ),
        (
            json!({"family": "symfony", "from": "h", "digest": "sha256", "iterations": 262_145}),
            "(chain) has rounds, of which 16 over a digest alone count as one, above 262144",
        ),
        (
            json!({"family": "chain", "from": "h", "encoding": "base64", "steps": [{"digest": "sha256", "rounds": 4_194_305}]}),
            "(chain) has rounds, of which 16 over a digest alone count as one, above 262144",
        ),
        (
            json!({"family": "pbkdf2", "from": "h", "digest": "sha256", "iterations": 0}),
            "(pbkdf2) has iterations below 1",
        ),
    ] {
        let rejected = read(&rule, &json!({"h": hash})).unwrap_err().to_string();
        assert!(rejected.contains(sentence), "{rule}: {rejected}");
    }
    let costly = json!({"family": "bcrypt", "from": "h", "salt": {"from": "s"}, "cost": "c"});
    let record = json!({"h": "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "s": "CCCCCCCCCCCCCCCCCCCCC.", "c": 5_000_000_000_u64});
    let rejected = read(&costly, &record).unwrap_err().to_string();
    assert!(rejected.contains("(bcrypt) has a cost above 15"), "{rejected}");
}
