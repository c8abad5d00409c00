//! A region that was away for longer than its stream keeps records, and one whose tables were restored: the region is
//! frozen, compared with its peers in both directions, and then serves.

use std::sync::Arc;

use umoja_host::OsEntropy;
use umoja_local::RegionStore;
use umoja_reconciler::Backfill;
use umoja_schema::{Identity, Log, Millis, Part, PartRecord, UserId};
use umoja_store::apply::plan_ownerships;
use umoja_store::ports::{Condition, PartWrite, Queue as _, Writes};
use umoja_store::proof::Proofs;
use umoja_store::secrets::SETTING;
use umoja_tests::world::{World, run};

/// The region that was away.
const AWAY: usize = 2;
const HOURS_48_MS: u64 = 48 * 60 * 60 * 1000;

async fn registered(world: &World, users: usize) -> Vec<UserId> {
    let mut ids = Vec::new();
    for n in 0..users {
        ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    world.settle().await;
    ids
}

/// As the operator's command does: passes from one region to another until one finds no missing item.
async fn bring(world: &World, from: usize, to: usize, derives: bool) {
    for _ in 0..5 {
        let mut backfill = Backfill::new(&world.regions[from].home, world.name(to), Millis(0)).unwrap();
        if from == AWAY {
            backfill = backfill.of_ended();
        }
        if derives {
            backfill = backfill.deriving();
        }
        while backfill.step().await.unwrap() {}
        if backfill.report().is_complete() {
            return;
        }
        world.settle().await;
        world.clock.advance(61_000);
    }
    panic!("{from} to {to} is never complete");
}

/// Discards every pending message for a region.
async fn purge_retries(world: &World, peer: usize) {
    for at in (0..world.regions.len()).filter(|at| *at != peer) {
        let queue = world.regions[at].store.queue(&format!("retry-{}", world.name(peer)));
        loop {
            let deliveries = queue.receive(10, 60).await.unwrap();
            if deliveries.is_empty() && queue.depth().await.unwrap().waiting == 0 {
                break;
            }
            for delivery in &deliveries {
                queue.delete(&delivery.receipt).await.unwrap();
            }
            if deliveries.is_empty() {
                world.clock.advance(16 * 60 * 1000);
            }
        }
    }
}

/// Failure: region back after 48 h
#[test]
fn old_writes_of_a_returning_region_win_only_if_newest() {
    run(async {
        for seed in 0..3 {
            let world = World::new(seed, 3).await;
            let ids = registered(&world, 30).await;
            for at in 0..AWAY {
                world.set_cut(at, AWAY, true);
                world.set_cut(AWAY, at, true);
            }
            // The region disconnects first, so its writes are older than those of the others.
            for n in 0..10 {
                world.edit(AWAY, ids[n], "old").await.unwrap();
                world.rename(AWAY, ids[10 + n], &format!("old{n}@example.com")).await.unwrap();
            }
            world.erase(AWAY, ids[20]).await.unwrap();
            let free = world.register(AWAY, "taken@example.com", "phc").await.unwrap();
            world.skip_stream(AWAY).await;
            world.clock.advance(HOURS_48_MS);
            for n in 0..5 {
                world.edit(n % 2, ids[n], "new").await.unwrap();
                world.rename(n % 2, ids[10 + n], &format!("new{n}@example.com")).await.unwrap();
            }
            world.edit(0, ids[20], "erased elsewhere").await.unwrap();
            world.erase(1, ids[21]).await.unwrap();
            let rival = world.register(0, "taken@example.com", "phc").await.unwrap();
            world.rounds(3).await;
            purge_retries(&world, AWAY).await;
            for at in 0..AWAY {
                world.set_cut(at, AWAY, false);
                world.set_cut(AWAY, at, false);
            }

            // A frozen region receives the items of the others. A thawing region sends the items that only it has.
            for at in 0..AWAY {
                bring(&world, at, AWAY, true).await;
            }
            for at in 0..AWAY {
                bring(&world, AWAY, at, true).await;
            }
            world.settle().await;
            for at in 0..3 {
                let name = async |n: usize| world.read::<Identity>(at, ids[n]).await.unwrap().profile.given_name;
                for n in 0..10 {
                    assert_eq!(name(n).await.as_deref(), Some(if n < 5 { "new" } else { "old" }), "{n} in {at}");
                    let which = if n < 5 { "new" } else { "old" };
                    assert_eq!(world.find(at, &format!("{which}{n}@example.com")).await, Some(ids[10 + n]));
                }
                for n in [20, 21] {
                    assert!(world.stored(at, ids[n], Part::Profile).await.unwrap().version.erased, "{n} in {at}");
                }
                // The older ownership wins, whatever its region. The loser keeps its id, and the journal records it.
                assert_eq!(world.find(at, "taken@example.com").await, Some(free));
                assert!(world.stored(at, rival, Part::Profile).await.is_some());
                assert!(!world.regions[at].tables.logs.rows(Log::Journal, rival).await.unwrap().is_empty());
            }
            world.check_invariants().await;
        }
    });
}

/// The contents of a region's tables at a moment.
struct Backup {
    parts: Vec<PartRecord>,
    rows: Vec<(Log, umoja_schema::LogRow)>,
}

async fn backup(world: &World, at: usize) -> Backup {
    let tables = &world.regions[at].tables;
    let mut rows = Vec::new();
    for log in Log::ALL {
        rows.extend(tables.logs.scan_rows(log, None, 10_000).await.unwrap().rows.into_iter().map(|row| (log, row)));
    }
    Backup { parts: tables.users.scan(None, 10_000).await.unwrap().records, rows }
}

/// Restores a region's tables. Without the table of identifiers, that table is empty.
async fn restore(world: &mut World, at: usize, backup: Backup, with_identifiers: bool) {
    let region = &world.regions[at];
    let store = RegionStore::in_memory(region.name.clone(), region.clock.clone(), Arc::new(OsEntropy));
    let name = region.name.clone();
    let proof_keys = (name.clone(), Arc::clone(&region.home.own.proof_keys));
    let proofs = Proofs::new(store.documents(), name.clone(), [proof_keys], store.clock());
    let raw = Arc::new(store.clone());
    let (users, logs) = (proofs.users(raw.clone()), proofs.logs(raw.clone(), raw.clone()));
    let (items, registry) = (proofs.items(raw.clone()), proofs.registry(store.documents()));
    let (requests, checkpoints) = (proofs.requests(raw.clone()), proofs.checkpoints(raw.clone()));
    let secrets = region.tables.registry.setting(SETTING).await.unwrap().unwrap();
    registry.put_setting(SETTING, &secrets).await.unwrap();
    for record in backup.parts {
        let none = std::collections::BTreeMap::new();
        let after = if with_identifiers { record.ownerships() } else { &none };
        let ownerships = plan_ownerships(&*users, record.id, &none, after).await.unwrap();
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        users.commit(&Writes { parts, ownerships, ..Writes::default() }).await.unwrap();
    }
    for (log, row) in backup.rows {
        logs.append(log, &row).await.unwrap();
    }
    // The stream of the new tables starts with the writes from now on.
    store.advance_cursor(umoja_runtime::backlog::CURSOR, store.newest_change().unwrap()).await.unwrap();
    for n in 0..world.regions.len() {
        let mut home = world.regions[n].home.clone();
        if n == at {
            (home.own.users, home.own.logs, home.own.items) = (users.clone(), logs.clone(), items.clone());
            (home.registry, home.requests, home.proofs) = (registry.clone(), requests.clone(), proofs.clone());
            home.repairs = Arc::new(store.queue("keys"));
            home.quarantined = Arc::new(store.queue("quarantined"));
            for peer in &mut home.peers {
                peer.retry = Arc::new(store.queue(&format!("retry-{}", peer.ports.name)));
            }
            home.checkpoints = checkpoints.clone();
            let region = &mut world.regions[n];
            (region.tables.users, region.tables.logs) = (users.clone(), logs.clone());
            (region.tables.items, region.tables.proofs) = (items.clone(), proofs.clone());
            (region.tables.registry, region.tables.requests) = (registry.clone(), requests.clone());
            (region.tables.checkpoints, region.store) = (checkpoints.clone(), store.clone());
        }
        for peer in home.peers.iter_mut().filter(|peer| peer.ports.name == name) {
            (peer.ports.users, peer.ports.logs, peer.ports.items) = (users.clone(), logs.clone(), items.clone());
        }
        world.regions[n].run_with(home);
    }
    world.restored(at);
}

/// Failure: restore from a backup
#[test]
fn erased_users_stay_erased_after_a_restore() {
    run(async {
        for (seed, with_identifiers) in [(1, true), (2, false)] {
            let mut world = World::new(seed, 3).await;
            let ids = registered(&world, 30).await;
            let old = backup(&world, AWAY).await;
            for n in 0..5 {
                world.erase(n % 3, ids[n]).await.unwrap();
                world.rename(n % 3, ids[10 + n], &format!("new{n}@example.com")).await.unwrap();
                world.set_password(n % 3, ids[20 + n], "newer").await.unwrap();
                world.register(n % 3, &format!("late{n}@example.com"), "phc").await.unwrap();
            }
            world.settle().await;
            let receipts = world.regions[0].tables.logs.rows(Log::Receipts, ids[0]).await.unwrap();

            restore(&mut world, AWAY, old, with_identifiers).await;
            assert!(!world.stored(AWAY, ids[0], Part::Profile).await.unwrap().version.erased);
            assert_ne!(world.digests().await[AWAY], world.digests().await[0]);
            for at in 0..AWAY {
                bring(&world, at, AWAY, true).await;
            }
            world.settle().await;
            for n in 0..5 {
                for part in Part::ALL {
                    assert!(world.stored(AWAY, ids[n], part).await.unwrap().version.erased);
                }
                assert_eq!(world.find(AWAY, &format!("user{n}@example.com")).await, None);
                assert_eq!(world.find(AWAY, &format!("new{n}@example.com")).await, Some(ids[10 + n]));
            }
            let restored = world.regions[AWAY].tables.logs.rows(Log::Receipts, ids[0]).await.unwrap();
            assert_eq!(restored, receipts, "the receipts too");
            world.check_invariants().await;
        }
    });
}
