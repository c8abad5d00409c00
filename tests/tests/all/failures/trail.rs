//! Users who contradict their audit trail.

use std::collections::BTreeMap;

use serde_json::json;
use umoja_reconciler::{Contradiction, TrailCheck};
use umoja_schema::{Attributes, AuditEvent, Hlc, Log, LogRow, Part, UserId, audit};
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

async fn contradictions(d: &Deployment, at: usize) -> BTreeMap<UserId, Contradiction> {
    let mut check = TrailCheck::new(&d.world.regions[at].home);
    let mut found = BTreeMap::new();
    while let Some(page) = check.page().await.unwrap() {
        for one in page {
            assert_eq!(found.insert(one.user, one.contradiction), None, "a user is named once");
        }
    }
    found
}

/// Adds a row to the trail of a user in one region, as if the transaction's other items were lost.
async fn record(d: &Deployment, user: UserId, event: &AuditEvent) {
    let (region, at) = (d.world.name(0).clone(), Hlc::at(umoja_schema::Millis(d.now() * 1000)));
    let key = audit::key(&region, 99);
    let (fields, unknown) = (Attributes::new(), Attributes::new());
    let row = LogRow { user, key, at, origin: region, kind: event.name().to_owned(), fields, unknown };
    assert!(d.world.regions[0].home.own.logs.append(Log::Audit, &row).await.unwrap());
}

async fn write(d: &Deployment, at: usize, write: PartWrite) {
    let writes = Writes { parts: vec![write], ..Writes::default() };
    assert_eq!(d.world.regions[at].home.own.users.commit(&writes).await, Ok(Commit::Done));
}

async fn registered(d: &Deployment, email: &str) -> UserId {
    let id = d.register(0, email, "correct horse").await.ok(201).id().parse().unwrap();
    d.world.settle().await;
    d.world.clock.advance(120_000);
    id
}

#[test]
fn users_without_parts_or_with_one_part_are_named() {
    run(async {
        let d = Deployment::new(6800).await;
        let user = registered(&d, "ada@example.com").await;
        let (absent, lone) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        record(&d, absent, &AuditEvent::Registered).await;
        let mut part = d.world.stored(0, user, Part::Credentials).await.unwrap();
        part.id = lone;
        write(&d, 0, PartWrite { record: part, condition: Condition::Absent }).await;
        assert_eq!(contradictions(&d, 0).await, [(lone, Contradiction::OnePart { missing: Part::Profile })].into());
        d.world.clock.advance(120_000);
        let found = contradictions(&d, 0).await;
        assert_eq!(found.get(&absent), Some(&Contradiction::Absent), "the row is not on its way any more");
        assert_eq!(found.len(), 2);
    });
}

#[test]
fn credentials_that_were_put_back_are_named_in_every_region() {
    run(async {
        let d = Deployment::new(6801).await;
        let user = registered(&d, "ada@example.com").await;
        let before = d.world.stored(0, user, Part::Credentials).await.unwrap();
        d.call(0, "status", json!({ "id": user, "status": "disabled" })).await.ok(200);
        d.world.settle().await;
        d.world.clock.advance(120_000);
        assert_eq!(contradictions(&d, 0).await, BTreeMap::new());
        let after = d.world.stored(0, user, Part::Credentials).await.unwrap();
        let put_back = || PartWrite { record: before.clone(), condition: Condition::VersionIs(after.version.clone()) };
        write(&d, 0, put_back()).await;
        assert_eq!(contradictions(&d, 0).await, BTreeMap::new(), "the other region has the newer version");
        write(&d, 1, put_back()).await;
        for at in [0, 1] {
            let found = contradictions(&d, at).await;
            let Some(Contradiction::OldCredentials { stored, event, .. }) = found.get(&user) else {
                panic!("{found:?}");
            };
            assert_eq!((stored, event.as_str()), (&before.version, "status_changed"));
        }
    });
}

#[test]
fn an_erased_user_with_a_live_part_is_named() {
    run(async {
        let d = Deployment::new(6802).await;
        let user = registered(&d, "ada@example.com").await;
        record(&d, user, &AuditEvent::Erased).await;
        d.world.clock.advance(120_000);
        assert_eq!(contradictions(&d, 0).await, [(user, Contradiction::NotErased)].into());
    });
}

#[test]
fn users_whose_changes_were_recorded_contradict_nothing() {
    run(async {
        let d = Deployment::new(6803).await;
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(registered(&d, &format!("ada-{n}@example.com")).await);
        }
        d.call(1, "status", json!({ "id": ids[0], "status": "disabled" })).await.ok(200);
        d.call(0, "merge", json!({ "survivor": ids[2], "duplicate": ids[1], "preview": false })).await.ok(200);
        d.call(0, "erase", json!({ "id": ids[3], "reason": "asked" })).await.ok(202);
        d.call(1, "export", json!({ "id": ids[4] })).await.ok(200);
        d.call(0, "update", json!({ "id": ids[4], "set": { "profile": { "nickname": "a" } } })).await.ok(200);
        d.world.settle().await;
        d.world.clock.advance(120_000);
        d.call(0, "erase", json!({ "id": ids[2], "reason": "asked" })).await.ok(202);
        d.world.settle().await;
        // Nothing is wrong while changes are on their way either.
        assert_eq!(contradictions(&d, 0).await, BTreeMap::new());
        d.world.clock.advance(120_000);
        for at in [0, 1] {
            assert_eq!(contradictions(&d, at).await, BTreeMap::new());
        }
    });
}
