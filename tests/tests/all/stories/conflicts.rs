//! Two users registered with one address in two regions, and an operator resolves the conflict.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use serde_json::{Value, json};
use umoja_accounts::People;
use umoja_accounts::conflicts::{
    CONFLICT_DISMISSED, CONFLICT_GIVEN_UP, Conflict, OpenConflicts, Resolution, ResolveError, Resolved, State, Way,
    look, rivals,
};
use umoja_schema::{Attribute, Body, Facts, IdentifierKind, LogRow, Part, UserId};
use umoja_store::person::MergeError;
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_store::rotation::IndexStep;
use umoja_store::seal::SealError;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::polled;

use super::rotation::stepped;
use super::story;

/// Registers the first user in region 0 and the second in region 1, then connects the regions.
async fn pair(d: &Deployment, first: Value, second: Value) -> [UserId; 2] {
    let one = d.call(0, "register", first).await.ok(201).id();
    d.world.clock.advance(1000);
    let two = d.call_as(&d.food, 1, "register", second).await.ok(201).id();
    d.world.clock.advance(1000);
    d.world.settle().await;
    [one, two].map(|id| id.parse().unwrap())
}

/// Each user also has a user name.
async fn named_pair(d: &Deployment) -> [UserId; 2] {
    let body = |name: &str| json!({ "email": "ada@example.com", "username": name });
    pair(d, body("one"), body("two")).await
}

async fn open(d: &Deployment, at: usize) -> Vec<Conflict> {
    let mut conflicts = OpenConflicts::new(&d.world.regions[at].home.own);
    let mut all = Vec::new();
    while let Some(page) = conflicts.page().await.unwrap() {
        all.extend(page);
    }
    all
}

fn resolution(people: &People, [winner, loser]: [UserId; 2]) -> Resolution<'_> {
    Resolution { people, winner, loser, by: "support", reason: Some("ticket 4711"), despite: &[], dry_run: false }
}

/// Resolves the conflict in a region. After replication no conflict is open, and a repeat has no effect.
async fn resolved(d: &Deployment, at: usize, pair: [UserId; 2], way: Way, then: State) {
    let people = d.world.regions[at].people();
    let dry = Resolution { dry_run: true, ..resolution(&people, pair) };
    assert!(matches!(dry.run(way).await, Ok(Resolved::Done(_))));
    assert_eq!(open(d, at).await.len(), 1, "no part was written");
    let Ok(Resolved::Done(contested)) = resolution(&d.world.regions[at].people(), pair).run(way).await else {
        panic!("done")
    };
    assert_eq!(contested.iter().map(|one| one.kind).collect::<Vec<_>>(), [IdentifierKind::Email]);
    d.world.settle().await;
    d.world.check_invariants().await;
    for at in 0..2 {
        assert_eq!(open(d, at).await, []);
        assert_eq!(look(&d.world.regions[at].home.own, pair[0], pair[1]).await.unwrap().state, then);
        assert_eq!(resolution(&d.world.regions[at].people(), pair).run(way).await, Ok(Resolved::Nothing(then)));
    }
}

async fn primary(d: &Deployment, at: usize, by: Value) -> UserId {
    d.call(at, "lookup", by).await.ok(200).id().parse().unwrap()
}

/// Each region's rows of a kind about the two users, with the actor and the reason of each.
async fn check_rows(d: &Deployment, pair: [UserId; 2], kind: &str) {
    for region in &d.world.regions {
        for (user, rival) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let rows = rivals(&region.home.own, user).await.unwrap().remove(&rival).unwrap();
            let rows: Vec<&LogRow> = rows.iter().filter(|row| row.kind == kind).collect();
            assert_eq!(rows.len(), 1, "one row after three requests");
            assert_eq!(rows[0].field("by"), Some("support"));
            let Some(Attribute::B(sealed)) = rows[0].fields.get("reason") else { panic!("a reason") };
            assert_eq!(region.secrets().open_text(rows[0], sealed).as_deref(), Some("ticket 4711"));
        }
    }
}

#[test]
fn a_conflict_is_listed_once_in_each_region() {
    story(900, async |d| {
        let [one, two] = named_pair(&d).await;
        // Another user, and another conflict that is resolved: neither is listed.
        d.register(0, "grace@example.com", "correct horse").await.ok(201);
        let past = pair(&d, json!({ "username": "past" }), json!({ "username": "past" })).await;
        assert_eq!(open(&d, 0).await.len(), 2);
        d.call(0, "erase", json!({ "id": past[1].to_string() })).await.ok(202);
        d.world.settle().await;
        for at in 0..2 {
            let found = open(&d, at).await;
            assert_eq!(found.len(), 1, "one conflict, although each region and each user has a row");
            let mut users = found[0].users;
            users.sort_unstable();
            assert_eq!(users, [one.min(two), one.max(two)]);
            let contested = &found[0].contested;
            assert_eq!(contested.len(), 1);
            assert_eq!((contested[0].kind, contested[0].winner), (IdentifierKind::Email, one));
            let later = d.world.stored(at, two, Part::Profile).await.unwrap().profile_facts().unwrap().created_at;
            assert_eq!((contested[0].since, contested[0].verified.len()), (later, 0));
            let state = look(&d.world.regions[at].home.own, past[0], past[1]).await.unwrap().state;
            assert_eq!(state, State::Gone);
        }
        let unknown = UserId::v8([7; 16]);
        let gone = resolution(&d.world.regions[0].people(), [one, unknown]).run(Way::Dismiss).await;
        assert_eq!(gone, Err(ResolveError::NotLive(unknown)));
    });
}

#[test]
fn an_operators_merge_follows_the_rules_of_the_api() {
    story(901, async |d| {
        let [one, two] = named_pair(&d).await;
        // The user that keeps the address need not be the one that look-ups find.
        resolved(&d, 1, [two, one], Way::Merge, State::OnePerson).await;
        check_rows(&d, [two, one], "merged").await;
        for at in 0..2 {
            for by in [json!({ "email": "ada@example.com" }), json!({ "username": "one" }), json!({ "id": one })] {
                assert_eq!(primary(&d, at, by).await, two);
            }
            let other_way = resolution(&d.world.regions[at].people(), [one, two]).run(Way::Merge).await;
            assert_eq!(other_way, Err(ResolveError::Merge(MergeError::Otherwise)));
            assert_eq!(
                resolution(&d.world.regions[at].people(), [one, two]).run(Way::GiveUp).await,
                Ok(Resolved::Nothing(State::OnePerson))
            );
        }
        let third = d.call(0, "register", json!({ "username": "third" })).await.id().parse().unwrap();
        assert_eq!(
            resolution(&d.world.regions[0].people(), [third, two]).run(Way::Merge).await,
            Err(ResolveError::NoConflict)
        );
        d.call(0, "unmerge", json!({ "id": one })).await.ok(200);
        assert_eq!(primary(&d, 0, json!({ "username": "one" })).await, one);
    });
}

#[test]
fn an_operator_cannot_merge_an_already_merged_user() {
    story(902, async |d| {
        let [one, two] = named_pair(&d).await;
        let third = d.call(0, "register", json!({ "username": "third" })).await.id();
        d.call(0, "merge", json!({ "survivor": third, "duplicate": two })).await.ok(200);
        assert_eq!(open(&d, 0).await.len(), 1, "the two users are still two persons");
        let rejected = resolution(&d.world.regions[0].people(), [one, two]).run(Way::Merge).await;
        assert_eq!(rejected, Err(ResolveError::Merge(MergeError::AlreadyMerged)));
    });
}

#[test]
fn a_released_address_no_longer_finds_its_user() {
    story(903, async |d| {
        let [one, two] = named_pair(&d).await;
        resolved(&d, 0, [two, one], Way::GiveUp, State::Settled).await;
        check_rows(&d, [two, one], CONFLICT_GIVEN_UP).await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, json!({ "email": "ada@example.com" })).await, two);
            let lost = d.call(at, "lookup", json!({ "username": "one" })).await.ok(200).body["user"].clone();
            assert_eq!((&lost["id"], lost.get("email")), (&json!(one), None), "the value is gone too");
        }
    });
}

#[test]
fn releasing_the_last_identifier_needs_another_of_the_person() {
    story(904, async |d| {
        let only = json!({ "email": "ada@example.com" });
        let [one, two] = pair(&d, only.clone(), only).await;
        let rejected = resolution(&d.world.regions[0].people(), [one, two]).run(Way::GiveUp).await;
        assert_eq!(rejected, Err(ResolveError::NoIdentifierLeft));
        let third = d.call_as(&d.food, 0, "register", json!({ "username": "third" })).await.id();
        d.call(0, "merge", json!({ "survivor": third, "duplicate": two })).await.ok(200);
        d.world.settle().await;
        resolved(&d, 0, [one, two], Way::GiveUp, State::Settled).await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, json!({ "email": "ada@example.com" })).await, one);
            assert_eq!(primary(&d, at, json!({ "id": two })).await.to_string(), third);
        }
    });
}

#[test]
fn a_dismissed_conflict_reappears_only_with_a_new_identifier() {
    story(905, async |d| {
        let [one, two] = named_pair(&d).await;
        resolved(&d, 0, [one, two], Way::Dismiss, State::Dismissed).await;
        check_rows(&d, [one, two], CONFLICT_DISMISSED).await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, json!({ "email": "ada@example.com" })).await, one);
            assert_eq!(primary(&d, at, json!({ "username": "two" })).await, two);
        }
        d.world.clock.advance(1000);
        let phone = |id: UserId| json!({ "id": id, "set": { "phone_number": "+254712123456" } });
        d.call(0, "update", phone(one)).await.ok(200);
        d.call_as(&d.food, 1, "update", phone(two)).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            let found = open(&d, at).await;
            let kinds: Vec<_> = found.iter().flat_map(|one| &one.contested).map(|one| one.kind).collect();
            assert_eq!(kinds, [IdentifierKind::PhoneNumber], "the address is dismissed");
        }
    });
}

#[test]
fn a_concurrent_change_never_leaves_the_address_unowned() {
    let (mut overtaken, mut finished) = (0, false);
    for polls in 1..200 {
        story(906, async |d| {
            let [one, two] = named_pair(&d).await;
            d.world.set_pausing(true);
            let people = d.world.regions[0].people();
            let deciding = resolution(&people, [one, two]);
            let mut giving_up = pin!(deciding.run(Way::GiveUp));
            finished = polled(polls, giving_up.as_mut()).await.is_some();
            if !finished {
                d.world.set_pausing(false);
                d.call(0, "update", json!({ "id": one, "set": { "email": null } })).await.ok(200);
                match giving_up.await {
                    Ok(Resolved::Done(_)) => {}
                    Ok(Resolved::Nothing(State::Settled)) | Err(ResolveError::Changed) => {
                        overtaken += 1;
                        assert_eq!(primary(&d, 0, json!({ "email": "ada@example.com" })).await, two);
                    }
                    other => panic!("{other:?}"),
                }
                d.world.settle().await;
                d.world.check_invariants().await;
            }
        });
        if finished {
            assert!(overtaken > 3, "{overtaken}");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn a_forged_conflict_takes_no_identifier_away() {
    story(907, async |d| {
        let [one, two] = named_pair(&d).await;
        let third: UserId = d.call(0, "register", json!({ "username": "third" })).await.id().parse().unwrap();
        let theirs = d.world.stored(0, two, Part::Profile).await.unwrap().ownerships().clone();
        let mut forged = d.world.stored(0, third, Part::Profile).await.unwrap();
        let Body::Live(live) = &mut forged.body else { panic!("live") };
        let Facts::Profile(facts) = &mut live.facts else { panic!("a profile") };
        facts.ownerships.extend(theirs);
        let condition = Condition::VersionIs(forged.version.clone());
        let parts = vec![PartWrite { record: forged, condition }];
        let done = d.world.regions[0].tables.users.commit(&Writes { parts, ..Writes::default() }).await;
        assert_eq!(done, Ok(Commit::Done));
        for (way, loser) in [(Way::GiveUp, two), (Way::GiveUp, one), (Way::Merge, two)] {
            let rejected = resolution(&d.world.regions[0].people(), [third, loser]).run(way).await;
            assert_eq!(rejected, Err(ResolveError::Sealing(SealError::Opaque)));
        }
    });
}

#[test]
fn a_resolution_during_rotation_covers_every_live_key() {
    for (way, kept, root_of_two) in [
        (Way::GiveUp, vec![IdentifierKind::Username], 1),
        (Way::Merge, vec![IdentifierKind::Email, IdentifierKind::Username], 0),
    ] {
        story(908, async |d| {
            let pair = named_pair(&d).await;
            let [one, two] = pair;
            let (d, stale) = stepped(d, IndexStep::Publish).await;
            let done = resolution(&d.world.regions[0].people(), pair).run(way).await;
            assert!(matches!(done, Ok(Resolved::Done(_))), "{done:?}");

            let profile = d.world.stored(0, two, Part::Profile).await.unwrap();
            let mut keys: BTreeMap<IdentifierKind, BTreeSet<u32>> = BTreeMap::new();
            for ownership in profile.ownerships().values() {
                keys.entry(ownership.kind).or_default().insert(ownership.key_version);
            }
            let live: BTreeSet<u32> = [1, 2].into();
            assert_eq!(keys, kept.iter().map(|kind| (*kind, live.clone())).collect());
            let indexes: Vec<_> = profile.ownerships().keys().copied().collect();
            let owned = d.world.regions[0].tables.users.ownerships(&indexes).await.unwrap();
            assert!(owned.iter().all(|item| item.owners.contains_key(&two)), "{owned:?}");
            d.world.settle().await;
            for at in d.endpoints.iter().chain(&stale) {
                for (by, primary) in
                    [(json!({ "email": "ada@example.com" }), one), (json!({ "username": "two" }), pair[root_of_two])]
                {
                    let found = d.shop.call(at, "lookup", d.now(), by).await;
                    assert_eq!(found.ok(200).id(), primary.to_string());
                }
            }
            d.world.check_invariants().await;
        });
    }
}
