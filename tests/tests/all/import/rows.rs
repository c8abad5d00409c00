//! New users, and repeated imports of the same rows.

use std::pin::pin;
use std::sync::Arc;

use serde_json::json;
use umoja_crypto::legacy::{ForeignHash, HashKey, HashKeys};
use umoja_migrate::Row;
use umoja_migrate::import::{Entry, Failed, Importer, Outcome, Reason, Report, run};
use umoja_schema::{AccountStatus, Millis, Part, Profile};
use umoja_store::ports::Clock as _;

use super::{
    BCRYPT_PASSWORD, bcrypt, credentials, everything, found, identity, importer, outcome, part, row, sha256, story,
    with_hash,
};

#[test]
fn an_imported_user_logs_in_elsewhere_with_the_old_password() {
    for (seed, hash, password) in [(1, bcrypt(), BCRYPT_PASSWORD), (2, sha256("old secret"), "old secret")] {
        story(seed, async |d| {
            let done = importer(&d, 0, &d.shop).await.row(&with_hash(row("7", "ada@example.com"), hash)).await;
            assert_eq!(outcome(done), Outcome::Created);
            d.world.settle().await;
            let id = found(&d, 1, &d.shop, "7").await;
            let old = credentials(&d, 1, id).await;
            assert_eq!((old.secret, old.legacy_hashes.len()), (None, 1));
            assert!(!d.accepts(1, "ada@example.com", "another").await);
            assert!(d.accepts(1, "ada@example.com", password).await);
            let upgraded = part(&d, 1, id, Part::Credentials).await;
            assert!(d.accepts(1, "ada@example.com", password).await);
            assert_eq!(part(&d, 1, id, Part::Credentials).await.version, upgraded.version, "once");
            d.world.settle().await;
            let new = credentials(&d, 0, id).await;
            assert!(new.secret.is_some() && new.legacy_hashes.is_empty());
            assert!(d.accepts(0, "ada@example.com", password).await);
            d.world.check_invariants().await;
        });
    }
}

#[test]
fn an_imported_row_keeps_its_values_and_source() {
    story(3, async |d| {
        let now = d.world.clock.now();
        let profile = Profile { given_name: Some("Ada".into()), ..Profile::default() };
        let full = Row {
            phone_number: Some("0712 123 456".into()),
            username: Some("ada".into()),
            profile,
            created_at: Some(Millis(1_000)),
            status: Some(AccountStatus::Disabled),
            ..row("7", " Ada@Example.com ")
        };
        importer(&d, 0, &d.shop).await.row(&full).await.unwrap();
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["email_verified"], &user["phone_number"]), (&json!(true), &json!("+254712123456")));
        assert_eq!((&user["phone_number_verified"], &user["created_at"]), (&json!(false), &json!(1)));
        assert_eq!((&user["status"], &user["username"]), (&json!("disabled"), &json!("ada")));
        assert_eq!(
            user["accounts"]["shop"],
            json!({ "external_id": "7", "status": "active", "linked_at": now.secs() })
        );
        let id = found(&d, 0, &d.shop, "7").await;
        let sources = identity(&d, 0, id).await.sources;
        let names = ["accounts.shop", "email", "external_id.shop", "phone_number", "profile.given_name", "username"];
        assert_eq!(sources.keys().collect::<Vec<_>>(), names);
        assert!(sources.values().all(|source| source.company.as_str() == "shop" && source.at == now.secs()));
        // No registration is in the future, and ownerships are as old as the import.
        let late = Row { created_at: Some(now.plus(86_400_000)), ..row("8", "bob@example.com") };
        importer(&d, 0, &d.shop).await.row(&late).await.unwrap();
        let facts = part(&d, 0, found(&d, 0, &d.shop, "8").await, Part::Profile).await;
        let facts = facts.profile_facts().unwrap();
        assert_eq!(facts.created_at, now);
        assert!(facts.ownerships.values().all(|ownership| ownership.owned_since == now));
    });
}

#[test]
fn an_untrusted_companys_verification_is_ignored() {
    story(4, async |d| {
        importer(&d, 0, &d.blog).await.row(&row("7", "ada@example.com")).await.unwrap();
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await;
        assert_eq!(user.ok(200).body["user"]["email_verified"], json!(false));
    });
}

#[test]
fn a_repeated_import_changes_and_restores_nothing() {
    story(5, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let ada = with_hash(Row { username: Some("ada".into()), ..row("7", "ada@example.com") }, bcrypt());
        let nameless = Row { external_id: None, ..row("", "bob@example.com") };
        for row in [&ada, &nameless] {
            assert_eq!(outcome(importer.row(row).await), Outcome::Created);
        }
        let before = everything(&d, 0).await;
        for row in [&ada, &nameless] {
            assert_eq!(outcome(importer.row(row).await), Outcome::AlreadyThere);
        }
        assert_eq!(everything(&d, 0).await, before);
        let id = found(&d, 0, &d.shop, "7").await;
        let set = json!({ "email": "new@example.com", "username": null, "external_id": null });
        d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        let before = everything(&d, 0).await;
        assert_eq!(importer.row(&ada).await, Err(Failed::Rejected(Reason::OtherAddress)));
        assert_eq!(everything(&d, 0).await, before);
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        assert_eq!(importer.row(&ada).await, Err(Failed::Rejected(Reason::Erased)));
    });
}

#[test]
fn a_user_registered_under_the_external_id_is_unchanged() {
    story(6, async |d| {
        let body = json!({ "external_id": "7", "username": "ada" });
        let id = d.call(0, "register", body).await.ok(201).id();
        let before = everything(&d, 0).await;
        let importer = importer(&d, 0, &d.shop).await;
        let done = importer.row(&with_hash(row("7", "ada@example.com"), bcrypt())).await;
        assert_eq!((outcome(done), everything(&d, 0).await), (Outcome::AlreadyThere, before));
        assert_eq!(found(&d, 0, &d.shop, "7").await.to_string(), id);
        // The external id 7 of another company is another user.
        let food = super::importer(&d, 0, &d.food).await;
        assert_eq!(outcome(food.row(&row("7", "bob@example.com")).await), Outcome::Created);
    });
}

#[test]
fn hashes_from_a_separate_file_are_added() {
    story(7, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        importer.row(&row("7", "ada@example.com")).await.unwrap();
        let with = with_hash(row("7", "ada@example.com"), bcrypt());
        for _ in 0..2 {
            assert_eq!(outcome(importer.row(&with).await), Outcome::AlreadyThere);
        }
        let id = found(&d, 0, &d.shop, "7").await;
        assert_eq!(credentials(&d, 0, id).await.legacy_hashes.len(), 1);
        assert!(d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        assert_eq!(outcome(importer.row(&with).await), Outcome::AlreadyThere);
        assert!(credentials(&d, 0, id).await.legacy_hashes.is_empty(), "an existing password stays");
    });
}

#[test]
fn concurrent_imports_in_two_regions_create_the_same_users() {
    story(8, async |d| {
        let (here, there) = (importer(&d, 0, &d.shop).await, importer(&d, 1, &d.shop).await);
        for n in 0..20 {
            let row = with_hash(row(&n.to_string(), &format!("user{n}@example.com")), sha256("old secret"));
            let (one, other) = tokio::join!(here.row(&row), there.row(&row));
            assert_eq!([outcome(one), outcome(other)], [Outcome::Created, Outcome::Created]);
        }
        d.world.settle().await;
        d.world.check_invariants().await;
        assert_eq!(everything(&d, 0).await.len(), 40);
        assert!(d.accepts(0, "user3@example.com", "old secret").await);
    });
}

#[test]
fn concurrent_runs_over_one_file_create_each_user_once() {
    story(9, async |d| {
        let rows: Vec<Row> = (0..30).map(|n| row(&n.to_string(), &format!("user{n}@example.com"))).collect();
        let importer = Arc::new(importer(&d, 0, &d.shop).await);
        d.world.set_pausing(true);
        let (one, other) = tokio::join!(imported(&importer, &rows), imported(&importer, &rows));
        d.world.set_pausing(false);
        assert_eq!(one.created + other.created, 30);
        assert_eq!(one.already_there + other.already_there, 30);
        assert_eq!(everything(&d, 0).await.len(), 60);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

/// Imports a whole file.
async fn imported(importer: &Arc<Importer>, rows: &[Row]) -> Report {
    let entries =
        rows.iter().zip(1..).map(|(row, line)| Ok::<_, ()>(Entry { line, bytes_read: line, row: Ok(row.clone()) }));
    let mut report = Report::default();
    let mut lines = Vec::new();
    let import = |row: Row| {
        let importer = Arc::clone(importer);
        async move { importer.row(&row).await }
    };
    let seen = |seen: umoja_migrate::import::Seen| {
        lines.push(seen.line);
        report.add(&seen.outcome);
        Ok::<_, ()>(())
    };
    pin!(run(entries, 8, import, seen)).await.unwrap_or_else(|_| panic!("the run ended early"));
    assert_eq!(lines, (1..=rows.len() as u64).collect::<Vec<_>>(), "in the order of the file");
    report
}

#[test]
fn a_dry_run_reports_the_same_and_writes_nothing() {
    story(10, async |d| {
        d.register(0, "bob@example.com", "correct horse").await.ok(201);
        let before = everything(&d, 0).await;
        let dry = Importer { dry_run: true, ..importer(&d, 0, &d.food).await };
        let wet = importer(&d, 0, &d.food).await;
        let rows = [
            with_hash(row("1", "ada@example.com"), bcrypt()),
            with_hash(row("2", "bob@example.com"), bcrypt()),
            Row { email_verified: false, ..row("3", "bob@example.com") },
        ];
        let mut said = Vec::new();
        for row in &rows {
            said.push(dry.row(row).await.unwrap());
        }
        assert_eq!(everything(&d, 0).await, before);
        let outcomes: Vec<Outcome> = said.iter().map(|done| done.outcome).collect();
        assert_eq!(outcomes, [Outcome::Created, Outcome::Matched, Outcome::InConflict]);
        assert!(said[0].hash.as_ref().unwrap().cost.unwrap().micros > 0);
        for (row, said) in rows.iter().zip(said) {
            assert_eq!(wet.row(row).await, Ok(said));
        }
    });
}

#[test]
fn a_rejected_rows_reason_contains_no_value() {
    story(11, async |d| {
        let importer = Importer { is_strict: true, ..importer(&d, 0, &d.shop).await };
        let secret = "canary-8f31";
        let keyed = ForeignHash::presta_shop("shop-key", &[7; 16]).unwrap();
        let rows = [
            (Row::default(), "neither an id"),
            (row("1", secret), "`email` must be one e-mail address"),
            (Row { phone_number: Some(secret.into()), ..row("1", "a@example.com") }, "`phone_number` must be"),
            (Row { username: Some(format!("{secret} x")), ..row("1", "a@example.com") }, "`username` must be"),
            (with_hash(row("1", "a@example.com"), keyed.clone()), "the hash key `shop-key`"),
        ];
        let mut report = Report::default();
        for (row, reason) in rows {
            let Err(Failed::Rejected(rejected)) = importer.row(&row).await else { panic!("{reason}") };
            assert!(rejected.to_string().contains(reason) && !rejected.to_string().contains(secret), "{rejected}");
            report.add(&Err(rejected));
        }
        assert_eq!(everything(&d, 0).await, []);
        assert_eq!((report.rejected, report.missing_keys.get("shop-key")), (5, Some(&1)));
        let keys = HashKeys::default().with("shop-key", HashKey::Secret(b"pepper".to_vec().into())).unwrap();
        let importer = Importer { keys, ..importer };
        assert_eq!(outcome(importer.row(&with_hash(row("1", "a@example.com"), keyed)).await), Outcome::Created);
    });
}
