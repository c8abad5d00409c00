//! Attacks by a person who can write the tables but cannot use the KMS keys.

use std::sync::Arc;

use serde_json::json;
use umoja_schema::{AccountStatus, Body, Email, Facts, IdentifierItem, IdentifierKind, Part, PartRecord, UserId};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Commit, Condition, IdentifierWrite, LinkedAccountWrite, PartWrite, Writes};
use umoja_store::seal::{SealError, Sealer};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

async fn stored(d: &Deployment, id: &str, part: Part) -> PartRecord {
    let id: UserId = id.parse().unwrap();
    d.world.regions[0].tables.users.part(id, part).await.unwrap().unwrap()
}

async fn overwrite(d: &Deployment, record: &PartRecord) {
    let current = d.world.regions[0].tables.users.part(record.id, record.part).await.unwrap().unwrap();
    let parts = vec![PartWrite { record: record.clone(), condition: Condition::VersionIs(current.version) }];
    let done = d.world.regions[0].tables.users.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
    assert_eq!(done, Commit::Done);
}

/// Changes the stored record and asserts that it does not open.
async fn assert_bound(d: &Deployment, original: &PartRecord, change: impl Fn(&mut PartRecord)) {
    let mut changed = original.clone();
    change(&mut changed);
    assert_ne!(&changed, original);
    // The cache of unwrapped keys is empty.
    let home = &d.world.regions[0].home;
    let sealer = Sealer::new(KeyRing::new(home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
    let opened = match changed.part {
        Part::Profile => sealer.open::<umoja_schema::Identity>(&changed).await.map(|_| ()),
        Part::Credentials => sealer.open::<umoja_schema::Credentials>(&changed).await.map(|_| ()),
    };
    assert!(matches!(opened, Err(SealError::Opaque | SealError::Keys(_))), "{opened:?}");
}

#[test]
fn changes_beside_the_ciphertext_are_detected() {
    run(async {
        let d = Deployment::new(300).await;
        let ada = d
            .call(0, "register", json!({ "email": "ada@example.com", "password": "correct horse", "external_id": "1" }))
            .await
            .id();
        d.world.clock.advance(1);
        let bob = d.register(0, "bob@example.com", "correct horse").await.id();
        let profile = stored(&d, &ada, Part::Profile).await;
        let other = stored(&d, &bob, Part::Profile).await;
        let facts = |record: &mut PartRecord, change: &dyn Fn(&mut umoja_schema::ProfileFacts)| {
            let Body::Live(live) = &mut record.body else { panic!("live") };
            let Facts::Profile(facts) = &mut live.facts else { panic!("a profile") };
            change(facts);
        };
        assert_bound(&d, &profile, |r| facts(r, &|f| f.ownerships.values_mut().for_each(|c| c.verified = !c.verified)))
            .await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.ownerships.values_mut().for_each(|c| c.owned_since.0 -= 1)))
            .await;
        assert_bound(&d, &profile, |r| {
            facts(r, &|f| f.ownerships.values_mut().for_each(|c| c.region = "us-east-1".parse().unwrap()));
        })
        .await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.ownerships.values_mut().for_each(|c| c.company = None))).await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.ownerships.clear())).await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.ownerships = other.ownerships().clone())).await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.links.clear())).await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.created_at.0 += 1)).await;
        assert_bound(&d, &profile, |r| facts(r, &|f| f.merged_into = Some(bob.parse().unwrap()))).await;
        assert_bound(&d, &profile, |r| r.id = other.id).await;
        assert_bound(&d, &profile, |r| r.version = other.version.clone()).await;
        assert_bound(&d, &profile, |r| r.body = other.body.clone()).await;
        let credentials = stored(&d, &ada, Part::Credentials).await;
        assert_bound(&d, &credentials, |r| {
            let Body::Live(live) = &mut r.body else { panic!("live") };
            live.facts = Facts::Credentials { status: AccountStatus::Disabled };
        })
        .await;
        // KMS rejects a wrapped key of another record because of its context.
        assert_bound(&d, &profile, |r| {
            let (Body::Live(live), Some(theirs)) = (&mut r.body, other.live()) else { panic!("live") };
            live.keys = theirs.keys.clone();
        })
        .await;
        // A thousand wrapped keys are rejected before any call.
        d.world.reset_calls();
        assert_bound(&d, &profile, |r| {
            let Body::Live(live) = &mut r.body else { panic!("live") };
            live.keys = (0..1000).map(|n| (format!("r{n}").parse().unwrap(), vec![0; 97])).collect();
        })
        .await;
        assert_eq!(d.world.kms_calls(), 0);
    });
}

#[test]
fn a_status_changed_in_the_table_allows_no_login() {
    run(async {
        let d = Deployment::new(301).await;
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        let mut record = stored(&d, &id, Part::Credentials).await;
        let Body::Live(live) = &mut record.body else { panic!("live") };
        live.facts = Facts::Credentials { status: AccountStatus::Active };
        overwrite(&d, &record).await;
        let reply = d.call(0, "authenticate", json!({ "email": "ada@example.com", "password": "correct horse" })).await;
        reply.rejected(503, "unreadable");
    });
}

#[test]
fn an_older_blob_under_a_newer_version_does_not_open() {
    run(async {
        let d = Deployment::new(302).await;
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let older = stored(&d, &id, Part::Profile).await;
        d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        let mut record = stored(&d, &id, Part::Profile).await;
        record.body = older.body;
        overwrite(&d, &record).await;
        d.call(0, "lookup", json!({ "id": id })).await.rejected(503, "unreadable");
    });
}

#[test]
fn a_dump_cannot_be_searched_without_the_index_key() {
    run(async {
        // The same address has unrelated blind indexes in two deployments.
        let (one, two) = (Deployment::new(303).await, Deployment::new(304).await);
        let mut indexes = Vec::new();
        for d in [&one, &two] {
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            indexes.push(*stored(d, &id, Part::Profile).await.ownerships().keys().next().unwrap());
        }
        assert_ne!(indexes[0], indexes[1]);
    });
}

/// Changes the ownerships of an address in the table that has no MAC.
async fn tamper(d: &Deployment, email: &str, change: impl FnOnce(&mut IdentifierItem)) {
    let region = &d.world.regions[0];
    let email = Email::parse(email).unwrap();
    let (_, index) = region.secrets().indexes(IdentifierKind::Email, None, email.normalised())[0];
    let before = region.tables.users.ownerships(&[index]).await.unwrap().remove(0);
    let mut after = before.clone();
    change(&mut after);
    let writes = Writes { ownerships: vec![IdentifierWrite { before, after }], ..Writes::default() };
    assert_eq!(region.tables.users.commit(&writes).await, Ok(Commit::Done));
}

#[test]
fn an_ownership_marked_verified_in_the_table_matches_no_user() {
    run(async {
        let d = Deployment::new(305).await;
        let squatter = json!({ "email": "ada@example.com", "password": "attackers own" });
        let squatter = d.call_as(&d.blog, 0, "register", squatter).await.id();
        tamper(&d, "ada@example.com", |item| item.owners.values_mut().for_each(|ownership| ownership.verified = true))
            .await;
        let reply = d.register(0, "ada@example.com", "correct horse").await;
        assert_ne!(reply.body["outcome"], "matched");
        let user = d.call(0, "lookup", json!({ "id": squatter })).await.body["user"].clone();
        assert!(user["accounts"].get("shop").is_none());
    });
}

#[test]
fn an_address_repointed_in_the_table_finds_no_user() {
    run(async {
        let d = Deployment::new(306).await;
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let eve = d.register(0, "eve@example.com", "eves own password").await.id();
        tamper(&d, "ada@example.com", |item| {
            let ownership = item.owners.pop_first().unwrap().1;
            item.owners.insert(eve.parse().unwrap(), ownership);
        })
        .await;
        assert!(!d.accepts(0, "ada@example.com", "eves own password").await);
        d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
    });
}

fn id(text: &str) -> UserId {
    text.parse().unwrap()
}

/// Adds a user as a linked account of another in the table that has no MAC.
async fn list_linked(d: &Deployment, primary: &str, linked: &str) {
    let linked_accounts = vec![LinkedAccountWrite { primary: id(primary), linked: id(linked), present: true }];
    let done = d.world.regions[0].tables.users.commit(&Writes { linked_accounts, ..Writes::default() }).await;
    assert_eq!(done, Ok(Commit::Done));
}

#[test]
fn a_linked_account_forged_in_the_table_is_ignored() {
    run(async {
        let d = Deployment::new(307).await;
        let ada = d.call(0, "register", json!({ "username": "ada" })).await.id();
        let eve = d.register(0, "eve@example.com", "eves own password").await.id();
        list_linked(&d, &ada, &eve).await;
        let login = json!({ "username": "ada", "password": "eves own password" });
        assert_eq!(d.call(0, "authenticate", login).await.ok(200).body["authenticated"], false);
        let user = d.call(0, "lookup", json!({ "id": ada })).await.ok(200).body["user"].clone();
        assert!(user["linked_accounts"] == json!([]) && user.get("email").is_none());
        d.call(0, "erase", json!({ "id": ada })).await.ok(202);
        d.call(0, "lookup", json!({ "id": eve })).await.ok(200);
    });
}

#[test]
fn a_pointer_forged_in_the_table_has_no_effect() {
    run(async {
        let d = Deployment::new(308).await;
        let ada = d.call(0, "register", json!({ "username": "ada" })).await.id();
        let eve = d.register(0, "eve@example.com", "eves own password").await.id();
        let mut record = stored(&d, &eve, Part::Profile).await;
        let Body::Live(live) = &mut record.body else { panic!("live") };
        let Facts::Profile(facts) = &mut live.facts else { panic!("a profile") };
        facts.merged_into = Some(id(&ada));
        overwrite(&d, &record).await;
        list_linked(&d, &ada, &eve).await;
        let before = stored(&d, &ada, Part::Credentials).await;
        // The user with the forged part is unreadable; the other user continues without it.
        let login = |mut login: serde_json::Value| {
            login["password"] = json!("eves own password");
            login
        };
        d.call(0, "authenticate", login(json!({ "id": eve }))).await.rejected(503, "unreadable");
        let reply = d.call(0, "authenticate", login(json!({ "username": "ada" }))).await;
        assert_eq!(reply.ok(200).body["authenticated"], false);
        d.call(0, "lookup", json!({ "id": eve })).await.rejected(503, "unreadable");
        d.call(0, "status", json!({ "id": eve, "status": "disabled" })).await.rejected(503, "unreadable");
        let user = d.call(0, "lookup", json!({ "id": ada })).await.ok(200).body["user"].clone();
        assert!(user["linked_accounts"] == json!([]) && user.get("email").is_none());
        assert_eq!(stored(&d, &ada, Part::Credentials).await, before);
        let receipt = d.call(0, "erase", json!({ "id": eve })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"], json!([]));
        d.call(0, "lookup", json!({ "id": ada })).await.ok(200);
    });
}
