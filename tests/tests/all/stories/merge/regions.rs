//! Merges in several regions: read-your-writes, cycles, and what they cost.

use super::*;
use umoja_schema::Part;
use umoja_store::apply::apply_replicated;
use umoja_tests::world::World;

#[test]
fn a_merge_version_detects_a_lagging_region() {
    story(750, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        let merged = merge(&d, 0, &ada, &countess).await;
        let version = merged.version();
        let selectors = [json!({ "id": ada }), json!({ "id": countess }), json!({ "email": "ada@example.com" })];
        for mut by in selectors.clone() {
            by["min_version"] = json!(version);
            lookup(&d, 1, by).await.rejected(503, "behind");
        }
        d.world.settle().await;
        for mut by in selectors {
            by["min_version"] = json!(version);
            assert_eq!(lookup(&d, 1, by).await.ok(200).body["user"], merged.body["user"]);
        }
        let undone = unmerge(&d, 0, &countess).await;
        let by = json!({ "id": ada, "min_version": undone.version() });
        lookup(&d, 1, by.clone()).await.rejected(503, "behind");
        d.world.settle().await;
        assert_eq!(lookup(&d, 1, by).await.ok(200).body["user"]["linked_accounts"], json!([]));
    });
}

/// Merges two users in region 0 and erases the survivor in region 1, which lacks the merge: the duplicate is left.
async fn erased_unaware(d: &Deployment, survivor: &str, duplicate: &str) {
    d.world.settle().await;
    d.world.set_cut(0, 1, true);
    merge(d, 0, survivor, duplicate).await.ok(200);
    d.world.erase(1, survivor.parse().unwrap()).await.unwrap();
    d.world.set_cut(0, 1, false);
    d.world.settle().await;
}

#[test]
fn only_pointers_at_erased_users_are_moved() {
    story(755, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        let third = person(&d, 0, "third").await;
        merge(&d, 0, &third, &countess).await.ok(200);
        let stored = d.world.stored(0, countess.parse().unwrap(), Part::Profile).await.unwrap();
        apply_replicated(&*d.world.regions[1].tables.users, &stored, d.world.name(1)).await.unwrap();
        assert_eq!(lookup(&d, 1, json!({ "id": countess })).await.id(), countess);
        merge(&d, 1, &ada, &countess).await.rejected(503, "behind");
        d.world.settle().await;
        merge(&d, 1, &ada, &countess).await.rejected(409, "already_merged");
        unmerge(&d, 0, &countess).await.ok(200);
        erased_unaware(&d, &third, &countess).await;
        assert_eq!(lookup(&d, 1, json!({ "id": countess })).await.id(), countess);
        assert_eq!(merge(&d, 1, &ada, &countess).await.ok(200).id(), ada);
        d.world.settle().await;
        assert_eq!(lookup(&d, 0, json!({ "id": countess })).await.id(), ada);
        d.world.check_invariants().await;
    });
}

#[test]
fn an_unmerge_waits_for_the_survivor() {
    story(756, async |d| {
        let (one, two) = (person(&d, 0, "one").await, person(&d, 0, "two").await);
        d.world.settle().await;
        let third = person(&d, 0, "third").await;
        for duplicate in [&one, &two] {
            merge(&d, 0, &third, duplicate).await.ok(200);
            let stored = d.world.stored(0, duplicate.parse().unwrap(), Part::Profile).await.unwrap();
            apply_replicated(&*d.world.regions[1].tables.users, &stored, d.world.name(1)).await.unwrap();
            unmerge(&d, 1, duplicate).await.rejected(503, "behind");
        }
        d.world.settle().await;
        for duplicate in [&one, &two] {
            unmerge(&d, 1, duplicate).await.ok(200);
        }
        erased_unaware(&d, &third, &two).await;
        assert_eq!(unmerge(&d, 1, &two).await.ok(200).id(), two);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_region_without_an_unmerge_answers_behind() {
    story(757, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.world.settle().await;
        let seen = unmerge(&d, 0, &countess).await.version();
        let erase = json!({ "id": ada, "min_version": seen });
        d.call(1, "erase", erase.clone()).await.rejected(503, "behind");
        let merge = json!({ "survivor": ada, "duplicate": countess, "min_version": seen });
        d.call(1, "merge", merge.clone()).await.rejected(503, "behind");
        d.call(1, "unmerge", json!({ "id": countess, "min_version": seen })).await.rejected(503, "behind");
        for text in ["x".to_owned(), format!("{seen}.{seen}")] {
            let reply = d.call(1, "erase", json!({ "id": ada, "min_version": text })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "min_version");
        }
        d.world.settle().await;
        let mut preview = merge;
        preview["preview"] = json!(true);
        d.call(1, "merge", preview).await.ok(200);
        d.call(1, "unmerge", json!({ "id": countess, "min_version": seen })).await.ok(200);
        let receipt = d.call(1, "erase", erase).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["erased_with"], json!([]));
        assert_eq!(lookup(&d, 1, json!({ "id": countess })).await.ok(200).id(), countess);
    });
}

#[test]
fn a_change_based_on_an_unreplicated_merge_has_to_wait() {
    story(758, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        let version = merge(&d, 0, &ada, &countess).await.version();
        let update = json!({ "id": ada, "set": { "profile": { "nickname": "A" } }, "if_version": version });
        d.call(1, "update", update.clone()).await.rejected(503, "behind");
        d.world.settle().await;
        d.call(1, "update", update.clone()).await.ok(200);
        d.call(1, "update", update).await.rejected(409, "version_conflict");
    });
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn opposite_merges_in_two_regions_have_one_primary_account() {
    for at in 0..2 {
        story(751, async |d| {
            let (ada, countess) = two(&d).await;
            let third = person(&d, 0, "third").await;
            d.world.settle().await;
            merge(&d, at, &ada, &countess).await.ok(200);
            merge(&d, 1 - at, &countess, &ada).await.ok(200);
            merge(&d, 0, &countess, &third).await.ok(200);
            d.world.settle().await;
            d.world.check_invariants().await;
            for at in 0..2 {
                for id in [&ada, &countess, &third] {
                    let user = lookup(&d, at, json!({ "id": id })).await.ok(200).body["user"].clone();
                    assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(ada), &json!([countess, third])));
                }
                // Either is done already.
                merge(&d, at, &ada, &countess).await.ok(200);
                merge(&d, at, &countess, &ada).await.ok(200);
            }
            assert!(d.accepts(1, "countess@example.com", "correct horse").await);
            // Undoing one of the two merges leaves the other.
            unmerge(&d, 0, &ada).await.ok(200);
            d.world.settle().await;
            for at in 0..2 {
                let user = lookup(&d, at, json!({ "id": third })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(ada), &json!([countess, third])));
            }
            unmerge(&d, 1, &countess).await.ok(200);
            d.world.settle().await;
            assert_eq!(lookup(&d, 0, json!({ "id": ada })).await.id(), ada);
            assert_eq!(lookup(&d, 0, json!({ "id": third })).await.id(), countess);
            d.world.check_invariants().await;
        });
    }
}

#[test]
fn a_merge_cycle_has_one_primary_account_and_is_erasable() {
    umoja_tests::world::run(async {
        let d = Deployment::of(World::new(752, 3).await).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(person(&d, 0, name).await);
        }
        d.world.settle().await;
        for at in 0..3 {
            merge(&d, at, &ids[at], &ids[(at + 1) % 3]).await.ok(200);
        }
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..3 {
            for id in &ids {
                let user = lookup(&d, at, json!({ "id": id })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(ids[0]), &json!(ids[1..])));
            }
        }
        d.call(2, "erase", json!({ "id": ids[1] })).await.ok(202);
        d.world.settle().await;
        d.world.check_invariants().await;
        for id in &ids {
            lookup(&d, 0, json!({ "id": id })).await.rejected(404, "user_not_found");
        }
    });
}

#[test]
fn a_merged_user_costs_one_decryption_per_profile() {
    story(753, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        // The other region has no cached key yet.
        d.world.reset_calls();
        lookup(&d, 1, json!({ "id": ada })).await.ok(200);
        assert_eq!(d.world.kms_calls(), 1);
        let tables = &d.world.regions[1].faults.tables;
        assert_eq!(tables.calls(), [("linked_accounts", 1), ("parts", 1)].into());
        d.world.reset_calls();
        assert!(d.accepts(1, "ada@example.com", "correct horse").await);
        assert_eq!(d.world.kms_calls(), 1, "the credentials");
        assert_eq!(tables.calls(), [("ownerships", 1), ("linked_accounts", 1), ("parts", 1)].into());

        d.world.reset_calls();
        merge(&d, 0, &ada, &countess).await.ok(200);
        let keys = |operation: &str| {
            d.world.regions.iter().map(|region| region.faults.kms.calls().get(operation).copied().unwrap_or(0)).sum()
        };
        let (generated, wrapped): (u64, u64) = (keys("generate"), keys("wrap"));
        assert_eq!((generated, wrapped), (1, 1), "one part was written");
        d.world.settle().await;
        d.world.reset_calls();
        lookup(&d, 1, json!({ "id": ada })).await.ok(200);
        assert_eq!(d.world.kms_calls(), 1, "the linked account's profile, which is new");
        d.world.reset_calls();
        lookup(&d, 1, json!({ "id": countess })).await.ok(200);
        assert_eq!(d.world.kms_calls(), 0);
    });
}

#[test]
fn a_disconnected_region_receives_missed_merges_and_unmerges() {
    story(754, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        d.world.set_cut(0, 1, true);
        merge(&d, 0, &ada, &countess).await.ok(200);
        unmerge(&d, 0, &countess).await.ok(200);
        merge(&d, 0, &countess, &ada).await.ok(200);
        d.world.rounds(2).await;
        assert_eq!(lookup(&d, 1, json!({ "id": ada })).await.id(), ada);
        d.world.set_cut(0, 1, false);
        d.world.settle().await;
        assert_eq!(lookup(&d, 1, json!({ "id": ada })).await.id(), countess);
        d.world.check_invariants().await;
    });
}
