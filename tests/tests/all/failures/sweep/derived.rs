//! Claims that disagree with the users.

use umoja_reconciler::{Difference, ON_ITS_WAY_MS, Sweep};
use umoja_schema::{BlindIndex, ClaimItem, Log, Part, UserId};
use umoja_store::ports::{ClaimWrite, Commit, Logs as _, MemberWrite, Users as _, Writes};
use umoja_tests::world::{World, polled, run};

use super::{populated, total, writes};

/// The item of the claims on an address as a region has it.
async fn claims_on(world: &World, at: usize, id: UserId) -> Vec<ClaimItem> {
    let indexes: Vec<BlindIndex> =
        world.stored(at, id, Part::Profile).await.unwrap().claims().keys().copied().collect();
    world.regions[at].store.claims(&indexes).await.unwrap()
}

async fn put_claims(world: &World, at: usize, claims: Vec<ClaimWrite>) {
    let writes = Writes { claims, ..Writes::default() };
    assert_eq!(world.regions[at].store.commit(&writes).await, Ok(Commit::Done));
}

/// Takes a user out of the table of claims, as a restore of an older backup would.
async fn unclaim(world: &World, at: usize, id: UserId) {
    let without = |before: ClaimItem| ClaimWrite { after: before.with(id, None).unwrap(), before };
    let claims = claims_on(world, at, id).await.into_iter().map(without).collect();
    put_claims(world, at, claims).await;
}

#[test]
fn claims_that_are_missing_are_added_and_superfluous_ones_removed() {
    run(async {
        let (world, ids) = populated(8, 2, 5).await;
        // Users whose claims are lost; a user that the region has never heard of, and one that has moved away.
        unclaim(&world, 0, ids[0]).await;
        unclaim(&world, 0, ids[1]).await;
        let ghost = UserId::v8([9; 16]);
        let item = claims_on(&world, 0, ids[2]).await.remove(0);
        let claim = item.claimants[&ids[2]].clone();
        let both = item.with(ghost, Some(&claim)).and_then(|item| item.with(ids[3], Some(&claim))).unwrap();
        put_claims(&world, 0, vec![ClaimWrite { before: item, after: both }]).await;
        let journals = world.regions[0].store.rows(Log::Journal, ids[2]).await.unwrap();

        let runs = world.sweep().await;
        let report = total(&runs);
        assert_eq!((report.claims_added, report.claims_removed), (2, 2));
        world.check_invariants().await;
        assert_eq!(world.find(0, "user0@example.com").await, Some(ids[0]));
        assert_eq!(claims_on(&world, 0, ids[2]).await[0].claimants.len(), 1);
        assert_eq!(world.regions[0].store.rows(Log::Journal, ids[2]).await.unwrap(), journals);
        // Parts were not written for it.
        world.reset_calls();
        assert_eq!(total(&world.sweep().await).found, 0);
    });
}

#[test]
fn a_claim_that_differs_from_the_part_is_made_what_the_part_says() {
    run(async {
        let (world, ids) = populated(9, 2, 2).await;
        let before = claims_on(&world, 1, ids[0]).await.remove(0);
        let mut claim = before.claimants[&ids[0]].clone();
        claim.verified = true;
        let after = before.with(ids[0], Some(&claim)).unwrap();
        put_claims(&world, 1, vec![ClaimWrite { before: before.clone(), after }]).await;
        assert_eq!(total(&world.sweep().await).claims_added, 1);
        assert_eq!(claims_on(&world, 1, ids[0]).await[0], before);
        world.check_invariants().await;
    });
}

#[test]
fn a_merged_user_that_the_table_of_members_lacks_is_added() {
    run(async {
        let (world, ids) = populated(18, 2, 3).await;
        world.merge(0, ids[1], Some(ids[0])).await.unwrap();
        world.settle().await;
        let lost = MemberWrite { root: ids[0], member: ids[1], present: false };
        let writes = Writes { members: vec![lost], ..Writes::default() };
        assert_eq!(world.regions[1].store.commit(&writes).await, Ok(Commit::Done));
        assert_eq!(world.regions[1].store.members(ids[0]).await, Ok(vec![]));
        let report = total(&world.sweep().await);
        assert_eq!((report.found, report.members_added), (1, 1));
        assert_eq!(world.regions[1].store.members(ids[0]).await, Ok(vec![ids[1]]));
        world.check_invariants().await;
    });
}

#[test]
fn a_claim_that_is_being_written_meanwhile_is_neither_added_nor_removed_wrongly() {
    run(async {
        // The sweep is stopped at every place where it waits, and somebody is renamed in between: away from an address
        // whose claim is missing, or while nothing is wrong but what the rename itself makes seem so.
        for (who, polls) in (0..2).flat_map(|who| (1..60).map(move |polls| (who, polls))) {
            let (world, ids) = populated(10, 2, 3).await;
            unclaim(&world, 0, ids[0]).await;
            world.clock.advance(ON_ITS_WAY_MS + 1);
            world.set_pausing(true);
            let mut pass = Sweep::within(&world.regions[0].home);
            let mut passing = Box::pin(async {
                while !pass.is_done() {
                    pass.step().await.unwrap();
                }
            });
            let ended = polled(polls, passing.as_mut()).await.is_some();
            world.rename(0, ids[who], "elsewhere@example.com").await.unwrap();
            if ended {
                assert!(polls > 10, "{polls}");
                continue;
            }
            passing.await;
            assert_eq!(
                pass.report().claims_removed,
                0,
                "{who} {polls}: nothing superfluous was added, nothing right removed"
            );
            world.set_pausing(false);
            world.settle().await;
            world.check_invariants().await;
        }
    });
}

#[test]
fn looking_finds_the_same_and_writes_nothing() {
    run(async {
        let (world, ids) = populated(12, 2, 4).await;
        let edited = world.edit(0, ids[0], "Ada").await.unwrap();
        world.skip_stream(0).await;
        let before = world.stored(1, ids[0], Part::Profile).await.unwrap();
        unclaim(&world, 0, ids[1]).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.reset_calls();
        let home = &world.regions[0].home;
        let peer = world.name(1).clone();
        let mut found = Vec::new();
        for pass in [Sweep::with_peer(home, &peer).unwrap(), Sweep::within(home)] {
            let mut pass = pass.looking();
            while !pass.is_done() {
                found.extend(pass.step().await.unwrap());
            }
        }
        assert_eq!(writes(&world), 0);
        let since = edited.hlc.millis();
        let version = world.stored(0, ids[1], Part::Profile).await.unwrap().version;
        assert_eq!(
            found,
            [
                Difference::Part {
                    id: ids[0],
                    part: Part::Profile,
                    own: Some(edited),
                    peer: Some(before.version),
                    since
                },
                Difference::Claims { id: ids[1], version: Some(version), missing: 1, superfluous: 0 },
            ]
        );
    });
}
