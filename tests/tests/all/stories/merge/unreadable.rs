//! A linked account whose part does not open, and keys that cannot be used.

use super::*;
use crate::import::{importer, outcome, row};
use umoja_accounts::conflicts::{Resolution, Resolved, Way};
use umoja_migrate::import::Outcome;
use umoja_schema::{Attribute, Body, Live, Part, PartRecord, UserId};
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};

/// Damages the ciphertext of a stored part.
pub(super) async fn damage(d: &Deployment, id: &str, part: Part) {
    let id: UserId = id.parse().unwrap();
    let mut record: PartRecord = d.world.stored(0, id, part).await.unwrap();
    let Body::Live(live) = &mut record.body else { panic!("live") };
    let Some(Attribute::B(info)) = live.data.0.get_mut("info") else { panic!("a ciphertext") };
    info[0] ^= 1;
    put(d, record).await;
}

/// Replaces a part of the same version, as an attacker with write access to the table would.
pub(super) async fn put(d: &Deployment, record: PartRecord) {
    let condition = Condition::VersionIs(record.version.clone());
    let parts = vec![PartWrite { record, condition }];
    let done = d.world.regions[0].tables.users.commit(&Writes { parts, ..Writes::default() }).await;
    assert_eq!(done, Ok(Commit::Done));
}

/// Three users of one person, registered in that order, the last pointing at the second.
async fn three(d: &Deployment) -> [String; 3] {
    let primary = d.register(0, "primary@example.com", "correct horse").await.id();
    d.world.clock.advance(1000);
    let (one, two) = (person(d, 0, "one").await, person(d, 0, "two").await);
    merge(d, 0, &primary, &one).await.ok(200);
    merge(d, 0, &one, &two).await.ok(200);
    [primary, one, two]
}

#[test]
fn an_unreadable_linked_account_does_not_block_the_person() {
    story(840, async |d| {
        let [primary, one, two] = three(&d).await;
        damage(&d, &one, Part::Profile).await;
        let user = lookup(&d, 0, json!({ "email": "primary@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(primary), &json!([])));
        assert!(d.accepts(0, "primary@example.com", "correct horse").await);
        lookup(&d, 0, json!({ "id": one })).await.rejected(503, "unreadable");
        // A user that points at it is temporarily a separate person.
        let user = lookup(&d, 0, json!({ "username": "two" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(two), &json!([])));
        // Its pointer is not trusted, so the erasure of the others skips it; an erasure by its own id works.
        let receipt = d.call(0, "erase", json!({ "id": primary })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"], json!([]));
        assert_eq!(receipt["left"], json!(2), "so that an operator looks for them");
        lookup(&d, 0, json!({ "id": two })).await.ok(200);
        let receipt = d.call(0, "erase", json!({ "id": one })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"], json!([two]), "that user's pointer is valid");
    });
}

#[test]
fn an_unmerge_from_an_unreadable_user_waits_for_repair() {
    story(843, async |d| {
        let [primary, one, _] = three(&d).await;
        let whole = d.world.stored(0, primary.parse().unwrap(), Part::Profile).await.unwrap();
        damage(&d, &primary, Part::Profile).await;
        unmerge(&d, 0, &one).await.rejected(503, "unreadable");
        put(&d, whole).await;
        unmerge(&d, 0, &one).await.ok(200);
    });
}

#[test]
fn a_not_yet_readable_part_affects_no_other_user() {
    type Mark = fn(&mut Live);
    let newer = |live: &mut Live| drop(live.data.0.insert("fmt".into(), 2u64.into()));
    let elsewhere = |live: &mut Live| live.keys = [("mars-east-1".parse().unwrap(), vec![1])].into();
    for (mark, code) in [(newer as Mark, "newer_format"), (elsewhere, "unavailable")] {
        story(844, async |d| {
            let [primary, one, two] = three(&d).await;
            let mut record = d.world.stored(0, one.parse().unwrap(), Part::Profile).await.unwrap();
            let Body::Live(live) = &mut record.body else { panic!("live") };
            mark(live);
            put(&d, record).await;
            // The cache of unwrapped keys is cleared.
            d.world.clock.advance(10 * 60 * 1000);
            for id in [&primary, &two] {
                let user = lookup(&d, 0, json!({ "id": id })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(id), &json!([])));
            }
            assert!(d.accepts(0, "primary@example.com", "correct horse").await);
            lookup(&d, 0, json!({ "id": one })).await.rejected(503, code);
            unmerge(&d, 0, &two).await.rejected(503, code);
            d.call(0, "erase", json!({ "id": primary })).await.rejected(503, code);
        });
    }
}

#[test]
fn unreadable_credentials_of_a_linked_account_count_as_absent() {
    story(841, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        let broken = d.register(0, "broken@example.com", "battery staple").await.id();
        d.world.clock.advance(1000);
        let linked = d.register(0, "linked@example.com", "correct horse").await.id();
        for duplicate in [&broken, &linked] {
            merge(&d, 0, &primary, duplicate).await.ok(200);
        }
        damage(&d, &broken, Part::Credentials).await;
        assert!(d.accepts(0, "broken@example.com", "correct horse").await);
        assert!(!d.accepts(0, "broken@example.com", "battery staple").await);
    });
}

#[test]
fn a_kms_outage_marks_no_user_unreadable() {
    story(842, async |d| {
        let [primary, _, two] = three(&d).await;
        d.world.settle().await;
        for region in &d.world.regions {
            region.faults.kms.set_down(true);
        }
        // The cache of unwrapped keys is cleared.
        d.world.clock.advance(10 * 60 * 1000);
        for id in [&primary, &two] {
            lookup(&d, 0, json!({ "id": id })).await.rejected(503, "unavailable");
            d.call(0, "erase", json!({ "id": id })).await.rejected(503, "unavailable");
        }
        for region in &d.world.regions {
            region.faults.kms.set_down(false);
        }
        let receipt = d.call(0, "erase", json!({ "id": two })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"].as_array().unwrap().len(), 2);
    });
}

/// A person with an unreadable linked account, found by a verified address.
async fn broken_person(d: &Deployment) -> [String; 2] {
    let primary = d.register(0, "ada@example.com", "correct horse").await.id();
    d.world.clock.advance(1000);
    let linked = person(d, 0, "linked").await;
    merge(d, 0, &primary, &linked).await.ok(200);
    damage(d, &linked, Part::Profile).await;
    [primary, linked]
}

/// The users of the user's person, as the first region sees them.
async fn linked_accounts(d: &Deployment, id: &str) -> Value {
    lookup(d, 0, json!({ "id": id })).await.ok(200).body["user"]["linked_accounts"].clone()
}

#[test]
fn an_import_matches_despite_an_unreadable_linked_account() {
    story(845, async |d| {
        let [primary, _] = broken_person(&d).await;
        let food = importer(&d, 0, &d.food).await;
        assert_eq!(outcome(food.row(&row("f9", "ada@example.com")).await), Outcome::Matched);
        let found = d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f9" })).await;
        assert_eq!(found.ok(200).id(), primary);
    });
}

#[test]
fn a_conflict_is_resolved_despite_an_unreadable_linked_account() {
    for way in [Way::Merge, Way::GiveUp] {
        story(846, async |d| {
            // The address is not verified, so the users are not merged automatically.
            let one = d.call(0, "register", json!({ "email": "ada@example.com", "username": "one" })).await.id();
            let theirs = json!({ "email": "ada@example.com", "username": "two" });
            let two = d.call_as(&d.food, 1, "register", theirs).await.id();
            d.world.clock.advance(1000);
            let linked = person(&d, 0, "linked").await;
            merge(&d, 0, &two, &linked).await.rejected(404, "user_not_found");
            d.world.settle().await;
            merge(&d, 0, &two, &linked).await.ok(200);
            damage(&d, &linked, Part::Profile).await;
            let [winner, loser] = [&one, &two].map(|id| id.parse().unwrap());
            let people = d.world.regions[0].people();
            let by = "support";
            let resolution =
                Resolution { people: &people, winner, loser, by, reason: None, despite: &[], dry_run: false };
            assert!(matches!(resolution.run(way).await, Ok(Resolved::Done(_))));
            let is_merged = linked_accounts(&d, &one).await == json!([two]);
            assert_eq!(is_merged, way == Way::Merge);
        });
    }
}

#[test]
fn verified_users_merge_despite_an_unreadable_linked_account() {
    story(847, async |d| {
        let [one, _] = broken_person(&d).await;
        let verified = json!({ "email": "ada@example.com", "email_verified": true });
        let two = d.call_as(&d.food, 1, "register", verified).await.ok(201).id();
        d.world.clock.advance(1000);
        d.world.settle().await;
        assert_eq!(linked_accounts(&d, &one).await, json!([two]));
    });
}
