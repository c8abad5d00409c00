//! Automatic merges: both users have an identifier that a trusted company verified.

use super::*;
use umoja_reconciler::merge_users;
use umoja_schema::{Log, Message, Part, UserId};

/// Registers a user in a region that is disconnected from the other one.
async fn apart(d: &Deployment, at: usize, by: &Caller, body: Value) -> String {
    let id = d.call_as(by, at, "register", body).await.ok(201).id();
    d.world.clock.advance(1000);
    id
}

async fn primary(d: &Deployment, at: usize, id: &str) -> String {
    lookup(d, at, json!({ "id": id })).await.ok(200).id()
}

fn verified() -> Value {
    json!({ "email": "ada@example.com", "email_verified": true })
}

/// Registers two users with one address, the first in region 0 and the second in region 1, then connects the regions.
async fn met(d: &Deployment, first: (&Caller, Value), second: (&Caller, Value)) -> (String, String) {
    let one = apart(d, 0, first.0, first.1).await;
    let two = apart(d, 1, second.0, second.1).await;
    d.world.settle().await;
    d.world.check_invariants().await;
    (one, two)
}

async fn kinds(d: &Deployment, at: usize, id: &str) -> Vec<String> {
    let rows = d.world.regions[at].tables.logs.rows(Log::Journal, id.parse().unwrap()).await.unwrap();
    rows.into_iter().map(|row| row.kind).collect()
}

#[test]
fn two_verified_owners_of_one_address_become_one_person() {
    story(800, async |d| {
        let (one, two) = met(&d, (&d.shop, verified()), (&d.food, verified())).await;
        for at in 0..2 {
            for id in [&one, &two] {
                let user = lookup(&d, at, json!({ "id": id })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(one), &json!([two])));
            }
            assert_eq!(lookup(&d, at, json!({ "email": "ada@example.com" })).await.id(), one);
            let row = d.world.regions[at].tables.logs.rows(Log::Journal, two.parse().unwrap()).await.unwrap();
            let row = row.into_iter().find(|row| row.kind == "merged").unwrap();
            assert_eq!((row.field("survivor"), row.field("reason")), (Some(one.as_str()), Some("verified")));
        }
    });
}

#[test]
fn only_two_verified_owners_are_merged() {
    let plain = json!({ "email": "ada@example.com" });
    for (first, second) in [(verified(), plain.clone()), (plain.clone(), verified()), (plain.clone(), plain)] {
        story(801, async |d| {
            let (one, two) = met(&d, (&d.shop, first.clone()), (&d.food, second.clone())).await;
            for at in 0..2 {
                assert_eq!((primary(&d, at, &one).await, primary(&d, at, &two).await), (one.clone(), two.clone()));
                assert!(
                    kinds(&d, at, &one).await.contains(&"identifier_conflict".to_owned()),
                    "it waits in the journal"
                );
            }
        });
    }
    story(802, async |d| {
        // A verification by an untrusted company has no effect.
        let (one, two) = met(&d, (&d.shop, verified()), (&d.blog, verified())).await;
        assert_eq!((primary(&d, 0, &one).await, primary(&d, 0, &two).await), (one, two));
    });
    story(803, async |d| {
        // An external id belongs to one company, which may give the same one to two people.
        let body = json!({ "external_id": "1" });
        let (one, two) = met(&d, (&d.shop, body.clone()), (&d.shop, body)).await;
        assert_eq!((primary(&d, 0, &one).await, primary(&d, 0, &two).await), (one, two));
    });
}

#[test]
fn an_unmerge_is_not_reverted_by_late_messages() {
    story(804, async |d| {
        let mut first = verified();
        first["username"] = json!("one");
        let mut second = verified();
        second["username"] = json!("two");
        let (one, two) = met(&d, (&d.shop, first), (&d.food, second)).await;
        unmerge(&d, 1, &two).await.ok(200);
        // An earlier message is delivered again.
        let ids: [UserId; 2] = [one.parse().unwrap(), two.parse().unwrap()];
        let message = Message::MergeVerified { one: ids[0].min(ids[1]), other: ids[0].max(ids[1]) };
        for at in 0..2 {
            d.world.regions[at].home.merges.send(&message, 0).await.unwrap();
        }
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!((primary(&d, at, &one).await, primary(&d, at, &two).await), (one.clone(), two.clone()));
            assert_eq!(lookup(&d, at, json!({ "email": "ada@example.com" })).await.id(), one);
        }
    });
}

#[test]
fn an_unmerge_beats_a_later_automatic_merge_elsewhere() {
    story(805, async |d| {
        // Region 1 is disconnected. Region 0 merges automatically, and a caller unmerges.
        let mut first = verified();
        first["username"] = json!("one");
        let one = apart(&d, 0, &d.shop, first).await;
        let mut second = verified();
        second["username"] = json!("two");
        let two = apart(&d, 1, &d.food, second).await;
        d.world.set_cut(0, 1, true);
        d.world.rounds(3).await;
        assert_eq!(primary(&d, 0, &two).await, one);
        // Region 1 receives the earlier state of the other user and merges on its own much later.
        let stored = d.world.stored(0, one.parse().unwrap(), Part::Profile).await.unwrap();
        unmerge(&d, 0, &two).await.ok(200);
        d.world.clock.advance(60_000);
        let credentials = d.world.stored(0, one.parse().unwrap(), Part::Credentials).await.unwrap();
        for part in [stored, credentials] {
            umoja_store::apply::apply_replicated(&*d.world.regions[1].tables.users, &part, d.world.name(1))
                .await
                .unwrap();
        }
        d.world.rounds(3).await;
        assert_eq!(primary(&d, 1, &two).await, one);
        d.world.set_cut(0, 1, false);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!((primary(&d, at, &one).await, primary(&d, at, &two).await), (one.clone(), two.clone()));
        }
    });
}

/// Discards the merge requests of a region and returns their number.
async fn forget_requests(d: &Deployment, at: usize) -> usize {
    let requests = &d.world.regions[at].home.merges;
    let lost = requests.receive(10, 60).await.unwrap();
    for lost in &lost {
        requests.delete(&lost.receipt).await.unwrap();
    }
    lost.len()
}

/// Failure: queue purged by mistake
#[test]
fn anti_entropy_repeats_a_lost_merge_request() {
    story(817, async |d| {
        let (one, two) = (apart(&d, 0, &d.shop, verified()).await, apart(&d, 1, &d.food, verified()).await);
        for _ in 0..2 {
            for region in &d.world.regions {
                region.pump.replicate().await.unwrap();
            }
        }
        assert_eq!((forget_requests(&d, 0).await, forget_requests(&d, 1).await), (1, 1));
        d.world.settle().await;
        assert_eq!(primary(&d, 0, &two).await, two);
        let asked = async || d.world.anti_entropy().await.iter().map(|run| run.report.merges_asked).sum::<u64>();
        assert_eq!(asked().await, 2, "in each region");
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, &two).await, one);
        }
        assert_eq!(asked().await, 0, "they are one person");
    });
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn a_concurrent_edit_unmerges_only_briefly() {
    story(816, async |d| {
        let (one, two) = (apart(&d, 0, &d.shop, verified()).await, apart(&d, 1, &d.food, verified()).await);
        // Both regions have both users. One region merges them, and the other one loses its merge request.
        for _ in 0..2 {
            for region in &d.world.regions {
                region.pump.replicate().await.unwrap();
            }
        }
        d.world.set_cut(0, 1, true);
        let region = &d.world.regions[0];
        assert_eq!(merge_users(&region.home, &region.sealer).await.merged, 1);
        assert_eq!(forget_requests(&d, 1).await, 1);
        let set = json!({ "profile": { "nickname": "Ada" } });
        d.call_as(&d.food, 1, "update", json!({ "id": two, "set": set })).await.ok(200);
        d.world.set_cut(0, 1, false);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, &two).await, one);
        }
    });
}

#[test]
fn a_user_erased_or_merged_meanwhile_is_skipped() {
    story(806, async |d| {
        let one = apart(&d, 0, &d.shop, verified()).await;
        let two = apart(&d, 1, &d.food, verified()).await;
        let third = person(&d, 1, "third").await;
        merge(&d, 1, &third, &two).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!((primary(&d, at, &one).await, primary(&d, at, &two).await), (one.clone(), third.clone()));
        }
        d.call(0, "erase", json!({ "id": two })).await.ok(202);
        let ids: [UserId; 2] = [one.parse().unwrap(), two.parse().unwrap()];
        let message = Message::MergeVerified { one: ids[0].min(ids[1]), other: ids[0].max(ids[1]) };
        d.world.regions[0].home.merges.send(&message, 0).await.unwrap();
        d.world.settle().await;
        d.world.check_invariants().await;
        assert_eq!(primary(&d, 0, &one).await, one);
        lookup(&d, 0, json!({ "id": third })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_forged_queue_message_merges_no_user() {
    story(807, async |d| {
        let (one, two) = (person(&d, 0, "one").await, person(&d, 0, "two").await);
        let ids: [UserId; 2] = [one.parse().unwrap(), two.parse().unwrap()];
        let message = Message::MergeVerified { one: ids[0], other: ids[1] };
        d.world.regions[0].home.merges.send(&message, 0).await.unwrap();
        d.world.settle().await;
        assert_eq!((primary(&d, 0, &one).await, primary(&d, 0, &two).await), (one, two));
    });
}

#[test]
fn an_automatic_merge_waits_for_missing_users() {
    story(808, async |d| {
        let (one, two) = (apart(&d, 0, &d.shop, verified()).await, apart(&d, 1, &d.food, verified()).await);
        let profile = d.world.stored(1, two.parse().unwrap(), Part::Profile).await.unwrap();
        umoja_store::apply::apply_replicated(&*d.world.regions[0].tables.users, &profile, d.world.name(0))
            .await
            .unwrap();
        d.world.set_cut(1, 0, true);
        d.world.regions[0].pump.replicate().await.unwrap();
        let region = &d.world.regions[0];
        let report = merge_users(&region.home, &region.sealer).await;
        assert_eq!((report.merged, report.postponed), (0, 1));
        d.world.set_cut(1, 0, false);
        d.world.settle().await;
        assert_eq!(primary(&d, 0, &two).await, one);
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_automatic_merge_happens_once_in_each_region() {
    let mut finished = false;
    for polls in 0..120 {
        story(809, async |d| {
            let (one, two) = (apart(&d, 0, &d.shop, verified()).await, apart(&d, 1, &d.food, verified()).await);
            // Every region has every item, and no request has been processed yet.
            for _ in 0..2 {
                for region in &d.world.regions {
                    region.pump.replicate().await.unwrap();
                }
            }
            d.world.set_pausing(true);
            let region = &d.world.regions[0];
            finished =
                umoja_tests::world::killed_after(polls, merge_users(&region.home, &region.sealer)).await.is_some();
            d.world.set_pausing(false);
            d.world.clock.advance(61_000);
            d.world.settle().await;
            d.world.check_invariants().await;
            for at in 0..2 {
                assert_eq!(primary(&d, at, &two).await, one);
                let merged = kinds(&d, at, &two).await.into_iter().filter(|kind| kind == "merged").count();
                assert!((1..=2).contains(&merged), "at most one in each region: {merged}");
            }
        });
        if finished {
            assert!(polls > 10, "it was killed at {polls} places");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn linked_accounts_of_one_person_do_not_conflict() {
    story(810, async |d| {
        let (one, two) = met(&d, (&d.shop, verified()), (&d.food, verified())).await;
        let before = [kinds(&d, 0, &one).await, kinds(&d, 0, &two).await].concat().len();
        // Both ownerships change together, in one region and in its replica.
        let set = json!({ "email_verified": false });
        d.call(0, "update", json!({ "id": one, "set": set })).await.ok(200);
        d.call(0, "update", json!({ "id": one, "set": { "email_verified": true } })).await.ok(200);
        d.world.settle().await;
        assert_eq!([kinds(&d, 0, &one).await, kinds(&d, 0, &two).await].concat().len(), before);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_released_identifier_belongs_to_its_next_owner() {
    story(812, async |d| {
        let (one, two) = met(&d, (&d.shop, verified()), (&d.food, verified())).await;
        let set = json!({ "email": "new@example.com", "email_verified": true });
        d.call(0, "update", json!({ "id": two, "set": set })).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            lookup(&d, at, json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
            assert_eq!(lookup(&d, at, json!({ "email": "new@example.com" })).await.ok(200).id(), one);
        }
        let next = d.call_as(&d.food, 1, "register", verified()).await.ok(201).id();
        assert_eq!(lookup(&d, 1, json!({ "email": "ada@example.com" })).await.ok(200).id(), next);
    });
}

#[test]
fn a_shared_identifier_is_verified_for_both_or_neither() {
    for set in [json!({ "email_verified": false }), json!({ "email": "Ada@example.com", "email_verified": false })] {
        story(813, async |d| {
            let (one, _) = met(&d, (&d.shop, verified()), (&d.food, verified())).await;
            d.call(0, "update", json!({ "id": one, "set": set })).await.ok(200);
            d.world.settle().await;
            d.world.check_invariants().await;
            // An unverified address matches no user with this person.
            let next = d.call_as(&d.food, 1, "register", verified()).await.ok(201).id();
            assert_eq!(lookup(&d, 1, json!({ "email": "ada@example.com" })).await.ok(200).id(), next);
        });
    }
}

#[test]
fn a_disabled_user_is_not_merged_automatically() {
    for disabled in 0..2 {
        story(814, async |d| {
            let one = apart(&d, 0, &d.shop, verified()).await;
            let two = apart(&d, 1, &d.food, verified()).await;
            let id = [&one, &two][disabled];
            d.call(disabled, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
            d.world.settle().await;
            d.world.check_invariants().await;
            for at in 0..2 {
                assert_eq!((primary(&d, at, &one).await, primary(&d, at, &two).await), (one.clone(), two.clone()));
                assert!(
                    kinds(&d, at, &one).await.contains(&"identifier_conflict".to_owned()),
                    "an operator has to decide"
                );
            }
        });
    }
}

#[test]
fn a_message_about_an_unknown_user_is_dead_lettered() {
    story(815, async |d| {
        let ids: [UserId; 2] = [1, 2].map(|n| UserId::v8([n; 16]));
        let message = Message::MergeVerified { one: ids[0], other: ids[1] };
        let region = &d.world.regions[0];
        region.home.merges.send(&message, 0).await.unwrap();
        let mut runs = 0;
        while region.home.merges.depth().await.unwrap().dead == 0 {
            merge_users(&region.home, &region.sealer).await;
            d.world.clock.advance(900_000);
            runs += 1;
            assert!(runs < 100, "the message is retried for ever");
        }
    });
}

#[test]
fn an_unreadable_pair_is_quarantined_until_redriven() {
    story(811, async |d| {
        let (one, two) = (apart(&d, 0, &d.shop, verified()).await, apart(&d, 1, &d.food, verified()).await);
        for region in &d.world.regions {
            region.pump.replicate().await.unwrap();
        }
        d.world.set_cut(1, 0, true);
        d.world.regions[0].pump.replicate().await.unwrap();
        let whole = d.world.stored(0, two.parse().unwrap(), Part::Profile).await.unwrap();
        super::unreadable::damage(&d, &two, Part::Profile).await;
        let region = &d.world.regions[0];
        let report = merge_users(&region.home, &region.sealer).await;
        assert_eq!((report.merged, report.quarantined), (0, 1));
        super::unreadable::put(&d, whole).await;
        for quarantined in region.home.quarantined.receive(10, 60).await.unwrap() {
            let redriven = umoja_reconciler::redrive_quarantined(&region.home, &quarantined).await;
            assert_eq!(redriven, Ok(umoja_reconciler::Redriven::Queued));
        }
        let report = merge_users(&region.home, &region.sealer).await;
        assert_eq!(report.merged, 1);
        assert_eq!(primary(&d, 0, &two).await, one);
    });
}
