//! Writes that race each other across regions.

use std::collections::BTreeSet;

use umoja_accounts::Error;
use umoja_schema::{Credentials, HlcError, IdentifierKind, Identity, Log, Part, UserId};
use umoja_store::faulty::Fault;
use umoja_store::replicate::confirmation_key;
use umoja_tests::world::{World, run};

/// Failure: update races erase, older and newer
#[test]
fn an_erasure_beats_older_and_newer_updates() {
    run(async {
        for (seed, erase_first) in [(1, true), (2, false)] {
            let world = World::new(seed, 3).await;
            let id = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            if erase_first {
                world.erase(0, id).await.unwrap();
                world.clock.advance(60_000);
            }
            world.edit(1, id, "risen").await.unwrap();
            world.set_password(2, id, "risen").await.unwrap();
            world.clock.advance(60_000);
            if !erase_first {
                world.erase(0, id).await.unwrap();
            }
            world.settle().await;
            world.check_invariants().await;
            for at in 0..3 {
                for part in Part::ALL {
                    assert!(world.stored(at, id, part).await.unwrap().version.erased);
                }
                assert_eq!(world.find(at, "ada@example.com").await, None);
                assert_eq!(world.edit(at, id, "again").await, Err(Error::NotFound));
                check_receipt(&world, at, id).await;
            }
            // The address has no owner in any region.
            let next = world.register(1, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            assert_eq!(world.find(2, "ada@example.com").await, Some(next));
        }
    });
}

/// Asserts one erasure, confirmed by every region for both parts, with matching tombstones in every region.
async fn check_receipt(world: &World, at: usize, id: UserId) {
    let rows = world.regions[at].tables.logs.rows(Log::Receipts, id).await.unwrap();
    let of = |kind: &str| rows.iter().filter(|row| row.kind == kind).collect::<Vec<_>>();
    let erased = of("erase");
    assert_eq!(erased.len(), 1);
    let tombstone = world.stored(at, id, Part::Profile).await.unwrap();
    assert_eq!((erased[0].at, &erased[0].origin), (tombstone.version.hlc, &tombstone.version.origin));
    let confirmed: BTreeSet<_> = of("confirm").into_iter().map(|row| row.key.clone()).collect();
    let regions = [0, 1, 2].map(|at| Part::ALL.map(|part| confirmation_key(world.name(at), part)));
    assert_eq!(confirmed, regions.into_iter().flatten().collect());
}

/// Failure: profile edit races password change or disable
#[test]
fn a_profile_edit_and_a_password_change_both_survive() {
    run(async {
        let world = World::new(3, 3).await;
        let id = world.register(0, "ada@example.com", "old").await.unwrap();
        world.settle().await;
        world.edit(0, id, "Ada").await.unwrap();
        world.set_password(1, id, "new").await.unwrap();
        world.disable(1, id).await.unwrap();
        world.settle().await;
        world.check_invariants().await;
        for at in 0..3 {
            let identity: Identity = world.read(at, id).await.unwrap();
            let credentials: Credentials = world.read(at, id).await.unwrap();
            assert_eq!(identity.profile.given_name.as_deref(), Some("Ada"));
            assert_eq!(credentials.secret.as_deref(), Some("new"));
            let stored = world.stored(at, id, Part::Credentials).await.unwrap();
            assert_eq!(stored.status(), Some(umoja_schema::AccountStatus::Disabled));
        }
    });
}

#[test]
fn concurrent_edits_have_the_same_winner_everywhere() {
    run(async {
        let world = World::new(10, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        let mut timestamps = Vec::new();
        for at in [2, 0, 1] {
            timestamps.push(world.edit(at, id, &format!("region {at}")).await.unwrap().hlc);
        }
        assert!(timestamps.iter().all(|hlc| *hlc == timestamps[0]));
        world.settle().await;
        world.check_invariants().await;
        let identity: Identity = world.read(0, id).await.unwrap();
        assert_eq!(identity.profile.given_name.as_deref(), Some("region 2"), "the greatest name of a region");
    });
}

#[test]
fn a_third_regions_journal_records_the_conflict() {
    run(async {
        let world = World::new(11, 3).await;
        world.set_cut(1, 2, true);
        let one = world.register(0, "ada@example.com", "phc").await.unwrap();
        let two = world.register(1, "ada@example.com", "phc").await.unwrap();
        world.rounds(1).await;
        world.rename(0, one, "countess@example.com").await.unwrap();
        world.rounds(1).await;
        world.set_cut(1, 2, false);
        world.settle().await;
        world.check_invariants().await;
        for region in &world.regions {
            for user in [one, two] {
                let journal = region.tables.logs.rows(Log::Journal, user).await.unwrap();
                assert!(journal.iter().any(|row| row.kind == "identifier_conflict"), "{}", region.name);
            }
        }
    });
}

/// Failure: two creates of one e-mail in two regions
#[test]
fn two_owners_of_one_address_have_one_winner() {
    run(async {
        for seed in 0..8 {
            let world = World::new(seed, 3).await;
            let one = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.clock.advance(seed % 2);
            let two = world.register(1, "Ada@Example.com", "phc").await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            let winner = world.find(0, "ada@example.com").await;
            // The earlier ownership wins, or at one moment the region with the lesser name: both times the first user.
            assert_eq!(winner, Some(one));
            for at in 0..3 {
                assert_eq!(world.find(at, "ada@example.com").await, winner);
                for (user, rival) in [(one, two), (two, one)] {
                    assert!(world.read::<Identity>(at, user).await.is_ok(), "losers stay readable by id");
                    let journal = world.regions[at].tables.logs.rows(Log::Journal, user).await.unwrap();
                    let conflict = journal.iter().find(|row| row.kind == "identifier_conflict");
                    let conflict = conflict.unwrap_or_else(|| panic!("no conflict in the journal of region {at}"));
                    assert_eq!(conflict.field("rival"), Some(rival.to_string().as_str()));
                    assert_eq!(journal, world.regions[0].tables.logs.rows(Log::Journal, user).await.unwrap());
                }
            }
        }
    });
}

/// Failure: rename races create
#[test]
fn a_rename_racing_a_create_leaves_one_winner() {
    run(async {
        for seed in 0..4 {
            let world = World::new(seed, 3).await;
            let ada = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            world.rename(0, ada, "countess@example.com").await.unwrap();
            world.clock.advance(seed % 2);
            let eve = world.register(1, "countess@example.com", "phc").await.unwrap();
            let bob = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            for at in 0..3 {
                assert_eq!(world.find(at, "countess@example.com").await, Some(ada));
                assert_eq!(world.find(at, "ada@example.com").await, Some(bob));
            }
            // When the winner releases the address, the other owner is found.
            world.erase(2, ada).await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            assert_eq!(world.find(0, "countess@example.com").await, Some(eve));
        }
    });
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn concurrent_merges_in_all_directions_have_one_primary_account() {
    run(async {
        for (seed, turn) in (0..8).zip(0usize..) {
            let world = World::new(seed, 3).await;
            let mut ids = Vec::new();
            for n in 0..5 {
                ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
                world.clock.advance(seed % 3);
            }
            world.settle().await;
            // A region merges no user that it erased: only other regions do.
            let (erasing, erased) = (1, turn % 5);
            let mut done = 0;
            for n in 0..30usize {
                let (at, from, to) = (n % 3, (n * 7 + turn) % 5, (n * 3 + turn / 2) % 5);
                if at == erasing && (from == erased || to == erased) {
                    continue;
                }
                match world.merge(at, ids[from], Some(ids[to])).await {
                    Ok(()) => done += 1,
                    // A region makes no cycle that it can see.
                    Err(error) => assert!(matches!(error, Error::Merge(_) | Error::Invalid { .. }), "{error}"),
                }
            }
            assert!(done > 4, "{done} merges");
            world.erase(erasing, ids[erased]).await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            assert_eq!(world.check_persons(&ids).await.len(), 4);
        }
    });
}

#[test]
fn a_region_rejects_a_second_owner() {
    run(async {
        let world = World::new(6, 2).await;
        world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(world.register(0, "ada@example.com", "phc").await, Err(Error::Taken(IdentifierKind::Email)));
        world.settle().await;
        assert_eq!(world.register(1, "ada@example.com", "phc").await, Err(Error::Taken(IdentifierKind::Email)));
    });
}

/// Failure: answer lost after the write
#[test]
fn a_write_with_a_lost_answer_succeeds_once() {
    run(async {
        let world = World::new(7, 2).await;
        let tables = &world.regions[0].faults.tables;
        // The ownerships are read and the commit is done, but its answer is lost.
        tables.then([Fault::None, Fault::AnswerLost]);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(world.changes(0).len(), 3, "two parts and an audit row");
        world.reset_calls();
        world.edit(0, id, "Augusta").await.unwrap();
        let reads = tables.calls().into_iter().filter(|(name, _)| *name != "commit").map(|(_, calls)| calls).sum();
        tables.then((0..reads).map(|_| Fault::None).chain([Fault::AnswerLost]));
        world.edit(0, id, "Ada").await.unwrap();
        assert_eq!(world.changes(0).len(), 5);
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_lost_write_request_is_retried() {
    run(async {
        let world = World::new(8, 2).await;
        world.regions[0].faults.tables.then([Fault::None, Fault::RequestLost]);
        world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(world.changes(0).len(), 3);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: clock skew of +/-10 min
#[test]
fn clock_skew_of_ten_minutes_captures_no_user() {
    run(async {
        for skew in [-600_000, 600_000] {
            let world = World::new(9, 3).await;
            let id = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            world.regions[1].clock.set_skew(skew);
            // A region whose clock is more than five minutes behind its items rejects writes instead of following them.
            let skewed = world.edit(1, id, "skewed").await;
            assert_eq!(skewed == Err(Error::Clock(HlcError::FarFuture)), skew < 0);
            let eve = world.register(1, "eve@example.com", "phc").await.unwrap();
            world.settle().await;
            let rejected = world.edit(0, id, "right").await == Err(Error::Clock(HlcError::FarFuture));
            assert_eq!(rejected, skew > 0);
            world.clock.advance(6 * 60 * 1000);
            world.edit(0, id, "right").await.unwrap();
            world.edit(2, eve, "right").await.unwrap();
            world.settle().await;
            world.check_invariants().await;
            let identity: Identity = world.read(1, id).await.unwrap();
            assert_eq!(identity.profile.given_name.as_deref(), Some("right"));
        }
    });
}
