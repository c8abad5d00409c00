//! Ownerships that differ from the users.

use std::collections::BTreeMap;

use umoja_reconciler::{AntiEntropy, Difference, ON_ITS_WAY_MS};
use umoja_schema::{BlindIndex, IdentifierItem, Log, Part, UserId};
use umoja_store::ports::{Commit, IdentifierWrite, LinkedAccountWrite, Writes};
use umoja_tests::world::{World, polled, run};

use super::{populated, total, writes};

/// The item of an address's ownerships in a region.
async fn ownerships_on(world: &World, at: usize, id: UserId) -> Vec<IdentifierItem> {
    let indexes: Vec<BlindIndex> =
        world.stored(at, id, Part::Profile).await.unwrap().ownerships().keys().copied().collect();
    world.regions[at].tables.users.ownerships(&indexes).await.unwrap()
}

async fn put_identifiers(world: &World, at: usize, ownerships: Vec<IdentifierWrite>) {
    let writes = Writes { ownerships, ..Writes::default() };
    assert_eq!(world.regions[at].tables.users.commit(&writes).await, Ok(Commit::Done));
}

/// Removes a user from the table of identifiers, as a restore of an older backup would.
async fn disown(world: &World, at: usize, id: UserId) {
    let without = |before: IdentifierItem| IdentifierWrite { after: before.with(id, None).unwrap(), before };
    let ownerships = ownerships_on(world, at, id).await.into_iter().map(without).collect();
    put_identifiers(world, at, ownerships).await;
}

#[test]
fn missing_ownerships_are_added_and_superfluous_ones_removed() {
    run(async {
        let (world, ids) = populated(8, 2, 5).await;
        // Users whose ownerships are lost, a user unknown to the region, and a user who released the address.
        disown(&world, 0, ids[0]).await;
        disown(&world, 0, ids[1]).await;
        let ghost = UserId::v8([9; 16]);
        let item = ownerships_on(&world, 0, ids[2]).await.remove(0);
        let ownership = item.owners[&ids[2]].clone();
        let both = item.with(ghost, Some(&ownership)).and_then(|item| item.with(ids[3], Some(&ownership))).unwrap();
        put_identifiers(&world, 0, vec![IdentifierWrite { before: item, after: both }]).await;
        let journals = world.regions[0].tables.logs.rows(Log::Journal, ids[2]).await.unwrap();

        let runs = world.anti_entropy().await;
        let report = total(&runs);
        assert_eq!((report.ownerships_added, report.ownerships_removed), (2, 2));
        world.check_invariants().await;
        assert_eq!(world.find(0, "user0@example.com").await, Some(ids[0]));
        assert_eq!(ownerships_on(&world, 0, ids[2]).await[0].owners.len(), 1);
        assert_eq!(world.regions[0].tables.logs.rows(Log::Journal, ids[2]).await.unwrap(), journals);
        // The repair wrote no parts.
        world.reset_calls();
        assert_eq!(total(&world.anti_entropy().await).found, 0);
    });
}

#[test]
fn all_owners_of_a_lost_identifier_are_added_in_one_pass() {
    run(async {
        let world = World::new(10, 3).await;
        let mut ids = Vec::new();
        for at in 0..3 {
            ids.push(world.register(at, "ada@example.com", "phc").await.unwrap());
        }
        world.settle().await;
        for id in &ids {
            disown(&world, 0, *id).await;
        }
        assert_eq!(total(&world.anti_entropy().await).ownerships_added, 3);
        assert_eq!(ownerships_on(&world, 0, ids[0]).await[0].owners.len(), 3);
        world.check_invariants().await;
    });
}

#[test]
fn an_ownership_that_differs_from_the_part_is_corrected() {
    run(async {
        let (world, ids) = populated(9, 2, 2).await;
        let before = ownerships_on(&world, 1, ids[0]).await.remove(0);
        let mut ownership = before.owners[&ids[0]].clone();
        ownership.verified = true;
        let after = before.with(ids[0], Some(&ownership)).unwrap();
        put_identifiers(&world, 1, vec![IdentifierWrite { before: before.clone(), after }]).await;
        assert_eq!(total(&world.anti_entropy().await).ownerships_added, 1);
        assert_eq!(ownerships_on(&world, 1, ids[0]).await[0], before);
        world.check_invariants().await;
    });
}

#[test]
fn a_missing_linked_account_is_added() {
    run(async {
        let (world, ids) = populated(18, 2, 3).await;
        world.merge(0, ids[1], Some(ids[0])).await.unwrap();
        world.settle().await;
        let lost = LinkedAccountWrite { primary: ids[0], linked: ids[1], present: false };
        let writes = Writes { linked_accounts: vec![lost], ..Writes::default() };
        assert_eq!(world.regions[1].tables.users.commit(&writes).await, Ok(Commit::Done));
        assert_eq!(world.regions[1].tables.users.linked_accounts(ids[0]).await, Ok(vec![]));
        let report = total(&world.anti_entropy().await);
        assert_eq!((report.found, report.linked_accounts_added), (1, 1));
        assert_eq!(world.regions[1].tables.users.linked_accounts(ids[0]).await, Ok(vec![ids[1]]));
        world.check_invariants().await;
    });
}

#[test]
fn superfluous_linked_accounts_are_removed() {
    run(async {
        let (world, ids) = populated(19, 2, 3).await;
        world.merge(0, ids[1], Some(ids[0])).await.unwrap();
        world.settle().await;
        let (absent, users) = (UserId::v8([9; 16]), &world.regions[1].tables.users);
        let listed = |primary, linked| LinkedAccountWrite { primary, linked, present: true };
        let linked_accounts = vec![listed(ids[0], ids[2]), listed(ids[2], ids[1]), listed(ids[0], absent)];
        let writes = Writes { linked_accounts, ..Writes::default() };
        assert_eq!(users.commit(&writes).await, Ok(Commit::Done));
        let report = total(&world.anti_entropy().await);
        assert_eq!((report.found, report.linked_accounts_removed), (3, 3));
        assert_eq!(users.linked_accounts(ids[0]).await, Ok(vec![ids[1]]));
        assert_eq!(users.linked_accounts(ids[2]).await, Ok(vec![]));
        assert_eq!(total(&world.anti_entropy().await).found, 0);
        world.check_invariants().await;
    });
}

/// Runs the comparison of the first region with its derived tables. Returns how often each operation was called.
async fn calls_of_a_pass(world: &World) -> BTreeMap<&'static str, u64> {
    world.clock.advance(2 * ON_ITS_WAY_MS);
    world.reset_calls();
    let mut pass = AntiEntropy::within(&world.regions[0].home);
    while !pass.is_done() {
        pass.step().await.unwrap();
    }
    assert_eq!(pass.report().failed, 0, "{:?}", pass.report());
    world.regions[0].faults.tables.calls()
}

#[test]
fn the_work_for_an_identifier_grows_with_its_owners_and_no_faster() {
    run(async {
        let (world, ids) = populated(21, 2, 3).await;
        let usual = calls_of_a_pass(&world).await;
        let before = ownerships_on(&world, 0, ids[2]).await.remove(0);
        let ownership = before.owners[&ids[2]].clone();
        let mut after = before.clone();
        let strangers = |number: u16| (0..number).map(|n| UserId::v7(n.into(), [7; 10]));
        after.owners.extend(strangers(400).map(|stranger| (stranger, ownership.clone())));
        put_identifiers(&world, 0, vec![IdentifierWrite { before: before.clone(), after }]).await;
        let calls = calls_of_a_pass(&world).await;
        assert_eq!(ownerships_on(&world, 0, ids[2]).await, [before]);
        let more = |name: &str| calls.get(name).unwrap_or(&0) - usual.get(name).unwrap_or(&0);
        // Each owner is read as a rival and as an owner.
        assert!(more("part") <= 2 * 400 + 10, "{calls:?}");
        assert!(more("derive") == 1 && more("ownerships") <= 10, "{calls:?}");
        world.check_invariants().await;
    });
}

#[test]
fn superfluous_linked_accounts_cost_one_read_each_and_one_write_a_page() {
    run(async {
        let (world, ids) = populated(22, 2, 3).await;
        let usual = calls_of_a_pass(&world).await;
        for n in 0..8u64 {
            let strangers = (0..50u64).map(|m| UserId::v7(50 * n + m, [7; 10]));
            let listed = strangers.map(|linked| LinkedAccountWrite { primary: ids[0], linked, present: true });
            let writes = Writes { linked_accounts: listed.collect(), ..Writes::default() };
            assert_eq!(world.regions[0].tables.users.commit(&writes).await, Ok(Commit::Done));
        }
        let calls = calls_of_a_pass(&world).await;
        assert_eq!(world.regions[0].tables.users.linked_accounts(ids[0]).await, Ok(vec![]));
        let more = |name: &str| calls.get(name).unwrap_or(&0) - usual.get(name).unwrap_or(&0);
        assert_eq!((more("part"), more("drop_pointers"), more("derive")), (400, 1, 0), "{calls:?}");
        world.check_invariants().await;
    });
}

#[test]
fn a_concurrent_write_of_an_identifier_is_neither_lost_nor_reverted() {
    run(async {
        // At every await of anti-entropy a user is renamed: away from an address whose ownership is missing, or while the
        // rename itself causes the only apparent difference.
        for (index, polls) in (0..2).flat_map(|index| (1..60).map(move |polls| (index, polls))) {
            let (world, ids) = populated(10, 2, 3).await;
            disown(&world, 0, ids[0]).await;
            world.clock.advance(ON_ITS_WAY_MS + 1);
            world.set_pausing(true);
            let mut pass = AntiEntropy::within(&world.regions[0].home);
            let mut passing = Box::pin(async {
                while !pass.is_done() {
                    pass.step().await.unwrap();
                }
            });
            let ended = polled(polls, passing.as_mut()).await.is_some();
            world.rename(0, ids[index], "elsewhere@example.com").await.unwrap();
            if ended {
                assert!(polls > 10, "{polls}");
                continue;
            }
            passing.await;
            assert_eq!(
                pass.report().ownerships_removed,
                0,
                "{index} {polls}: the pass added or removed a wrong ownership"
            );
            world.set_pausing(false);
            world.settle().await;
            world.check_invariants().await;
        }
    });
}

#[test]
fn a_read_only_pass_reports_the_same_and_writes_nothing() {
    run(async {
        let (world, ids) = populated(12, 2, 4).await;
        let edited = world.edit(0, ids[0], "Ada").await.unwrap();
        world.skip_stream(0).await;
        let before = world.stored(1, ids[0], Part::Profile).await.unwrap();
        disown(&world, 0, ids[1]).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.reset_calls();
        let home = &world.regions[0].home;
        let peer = world.name(1).clone();
        let mut found = Vec::new();
        for pass in [AntiEntropy::with_peer(home, &peer).unwrap(), AntiEntropy::within(home)] {
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
                Difference::Ownerships { id: ids[1], version: Some(version), missing: 1, superfluous: 0 },
            ]
        );
    });
}
