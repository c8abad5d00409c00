//! What is sent is what is stored and answered, to the last digit.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use umoja_crypto::jws::{
    Expected, ResponseClaims, ResponseExpected, parse_request, sign_request, sign_response, verify_response,
};
use umoja_crypto::numbers;
use umoja_migrate::export::{Exported, Exporter, Record, read};
use umoja_migrate::import::Restorer;
use umoja_schema::{Attributes, Facts, Identity, Profile, ProfileFacts, UserId, Version};
use umoja_tests::caller::RawReply;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

use super::story;

/// Sends a request whose body has exactly this text, which a `Value` could not spell.
async fn sent(d: &Deployment, operation: &str, body: &str) -> (RawReply, Option<Value>) {
    let to = &d.endpoints[0];
    let claims = d.shop.claims(to, operation, d.now(), None, json!("BODY"));
    let token = sign_request(&d.shop.key, &claims);
    let [header, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let payload = payload.replace("\"BODY\"", body);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(d.shop.key.sign(input.as_bytes())));
    let raw = d.shop.send(to, &claims.path, &token).await;
    let is_signed = raw.headers["content-type"] == "application/jwt";
    let body = is_signed.then(|| d.shop.verify(to, &claims, &token, &raw, d.now()).body);
    (raw, body)
}

const KEPT: &str = r"[0,-0.0,1,1.0,-1,100e-2,0.1,1e23,9007199254740993,18446744073709551615,-9223372036854775808,
    5e-324,1.7976931348623157e308,2.2250738585072014e-308,0.30000000000000004,8.41e21,123456789.12345679]";

#[test]
fn a_number_is_stored_answered_exported_and_restored_as_it_was_sent() {
    let (mut lines, mut id) = (Vec::new(), String::new());
    let numbers: Value = serde_json::from_str(KEPT).unwrap();
    // Compared as texts, because 0 and -0 are equal numbers.
    let written = numbers.to_string();
    let has_them = |user: &Value| serde_json::to_string(&user["profile"]["custom"]["n"]).is_ok_and(|n| n == written);
    story(1210, async |d| {
        let body = format!(r#"{{"username":"ada","profile":{{"custom":{{"n":{KEPT}}}}}}}"#);
        let (raw, answer) = sent(&d, "register", &body).await;
        let answer = answer.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&raw.body)));
        assert!(has_them(&answer["user"]), "{answer}");
        id = answer["user"]["id"].as_str().unwrap().to_owned();
        d.world.settle().await;
        for at in 0..2 {
            assert!(has_them(&d.call(at, "lookup", json!({ "id": id })).await.ok(200).body["user"]));
        }
        assert!(has_them(&d.call(0, "export", json!({ "id": id })).await.ok(200).body["user"]));
        let region = &d.world.regions[0];
        let exporter = Exporter { home: region.home.clone(), sealer: Arc::clone(&region.sealer), company: None };
        lines = serde_json::to_vec(&exporter.header()).unwrap();
        for user in exporter.page(None).await.unwrap().0 {
            let Exported::User(record) = user else { panic!("it opens") };
            lines.push(b'\n');
            lines.extend(serde_json::to_vec(&record).unwrap());
        }
    });
    story(1211, async |d| {
        d.world.clock.advance(10_000);
        let restorer = Restorer { people: d.world.regions[0].people(), dry_run: false };
        for entry in read(&lines[..], None).unwrap() {
            restorer.row(&entry.unwrap().row.unwrap()).await.unwrap();
        }
        assert!(has_them(&d.call(0, "lookup", json!({ "id": id })).await.ok(200).body["user"]));
    });
}

#[test]
fn a_number_that_would_change_is_rejected() {
    story(1212, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        for number in [
            "1e400",
            "1e-400",
            "18446744073709551616",
            "-9223372036854775809",
            "0.1000000000000000055511151231257827",
            "0.10000000000000001",
        ] {
            let profile = format!(r#"{{"custom":{{"n":[{number}]}}}}"#);
            for (operation, body) in [
                ("register", format!(r#"{{"username":"eve","profile":{profile}}}"#)),
                ("update", format!(r#"{{"id":"{id}","set":{{"profile":{profile}}}}}"#)),
            ] {
                let (raw, _) = sent(&d, operation, &body).await;
                assert_eq!((raw.status, &raw.problem()["code"]), (400, &json!("inexact_number")), "{number}");
            }
        }
        let user = d.call(0, "lookup", json!({ "id": id })).await.ok(200).body["user"].clone();
        assert_eq!(user["profile"], json!({}));
    });
}

#[test]
fn a_number_that_is_not_json_makes_a_malformed_request() {
    story(1214, async |d| {
        for number in ["01", "-01", "1.", "1e400]"] {
            let body = format!(r#"{{"username":"eve","profile":{{"custom":{{"n":[{number}]}}}}}}"#);
            let (raw, _) = sent(&d, "register", &body).await;
            assert_eq!((raw.status, &raw.problem()["code"]), (400, &json!("malformed_request")), "{number}");
        }
    });
}

#[test]
fn half_a_character_is_named() {
    story(1214, async |d| {
        let (raw, _) = sent(&d, "register", r#"{"username":"eve","profile":{"given_name":"Ada \ud83d"}}"#).await;
        assert_eq!((raw.status, &raw.problem()["code"]), (422, &json!("half_character")));
        let whole = r#"{"username":"eve","profile":{"given_name":"Ada \ud83d\ude00"}}"#;
        let (_, answer) = sent(&d, "register", whole).await;
        assert_eq!(answer.unwrap()["user"]["profile"]["given_name"], "Ada \u{1f600}");
    });
}

/// Any JSON value with numbers of every kind.
fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| json!(number))),
        any::<u64>().prop_map(|bits| json!(f64::from_bits(bits))),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (any::<i32>(), -30_i32..30).prop_map(|(digits, power)| json!(f64::from(digits) * 10_f64.powi(power))),
    ];
    let leaf =
        prop_oneof![4 => number, 1 => any::<bool>().prop_map(Value::from), 1 => any::<String>().prop_map(Value::from)];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            hash_map(any::<String>(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn every_profile_is_the_same_after_every_way_that_it_takes() {
    let world = run(World::new(1213, 2));
    let region = &world.regions[0];
    let key = umoja_crypto::SigningKey::from_seed("k", [7; 32]);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 192, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&any_json(), |custom| {
            let profile = Profile::from_value(json!({ "custom": { "x": custom } })).unwrap();
            let (written, now) = (serde_json::to_string(&profile).unwrap(), 1_800_000_000);
            // An equal text, because 0.0 and -0.0 are equal values.
            let same = |read: &Profile| prop_assert_eq_text(&serde_json::to_string(read).unwrap(), &written);
            prop_assert!(numbers::are_kept(written.as_bytes()));

            let claims = umoja_crypto::jws::RequestClaims {
                iss: "soko".into(),
                aud: "https://x.example".into(),
                path: "/v1/users/register".into(),
                iat: now,
                exp: now + 60,
                jti: "1".into(),
                akh: "a".into(),
                idk: None,
                body: json!({ "profile": profile }),
            };
            let token = sign_request(&key, &claims);
            let request = parse_request(token.as_bytes()).unwrap().check_times(now).unwrap();
            let expected = Expected { aud: &claims.aud, path: &claims.path, akh: &claims.akh };
            let body = request.verify(&key.verifying_key(), &expected).unwrap().body;
            let profile = Profile::from_value(body["profile"].clone()).unwrap();
            same(&profile)?;

            let identity = Identity { profile, username: Some("ada".into()), ..Identity::default() };
            let version = Version {
                erased: false,
                hlc: umoja_schema::Hlc::at(umoja_schema::Millis(1)),
                origin: region.name.clone(),
            };
            let facts = ProfileFacts {
                created_at: umoja_schema::Millis(1),
                ownerships: std::collections::BTreeMap::default(),
                links: std::collections::BTreeMap::default(),
                merged_into: None,
            };
            let id = UserId::v8([1; 16]);
            let opened: Identity = run(async {
                let facts = Facts::Profile(facts.clone());
                let sealed =
                    region.sealer.seal(id, version.clone(), facts, &identity, Attributes::new()).await.unwrap();
                region.sealer.open(&sealed).await.unwrap()
            });
            same(&opened.profile)?;

            let answer = ResponseClaims {
                iss: claims.aud.clone(),
                aud: claims.iss.clone(),
                iat: now,
                exp: now + 60,
                rjti: "1".into(),
                rqh: "r".into(),
                status: 200,
                body: json!({ "user": { "profile": opened.profile } }),
            };
            let expect = ResponseExpected { iss: &answer.iss, aud: &answer.aud, rjti: "1", rqh: "r" };
            let keys = [("k".to_owned(), key.verifying_key())];
            let token = sign_response(&key, &answer);
            let body = verify_response(token.as_bytes(), &keys, &expect, now).unwrap().body;
            same(&Profile::from_value(body["user"]["profile"].clone()).unwrap())?;

            let record = Record::new(
                id,
                &facts,
                umoja_schema::AccountStatus::Active,
                opened,
                umoja_schema::Credentials::default(),
            );
            let header = r#"{"umoja_export":1,"exported_at":5,"region":"eu-west-1"}"#;
            let file = format!("{header}\n{}\n", serde_json::to_string(&record).unwrap());
            let restored = read(file.as_bytes(), None).unwrap().next().unwrap().unwrap().row.unwrap();
            same(&restored.identity.profile.checked().unwrap())
        })
        .unwrap();
}

fn prop_assert_eq_text(read: &str, written: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(read, written);
    Ok(())
}
