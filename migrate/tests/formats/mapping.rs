//! Every family and rule of a mapping.

use serde_json::{Value, json};
use umoja_crypto::Bound;
use umoja_crypto::legacy::ImportError;
use umoja_migrate::formats::{self, Format, Mapping, MappingError, Options, SourceError, keys};
use umoja_migrate::{Rejected, Row};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{all, assert_logs_in, rows};

const KEYS: &[u8] = br#"{
    "pepper": {"secret": "27167508161455764247627144160038845437138252877014827848", "encoding": "utf8"},
    "hmac": {"secret": "3730313038333837383035", "encoding": "hex"},
    "app": {"firebase": {"signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}
}"#;

fn options(mapping: Value) -> Options {
    let mapping = Mapping::parse(mapping.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    Options { mapping: Some(mapping), keys: keys::parse(KEYS).unwrap(), ..Options::default() }
}

/// A record by a mapping.
fn read(mapping: Value, record: Value) -> Result<Row, Rejected> {
    let mut items = all(Format::Ndjson, record.to_string().as_bytes(), &options(mapping));
    items.pop().unwrap().unwrap().row
}

#[test]
fn hashes_of_every_family_log_in() {
    // hashcat's example hashes 2611, 10, 20, 0, 1460, 11000, 1000, 13900, 10000 and 8900 in parts, Firebase's README,
    // gloo-portal's Keycloak, crypt_blowfish and passlib's tests.
    for (password, hash, record) in [
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "salt": {"from": "s"}, "steps": [{"digest": "md5"}, {"digest": "MD5", "salt": "last"}]}),
            json!({"h": "28F9975808AE2BDC5847B1CDA26033EA", "s": "308"}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "separator": ":", "steps": [{"digest": "md5", "salt": "last"}]}),
            json!({"h": "3d83c8e717ff0e7ecfe187f088d69954:343141"}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "salt": {"from": "s", "encoding": "hex"}, "steps": [{"digest": "md5", "salt": "first"}]}),
            json!({"h": "57ab8499d08c59a7211c77f557bf9425", "s": "34323437"}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "salt": {"from": "s"}, "steps": [{"digest": "md5", "salt": "first"}]}),
            json!({"h": "8743b52063cd84097a65d1633f5c74f5", "s": ""}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "key": "hmac", "steps": [{"digest": "sha256", "hmac": "secret"}]}),
            json!({"h": "8b9472281c36c3a693703de0e0f1ffab8fc0ecdd3bc5ead04c76dd74ef431e49"}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "key": "pepper", "steps": [{"digest": "md5", "pepper": "first"}]}),
            json!({"h": "f22cade043e7214200206dbffca49fd9"}),
        ),
        (
            "hashcat",
            json!({"family": "chain", "from": "h", "encoding": "base64", "password_encoding": "utf16le", "steps": [{"digest": "md4"}]}),
            json!({"h": "tLmwLm8Jqb12DziLZzUeKw=="}),
        ),
        (
            "hashcat",
            json!({"family": "presta_shop", "from": "h", "key": "pepper"}),
            json!({"h": "f22cade043e7214200206dbffca49fd9"}),
        ),
        (
            "hashcat",
            json!({"family": "open_cart", "from": "h", "salt": {"from": "s"}}),
            json!({"h": "058c1c3773340c8563421e2b17e60eb7c916787e", "s": 827_500_576}),
        ),
        ("hashcat", json!({"family": "nt", "from": "h"}), json!({"h": "b4b9b02e6f09a9bd760f388b67351e2b"})),
        (
            "hashcat",
            json!({"family": "pbkdf2", "from": "h", "salt": {"from": "s", "encoding": "utf8"}, "digest": "sha256", "iterations": 10000}),
            json!({"h": "bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6_BrTrUWkE", "s": "1135411628"}),
        ),
        (
            "hashcat",
            json!({"family": "scrypt", "from": "h", "salt": {"from": "s"}, "n": "/cost/n", "r": 8, "p": "/cost/p"}),
            json!({"h": "Cc8SPjRH1hFQhuIPCdF51uNGtJ2aOY/isuoMlMUsJ8c=", "s": "OTEyNzU0ODg=", "cost": {"n": 16384, "p": "1"}}),
        ),
        (
            "user1password",
            json!({"family": "firebase", "from": "h", "salt": {"from": "s"}, "key": "app"}),
            json!({"h": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", "s": "42xEC+ixf3L2lw=="}),
        ),
        (
            "password",
            json!({"family": "keycloak", "from": "c", "secret": "s"}),
            json!({
                "c": r#"{"hashIterations":27500,"algorithm":"pbkdf2-sha256"}"#,
                "s": r#"{"value":"JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=","salt":"P5rtFkGtPfoaryJ6PizUJw=="}"#,
            }),
        ),
        (
            "hashcat",
            json!({"family": "auth0", "from": "h"}),
            json!({"h": {"algorithm": "md5", "hash": {"value": "8743b52063cd84097a65d1633f5c74f5", "encoding": "hex"}}}),
        ),
        (
            "U*U",
            json!({"family": "bcrypt", "from": "h"}),
            json!({"h": "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}),
        ),
        ("test12345", json!({"family": "parse", "from": "h"}), json!({"h": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"})),
    ] {
        let mapping = json!({"external_id": "id", "hash": hash});
        let row = read(mapping.clone(), record).unwrap_or_else(|rejected| panic!("{hash}: {rejected}"));
        assert_logs_in(&row, &options(mapping), password);
    }
}

#[test]
fn a_hash_that_does_not_match_the_mapping_is_rejected() {
    let unsupported = Rejected::Hash(ImportError::Unsupported);
    let md5 = json!({"family": "chain", "from": "h", "steps": [{"digest": "md5"}]});
    let scheme = json!({"when": {"from": "scheme", "is": ["a"]}, "family": "parse", "from": "h"});
    let pbkdf2 = json!({"family": "pbkdf2", "from": "h", "salt": {"from": "s"}, "digest": "sha256", "iterations": "i"});
    let hash = "bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE=";
    let bound = Bound { family: "pbkdf2", parameter: "iterations times blocks of the output", limit: 10_000_000 };
    let too_costly = Rejected::Hash(ImportError::TooCostly(bound));
    for (hash, record, rejected) in [
        (&md5, json!({"h": "8743b520"}), unsupported.clone()),
        (&md5, json!({"h": "not hex"}), unsupported.clone()),
        (&md5, json!({"h": ["8743b52063cd84097a65d1633f5c74f5"]}), Rejected::Field("h".into())),
        (&scheme, json!({"h": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "scheme": "b"}), unsupported.clone()),
        (&scheme, json!({"h": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"}), unsupported.clone()),
        (
            &json!({"family": "bcrypt", "from": "h"}),
            json!({"h": "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"}),
            unsupported,
        ),
        (&pbkdf2, json!({"h": hash, "s": "YWJj", "i": 99_999_999}), too_costly.clone()),
        (&pbkdf2, json!({"h": hash, "s": "YWJj", "i": 99_999_999_999_u64}), too_costly),
        (&pbkdf2, json!({"h": hash, "s": "YWJj"}), Rejected::Field("i".into())),
        (&pbkdf2, json!({"h": hash, "s": "YWJj", "i": "many"}), Rejected::Field("i".into())),
    ] {
        let found = read(json!({"external_id": "id", "hash": hash}), record.clone());
        assert_eq!(found.err(), Some(rejected), "{hash} {record}");
    }
    let none = read(json!({"external_id": "id", "hash": md5}), json!({"h": null})).unwrap();
    assert!(none.hash.is_none());
}

#[test]
fn flags_are_constants_members_words_or_presence() {
    let verified = |rule: Value, record: Value| {
        read(json!({"external_id": "id", "email_verified": rule}), record).map(|row| row.email_verified)
    };
    for (rule, record, expected) in [
        (json!(true), json!({}), true),
        (json!(false), json!({"v": true}), false),
        (json!("v"), json!({"v": true}), true),
        (json!("v"), json!({"v": "T"}), true),
        (json!("v"), json!({"v": 1}), true),
        (json!("v"), json!({"v": "no"}), false),
        (json!("v"), json!({"v": null}), false),
        (json!(["a", "v"]), json!({"v": "1"}), true),
        (json!({"from": "v", "is": ["confirmed"]}), json!({"v": "confirmed"}), true),
        (json!({"from": "v", "is": ["confirmed"]}), json!({"v": "Confirmed"}), false),
        (json!({"from": "v", "present": true}), json!({"v": "2020-01-01"}), true),
        (json!({"from": "v", "present": true}), json!({"v": ""}), false),
        (json!({"from": "v", "present": false}), json!({}), true),
    ] {
        assert_eq!(verified(rule.clone(), record.clone()), Ok(expected), "{rule} {record}");
    }
    for value in [json!("perhaps"), json!(2), json!(1.5), json!([true]), json!({})] {
        let row = read(json!({"external_id": "id", "email_verified": "v"}), json!({"v": value})).unwrap();
        assert!(!row.email_verified && row.left_out[0].field == "v");
    }
}

#[test]
fn instants_and_status_are_read_by_their_rule() {
    let created = |rule: Value, value: Value| {
        read(json!({"external_id": "id", "created_at": rule}), json!({"t": value}))
            .map(|row| row.created_at.map(|at| at.0))
    };
    let seconds = || json!({"from": "t", "unit": "seconds"});
    for (rule, value, millis) in [
        (json!("t"), json!("2020-02-29T12:30:05Z"), 1_582_979_405_000),
        (json!("t"), json!(1_582_979_405.5), 1_582_979_405_500),
        (json!("t"), json!(1_582_979_405_001_u64), 1_582_979_405_001),
        (json!({"from": "t", "unit": "text"}), json!("2020-02-29 12:30:05"), 1_582_979_405_000),
        (seconds(), json!(1_582_979_405), 1_582_979_405_000),
        (seconds(), json!("1582979405"), 1_582_979_405_000),
        (seconds(), json!("1582979405.12"), 1_582_979_405_120),
        (seconds(), json!(1_548_089_817.683), 1_548_089_817_683),
        (json!({"from": "t", "unit": "milliseconds"}), json!(1_582_979_405_001_u64), 1_582_979_405_001),
    ] {
        assert_eq!(created(rule.clone(), value.clone()), Ok(Some(millis)), "{rule} {value}");
    }
    for value in [json!(-1), json!(u64::MAX), json!("1."), json!(".5"), json!("1e9"), json!(1e30), json!(true)] {
        let row = read(json!({"external_id": "id", "created_at": seconds()}), json!({"t": value})).unwrap();
        assert!(row.created_at.is_none() && row.left_out[0].field == "t", "{value}");
    }
    let rule = json!({"from": "s", "active": ["1", "true"], "disabled": ["0"], "deleted": ["-1"]});
    let status =
        |value: Value| read(json!({"external_id": "id", "status": rule}), json!({"s": value})).map(|row| row.status);
    assert_eq!(status(json!(true)), Ok(Some(AccountStatus::Active)));
    assert_eq!(status(json!(0)), Ok(Some(AccountStatus::Disabled)));
    assert_eq!(status(json!("-1")), Err(Rejected::Deleted));
    assert_eq!(status(json!("2")), Err(Rejected::Status("s".into())));
    assert_eq!(status(Value::Null), Ok(None));
    let deleted = json!({"external_id": "id", "deleted": {"from": "deleted_at", "present": true}});
    assert_eq!(read(deleted, json!({"deleted_at": "2020-01-01"})).err(), Some(Rejected::Deleted));
}

#[test]
fn places_are_columns_or_pointers() {
    let row = |place: Value| {
        let record = json!({"a": {"b/c": ["x", "y"], "~": 7, "n": null}, "l": [{"k": "1", "v": "one"}, {"k": "2", "v": "two"}], "/": "s", "e": "",
            "j": "{\"x\": [{\"k\": \"a\", \"v\": \"inside\"}]}"});
        read(json!({"external_id": place}), record)
    };
    let id = |place: Value| row(place).map(|row| row.external_id);
    let left_out =
        |place: Value| -> Vec<String> { row(place).unwrap().left_out.into_iter().map(|left| left.field).collect() };
    for (place, expected) in [
        (json!("/a/b~1c/1"), Some("y")),
        (json!("/a/~0"), Some("7")),
        (json!("/l/[k=2]/v"), Some("two")),
        (json!("/l/[k=3]/v"), None),
        (json!("/j/x/[k=a]/v"), Some("inside")),
        (json!("/j/y"), None),
        (json!("/a/n/deeper"), None),
        (json!("/a/b~1c/2"), None),
        (json!(["e", "none", "/l/0/v", "/l/1/v"]), Some("one")),
    ] {
        assert_eq!(id(place.clone()), Ok(expected.map(str::to_owned)), "{place}");
    }
    for place in ["/a", "/a/b~1c", "/a/b~1c/x", "/a/[k=2]/v", "/l/0/v/deeper", "/e/x"] {
        assert_eq!(left_out(json!(place)), [place], "{place}");
    }
}

#[test]
fn a_malformed_mapping_is_rejected() {
    for wrong in [
        json!([]),
        json!({}),
        json!({"external_id": ""}),
        json!({"external_id": []}),
        json!({"external_id": "id", "emial": "email"}),
        json!({"external_id": "id", "profile": {"shoe_size": "s"}}),
        json!({"external_id": "id", "created_at": {"from": "t", "unit": "days"}}),
        json!({"external_id": "id", "hash": {"family": "rot13", "from": "h"}}),
        json!({"external_id": "id", "hash": {"family": "chain", "from": "h", "steps": [{"digest": "crc32"}]}}),
    ] {
        assert!(matches!(Mapping::parse(wrong.to_string().as_bytes()), Err(MappingError::Form(_))), "{wrong}");
    }
    let with = |name: &str, value: Value| json!({"external_id": "id", name: value});
    for (wrong, says) in [
        (with("emial", json!("x")), "unknown field `emial`"),
        (with("hash", json!({"family": "rot13", "from": "h"})), "unknown variant `rot13`"),
        (with("hash", json!([{"from": "h"}])), "missing field `family`"),
        (with("email", json!(7)), "a place is the name of a column"),
        (with("email_verified", json!({"from": "x"})), "a flag is true"),
        (with("created_at", json!({"from": "x", "unit": "days"})), "an instant is a place"),
    ] {
        let said = Mapping::parse(wrong.to_string().as_bytes()).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
    for (member, wrong) in [
        ("records", with("records", json!("users"))),
        ("delimiter", with("delimiter", json!("||"))),
        ("delimiter", with("delimiter", json!("\n"))),
        ("escape", with("escape", json!("é"))),
        ("steps", with("hash", json!({"family": "chain", "from": "h"}))),
        ("key", with("hash", json!({"family": "presta_shop", "from": "h"}))),
        ("key", with("hash", json!([{"family": "firebase", "from": "h"}]))),
        ("salt", with("hash", json!({"family": "open_cart", "from": "h"}))),
        ("digest", with("hash", json!({"family": "pbkdf2", "from": "h"}))),
        ("n", with("hash", json!({"family": "scrypt", "from": "h"}))),
        ("secret", with("hash", json!({"family": "keycloak", "from": "h"}))),
        ("separator", with("hash", json!({"family": "open_cart", "from": "h", "separator": ""}))),
    ] {
        let found = Mapping::parse(wrong.to_string().as_bytes());
        assert!(matches!(found, Err(MappingError::Member(name)) if name == member), "{wrong}");
    }
}

#[test]
fn columns_and_keys_of_a_mapping_must_exist() {
    let mapping = json!({"external_id": "id", "email": ["mail", "email"], "hash": {"family": "presta_shop", "from": "pw", "key": "other"}});
    let mut options = options(mapping.clone());
    let first = |options: &Options, source: &str| all(Format::Csv, source.as_bytes(), options).remove(0);
    assert!(matches!(first(&options, "id,email,pw\n"), Err(SourceError::Key(key)) if key == "other"));
    options.keys = keys::parse(br#"{"other": {"secret": "x", "encoding": "utf8"}}"#).unwrap();
    for (header, missing) in [("id,email", "pw"), ("id,pw", "mail"), ("email,pw", "id")] {
        let found = first(&options, &format!("{header}\n"));
        assert!(matches!(found, Err(SourceError::Column(name)) if name == missing), "{header}");
    }
    assert!(all(Format::Csv, b"id,email,pw\n", &options).is_empty());
    options.mapping = None;
    assert!(matches!(first(&options, ""), Err(SourceError::NoMapping)));
    assert!(matches!(all(Format::Ndjson, b"", &options)[..], [Err(SourceError::NoMapping)]));
}

#[test]
fn a_table_is_read_in_its_dialect() {
    let mapping = json!({"external_id": "id", "email": "mail", "delimiter": "|", "escape": "\\", "null": ["-"]});
    let rows_of = rows(Format::Csv, "id|mail\n1|-\n2|\"a\\\"b|c\"\n3|NULL\n", &options(mapping));
    let mails: Vec<_> = rows_of.iter().map(|row| row.email.as_deref()).collect();
    assert_eq!(mails, [None, Some("a\"b|c"), Some("NULL")]);
    for source in ["id\tmail\n1\ta,b;c\n", "id;mail\n1;a,b;c", "id,mail\n1,\"a,b;c\"\n"] {
        let mapping = json!({"external_id": "id", "email": "mail"});
        let entry = all(Format::Csv, source.as_bytes(), &options(mapping)).remove(0).unwrap();
        let expected = if source.contains("id;") { None } else { Some("a,b;c".to_owned()) };
        assert_eq!(entry.row.ok().and_then(|row| row.email), expected, "{source}");
    }
}

#[test]
fn json_is_read_by_line_or_from_the_mappings_array() {
    let mapping = || json!({"external_id": "id"});
    let ids = |mapping: Value, source: &str| -> Vec<String> {
        rows(Format::Ndjson, source, &options(mapping)).into_iter().filter_map(|row| row.external_id).collect()
    };
    assert_eq!(ids(mapping(), "{\"id\":1}\n\n {\"id\":2} \r\n"), ["1", "2"]);
    assert_eq!(ids(mapping(), "[{\"id\":1},{\"id\":2}]"), ["1", "2"]);
    let nested = |path: &str| json!({"external_id": "id", "records": path});
    assert_eq!(ids(nested(""), "[{\"id\":1}]"), ["1"]);
    let document = r#"{"a": {"x/y": [{"u": [{"id": 1}]}, {"v": [], "u": null}, {"u": [{"id": 2}, {"id": 3}]}]}, "b": [[[{"]": "}"}]]]}"#;
    assert_eq!(ids(nested("/a/x~1y/*/u"), document), ["1", "2", "3"]);
    for path in ["/a/none", "/b/none", "/a/x~1y/u"] {
        let items = all(Format::Ndjson, document.as_bytes(), &options(nested(path)));
        assert!(matches!(&items[..], [Err(SourceError::Frame { .. })]), "{path}: {items:?}");
    }
    assert_eq!(
        rows(
            Format::Ndjson,
            r#"{"t": 1}"#,
            &options(json!({"external_id": "id", "created_at": {"from": "t", "unit": "seconds"}}))
        )[0]
        .created_at,
        Some(Millis(1000))
    );
}

#[test]
fn digits_are_international_if_the_mapping_says_so() {
    let phone = |rule: Value, text: &str| {
        read(json!({"external_id": "id", "phone_number": rule}), json!({"p": text, "c": "KE"})).unwrap()
    };
    let international = || json!({"from": "p", "digits": "international"});
    for (text, read) in
        [("254712123456", "+254712123456"), ("+254712123456", "+254712123456"), ("0712123456", "0712123456")]
    {
        assert_eq!(phone(international(), text).phone_number.as_deref(), Some(read));
    }
    assert_eq!(phone(json!("p"), "254712123456").phone_number.as_deref(), Some("254712123456"));
    let with_country = json!({"external_id": "id", "phone_number": "p", "phone_country": "c"});
    let row = read(with_country, json!({"p": "0712123456", "c": "KE"})).unwrap();
    assert_eq!(row.phone_country.as_deref(), Some("KE"));
}

#[test]
fn members_that_the_mapping_does_not_name_are_not_taken() {
    let mapping = json!({"external_id": "id", "profile": {"custom": {"meta": "/meta/kept"}}});
    let record = json!({"id": "1", "meta": {"kept": {"pin": 1, "token": "x"}}, "spare": "y", "blank": ""});
    let row = read(mapping, record).unwrap();
    assert_eq!(row.not_taken, ["meta.token", "spare"]);
}

#[test]
fn digits_that_are_no_number_are_left_out_as_the_source_has_them() {
    let mapping = json!({"external_id": "id", "phone_number": {"from": "p", "digits": "international"}});
    let row = read(mapping, json!({"id": "1", "p": "12"})).unwrap();
    assert!(row.phone_number.is_none() && row.left_out[0].value == "12");
}

#[test]
fn a_record_alone_needs_its_mapping_and_is_of_json() {
    let record = || json!({"id": "1"}).as_object().cloned().unwrap();
    let mapped = options(json!({"external_id": "id"}));
    let row = formats::record(Format::Ndjson, record(), &mapped).unwrap().unwrap();
    assert_eq!(row.external_id.as_deref(), Some("1"));
    for format in [Format::Ndjson, Format::Csv, Format::Ldif] {
        assert!(matches!(formats::record(format, record(), &Options::default()), Err(Rejected::Form(_))));
    }
}
