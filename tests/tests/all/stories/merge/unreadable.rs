//! A member whose part does not open, and keys that cannot be used.

use super::*;
use crate::import::{importer, outcome, row};
use umoja_accounts::conflicts::{Resolution, Resolved, Way};
use umoja_migrate::import::Outcome;
use umoja_schema::{Attribute, Body, Live, Part, PartRecord, UserId};
use umoja_store::ports::{Commit, Condition, PartWrite, Users as _, Writes};

/// Damages the ciphertext of a stored part.
pub(super) async fn damage(d: &Deployment, id: &str, part: Part) {
    let id: UserId = id.parse().unwrap();
    let mut record: PartRecord = d.world.stored(0, id, part).await.unwrap();
    let Body::Live(live) = &mut record.body else { panic!("live") };
    let Some(Attribute::B(info)) = live.data.0.get_mut("info") else { panic!("a ciphertext") };
    info[0] ^= 1;
    put(d, record).await;
}

/// Writes a part over one of the same version, as somebody would who can write the table.
pub(super) async fn put(d: &Deployment, record: PartRecord) {
    let condition = Condition::VersionIs(record.version.clone());
    let parts = vec![PartWrite { record, condition }];
    let done = d.world.regions[0].store.commit(&Writes { parts, ..Writes::default() }).await;
    assert_eq!(done, Ok(Commit::Done));
}

/// Three users of one person, registered in that order, the last pointing at the second.
async fn three(d: &Deployment) -> [String; 3] {
    let root = d.register(0, "root@example.com", "correct horse").await.id();
    d.world.clock.advance(1000);
    let (one, two) = (person(d, 0, "one").await, person(d, 0, "two").await);
    merge(d, 0, &root, &one).await.ok(200);
    merge(d, 0, &one, &two).await.ok(200);
    [root, one, two]
}

#[test]
fn a_member_that_does_not_open_takes_nobody_down() {
    story(840, async |d| {
        let [root, one, two] = three(&d).await;
        damage(&d, &one, Part::Profile).await;
        let user = lookup(&d, 0, json!({ "email": "root@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["id"], user.get("members")), (&json!(root), None));
        assert!(d.accepts(0, "root@example.com", "correct horse").await);
        lookup(&d, 0, json!({ "id": one })).await.refused(500, "internal");
        // Who points at it is by itself for the time being.
        let user = lookup(&d, 0, json!({ "username": "two" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["id"], user.get("members")), (&json!(two), None));
        // What it says about pointers is not believed, and so it is not erased with the others; by its own id it is.
        let receipt = d.call(0, "erase", json!({ "id": root })).await.ok(202).body["receipt"].clone();
        assert!(receipt.get("erased_with").is_none());
        assert_eq!(receipt["left"], json!(2), "so that somebody looks for them");
        lookup(&d, 0, json!({ "id": two })).await.ok(200);
        let receipt = d.call(0, "erase", json!({ "id": one })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"], json!([two]), "that one's pointer is true");
    });
}

#[test]
fn an_unmerge_from_somebody_whose_part_does_not_open_waits_until_it_is_mended() {
    story(843, async |d| {
        let [root, one, _] = three(&d).await;
        let whole = d.world.stored(0, root.parse().unwrap(), Part::Profile).await.unwrap();
        damage(&d, &root, Part::Profile).await;
        unmerge(&d, 0, &one).await.refused(500, "internal");
        put(&d, whole).await;
        unmerge(&d, 0, &one).await.ok(200);
    });
}

#[test]
fn a_part_that_cannot_be_opened_yet_takes_nobody_else_down_and_nobody_is_erased_by_guess() {
    type Mark = fn(&mut Live);
    let newer = |live: &mut Live| drop(live.data.0.insert("fmt".into(), 2u64.into()));
    let elsewhere = |live: &mut Live| live.keys = [("mars-east-1".parse().unwrap(), vec![1])].into();
    for (mark, code) in [(newer as Mark, "newer_format"), (elsewhere, "unavailable")] {
        story(844, async |d| {
            let [root, one, two] = three(&d).await;
            let mut record = d.world.stored(0, one.parse().unwrap(), Part::Profile).await.unwrap();
            let Body::Live(live) = &mut record.body else { panic!("live") };
            mark(live);
            put(&d, record).await;
            // What was unwrapped before is forgotten.
            d.world.clock.advance(10 * 60 * 1000);
            for id in [&root, &two] {
                let user = lookup(&d, 0, json!({ "id": id })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], user.get("members")), (&json!(id), None));
            }
            assert!(d.accepts(0, "root@example.com", "correct horse").await);
            lookup(&d, 0, json!({ "id": one })).await.refused(503, code);
            unmerge(&d, 0, &two).await.refused(503, code);
            d.call(0, "erase", json!({ "id": root })).await.refused(503, code);
        });
    }
}

#[test]
fn a_members_credentials_that_do_not_open_are_none() {
    story(841, async |d| {
        let root = d.call(0, "register", json!({ "username": "root" })).await.id();
        let broken = d.register(0, "broken@example.com", "battery staple").await.id();
        d.world.clock.advance(1000);
        let member = d.register(0, "member@example.com", "correct horse").await.id();
        for duplicate in [&broken, &member] {
            merge(&d, 0, &root, duplicate).await.ok(200);
        }
        damage(&d, &broken, Part::Credentials).await;
        assert!(d.accepts(0, "broken@example.com", "correct horse").await);
        assert!(!d.accepts(0, "broken@example.com", "battery staple").await);
    });
}

#[test]
fn while_no_key_can_be_used_nobody_is_taken_for_unreadable() {
    story(842, async |d| {
        let [root, _, two] = three(&d).await;
        d.world.settle().await;
        for region in &d.world.regions {
            region.faults.kms.set_down(true);
        }
        // The keys that were unwrapped before are forgotten.
        d.world.clock.advance(10 * 60 * 1000);
        for id in [&root, &two] {
            lookup(&d, 0, json!({ "id": id })).await.refused(503, "unavailable");
            d.call(0, "erase", json!({ "id": id })).await.refused(503, "unavailable");
        }
        for region in &d.world.regions {
            region.faults.kms.set_down(false);
        }
        let receipt = d.call(0, "erase", json!({ "id": two })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"].as_array().unwrap().len(), 2);
    });
}

/// A person of whom a member does not open, found by a verified address.
async fn broken_person(d: &Deployment) -> [String; 2] {
    let root = d.register(0, "ada@example.com", "correct horse").await.id();
    d.world.clock.advance(1000);
    let member = person(d, 0, "member").await;
    merge(d, 0, &root, &member).await.ok(200);
    damage(d, &member, Part::Profile).await;
    [root, member]
}

/// Who is one person with the user, as the first region sees it.
async fn members(d: &Deployment, id: &str) -> Value {
    lookup(d, 0, json!({ "id": id })).await.ok(200).body["user"]["members"].clone()
}

#[test]
fn an_import_matches_the_person_without_the_member_that_does_not_open() {
    story(845, async |d| {
        let [root, _] = broken_person(&d).await;
        let food = importer(&d, 0, &d.food).await;
        assert_eq!(outcome(food.row(&row("f9", "ada@example.com")).await), Outcome::Matched);
        let found = d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f9" })).await;
        assert_eq!(found.ok(200).id(), root);
    });
}

#[test]
fn a_conflict_is_resolved_without_the_member_that_does_not_open() {
    for way in [Way::Merge, Way::GiveUp] {
        story(846, async |d| {
            // Not verified: nobody merges them by themselves.
            let one = d.call(0, "register", json!({ "email": "ada@example.com", "username": "one" })).await.id();
            let theirs = json!({ "email": "ada@example.com", "username": "two" });
            let two = d.call_as(&d.food, 1, "register", theirs).await.id();
            d.world.clock.advance(1000);
            let member = person(&d, 0, "member").await;
            merge(&d, 0, &two, &member).await.refused(404, "user_not_found");
            d.world.settle().await;
            merge(&d, 0, &two, &member).await.ok(200);
            damage(&d, &member, Part::Profile).await;
            let [winner, loser] = [&one, &two].map(|id| id.parse().unwrap());
            let people = d.world.regions[0].people();
            let resolution = Resolution { people: &people, winner, loser, by: "support", reason: None, dry_run: false };
            assert!(matches!(resolution.run(way).await, Ok(Resolved::Done(_))));
            let is_merged = members(&d, &one).await == json!([two]);
            assert_eq!(is_merged, way == Way::Merge);
        });
    }
}

#[test]
fn two_verified_users_merge_without_the_member_that_does_not_open() {
    story(847, async |d| {
        let [one, _] = broken_person(&d).await;
        let verified = json!({ "email": "ada@example.com", "email_verified": true });
        let two = d.call_as(&d.food, 1, "register", verified).await.ok(201).id();
        d.world.clock.advance(1000);
        d.world.settle().await;
        assert_eq!(members(&d, &one).await, json!([two]));
    });
}
