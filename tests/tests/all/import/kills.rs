//! Imports that are killed at any await, and regions that fail during an import.

use serde_json::json;
use umoja_migrate::Row;
use umoja_migrate::import::Outcome;
use umoja_schema::PartRecord;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::killed_after;

use super::{bcrypt, everything, importer, outcome, row, sha256, story, with_hash};

/// A new user, a matched one and one in conflict.
fn rows() -> [Row; 3] {
    [
        with_hash(row("1", "ada@example.com"), sha256("old secret")),
        with_hash(row("2", "bob@example.com"), bcrypt()),
        Row { email_verified: false, ..row("3", "bob@example.com") },
    ]
}

/// The stored items without the values that differ between runs: HLC timestamps, keys and random values.
async fn content(d: &Deployment) -> Vec<String> {
    let mut all = Vec::new();
    for record in everything(d, 0).await {
        all.push(format!("{} {} {}", record.id, record.part, opened(d, &record).await));
    }
    all.sort();
    all
}

async fn opened(d: &Deployment, record: &PartRecord) -> serde_json::Value {
    let sealer = &d.world.regions[0].sealer;
    let mut value = if record.profile_facts().is_some() {
        serde_json::to_value(sealer.open::<umoja_schema::Identity>(record).await.unwrap()).unwrap()
    } else {
        let credentials = sealer.open::<umoja_schema::Credentials>(record).await.unwrap();
        let hashes: Vec<_> = credentials.legacy_hashes.iter().map(|old| old.company.to_string()).collect();
        json!({ "secret": credentials.secret.is_some(), "hashes": hashes })
    };
    let ownerships = record.ownerships().values();
    value["ownerships"] =
        ownerships.map(|ownership| json!([ownership.kind, ownership.verified, ownership.company])).collect();
    if let Some(sources) = value.get_mut("sources").and_then(serde_json::Value::as_object_mut) {
        sources.values_mut().for_each(|source| source["at"] = json!(0));
    }
    value
}

async fn stage(d: &Deployment) {
    d.call(0, "register", json!({ "email": "bob@example.com", "email_verified": true })).await.ok(201);
}

#[test]
fn a_killed_import_completes_when_repeated() {
    let mut expected = Vec::new();
    story(50, async |d| {
        stage(&d).await;
        let food = importer(&d, 0, &d.food).await;
        let outcomes = [Outcome::Created, Outcome::Matched, Outcome::InConflict];
        for (row, expected) in rows().iter().zip(outcomes) {
            assert_eq!(outcome(food.row(row).await), expected);
        }
        expected = content(&d).await;
    });
    let mut ended = false;
    for polls in 1.. {
        if ended {
            break;
        }
        story(50, async |d| {
            stage(&d).await;
            let food = importer(&d, 0, &d.food).await;
            d.world.set_pausing(true);
            ended = true;
            for row in &rows() {
                ended &= killed_after(polls, food.row(row)).await.is_some();
            }
            d.world.set_pausing(false);
            d.world.clock.advance(1000);
            for row in &rows() {
                food.row(row).await.unwrap();
            }
            assert_eq!(content(&d).await, expected, "killed after {polls} polls");
            d.world.settle().await;
            d.world.check_invariants().await;
        });
        assert!(polls < 200, "a row never completes");
    }
}

#[test]
fn an_unavailable_peer_gets_the_imported_users_later() {
    story(51, async |d| {
        d.world.set_down(1, true);
        let shop = importer(&d, 0, &d.shop).await;
        for n in 0..10 {
            shop.row(&row(&n.to_string(), &format!("user{n}@example.com"))).await.unwrap();
        }
        d.world.rounds(2).await;
        d.world.set_down(1, false);
        d.world.settle().await;
        d.world.check_invariants().await;
        assert_eq!(everything(&d, 1).await.len(), 20);
    });
}
