//! A joining region: its peers start to replicate to it, then it is backfilled with their items, then its data keys are
//! wrapped. All writes made meanwhile arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use umoja_reconciler::{Backfill, BackfillReport};
use umoja_schema::{Credentials, IdentifierItem, Log, Millis, Part, PartRecord, UserId};
use umoja_store::Home;
use umoja_store::apply::apply_replicated;
use umoja_store::digest::Digest;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock as _, Commit, IdentifierWrite, LinkedAccountWrite, Logs as _, Users as _, Writes};
use umoja_store::replicate::confirmation_key;
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_tests::world::{World, killed_after, run};

/// The joining region.
const NEW: usize = 2;

/// A world in which the last region is not a peer of the others yet.
struct Joining {
    world: World,
    /// The configuration of the regions once they know the new one.
    homes: Vec<Home>,
    users: Vec<UserId>,
    /// When the last region had read the settings.
    since: Millis,
}

impl Joining {
    /// With N users, some of them in conflict, renamed or erased.
    async fn new(seed: u64, users: usize) -> Self {
        let world = World::new(seed, 3).await;
        let homes: Vec<Home> = world.regions.iter().map(|region| region.home.clone()).collect();
        let mut joining = Self { world, homes, users: Vec::new(), since: Millis(0) };
        for at in 0..NEW {
            let mut home = joining.homes[at].clone();
            home.peers.retain(|peer| peer.ports.name != *joining.world.name(NEW));
            joining.world.regions[at].run_with(home);
        }
        for n in 0..users {
            // Two regions register the same address, and one user loses it.
            let email = format!("user{}@example.com", n / 2);
            joining.users.push(joining.world.register(n % 2, &email, "phc").await.unwrap());
        }
        joining.world.settle().await;
        for n in 0..users / 10 {
            let world = &joining.world;
            world.erase(n % 2, joining.users[n * 10]).await.unwrap();
            world.rename(n % 2, joining.users[n * 10 + 1], &format!("new{n}@example.com")).await.unwrap();
        }
        joining.world.settle().await;
        joining
    }

    /// A region reads the settings, which now list the new region.
    fn introduce(&mut self, at: usize) {
        self.world.regions[at].run_with(self.homes[at].clone());
        self.since = self.world.clock.now();
        self.world.clock.advance(1);
    }

    fn begin(&self, at: usize) -> Backfill<'_> {
        Backfill::new(&self.world.regions[at].home, self.world.name(NEW), self.since).unwrap()
    }

    /// A pass over the items of a region.
    async fn pass(&self, at: usize) -> BackfillReport {
        let mut backfill = self.begin(at);
        while backfill.step().await.unwrap() {}
        backfill.report().clone()
    }

    /// As the operator's command does: passes, with repairs between them, until one finds no missing item.
    async fn backfill(&self) {
        for at in 0..NEW {
            let mut passes = 0;
            while !self.pass(at).await.is_complete() {
                self.world.settle().await;
                passes += 1;
                assert!(passes < 5, "region {at} is never complete");
            }
        }
    }

    async fn parts(&self, at: usize) -> u64 {
        Digest::of(&self.world.regions[at].tables.ports(&self.world.regions[at].store), 3).await.unwrap().parts
    }
}

/// Failure: new region added
#[test]
fn a_joining_region_gets_all_earlier_writes() {
    run(async {
        let mut joining = Joining::new(1, 60).await;
        assert_eq!(joining.parts(NEW).await, 0, "no other region knows it");
        (0..NEW).for_each(|at| joining.introduce(at));
        let first = joining.pass(0).await;
        assert_eq!((first.parts, first.parts_replicated, first.unwrapped), (120, 120, 108), "12 are tombstones");
        assert!(first.rows_replicated > 0 && !first.is_complete());
        joining.world.settle().await;
        let second = joining.pass(0).await;
        assert_eq!((second.missing, second.unwrapped, second.parts_replicated), (0, 0, 0), "{second:?}");
        joining.backfill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
        // Erasures are confirmed, and the new region has the same receipts.
        let [old, new] = [0, NEW].map(|at| &joining.world.regions[at].store);
        let receipts = old.rows(Log::Receipts, joining.users[0]).await.unwrap();
        assert!(
            receipts.iter().any(|row| row.field("region") == Some(joining.world.name(NEW).as_str())),
            "{receipts:?}"
        );
        let keys = |rows: &[umoja_schema::LogRow]| rows.iter().map(|row| row.key.clone()).collect::<BTreeSet<_>>();
        assert_eq!(keys(&new.rows(Log::Receipts, joining.users[0]).await.unwrap()), keys(&receipts));
    });
}

/// Failure: new region added
#[test]
fn a_backfill_that_wraps_leaves_nothing_to_the_key_repair() {
    run(async {
        let mut joining = Joining::new(5, 40).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        let sealer = Arc::clone(&joining.world.regions[0].sealer);
        let mut backfill = joining.begin(0).wrapping(sealer);
        while backfill.step().await.unwrap() {}
        let first = backfill.report().clone();
        assert_eq!((first.parts, first.parts_replicated, first.unwrapped), (80, 80, 0), "{first:?}");
        let home = &joining.world.regions[0].home;
        assert_eq!(home.repairs.depth().await.unwrap().waiting, 0, "nothing was listed");
        // Every region has all wrapped keys, and the new one opens what is live.
        for at in 0..=NEW {
            let region = &joining.world.regions[at];
            for id in &joining.users {
                let parts = region.store.parts(*id).await.unwrap();
                let live = parts.credentials.as_ref().and_then(PartRecord::live);
                let Some(live) = live else { continue };
                assert_eq!(live.keys.len(), 3, "{at}: {id}");
                if at == NEW {
                    let record = region.home.own.users.part(*id, Part::Credentials).await.unwrap().unwrap();
                    region.sealer.open::<Credentials>(&record).await.unwrap();
                }
            }
        }
        joining.backfill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

/// Failure: new region added
#[test]
fn writes_made_during_a_backfill_all_arrive() {
    run(async {
        for seed in 0..3 {
            let mut joining = Joining::new(seed, 150).await;
            (0..NEW).for_each(|at| joining.introduce(at));
            let mut backfill = joining.begin(0);
            let (world, users) = (&joining.world, &joining.users);
            let mut steps = 0;
            while backfill.step().await.unwrap() {
                steps += 1;
                let at = steps % 2;
                // Writes to users whose page was already read, is being read or will be read.
                for n in (steps..users.len()).step_by(7).filter(|n| n % 10 != 0 && n % 10 != 3) {
                    world.edit(at, users[n], &format!("name{steps}")).await.unwrap();
                    world.set_password(1 - at, users[n], &format!("phc{steps}")).await.unwrap();
                }
                world.register(at, &format!("during{steps}@example.com"), "phc").await.unwrap();
                let gone = 10 * steps + 3;
                if gone < users.len() && world.erase(at, users[gone]).await.is_ok() {
                    world.register(1 - at, &format!("again{gone}@example.com"), "phc").await.unwrap();
                }
                if steps % 2 == 0 {
                    world.deliver().await;
                }
            }
            assert!(steps >= 4, "{steps}");
            joining.backfill().await;
            joining.world.settle().await;
            joining.world.check_invariants().await;
        }
    });
}

#[test]
fn a_killed_backfill_is_completed_by_the_next_run() {
    run(async {
        let mut joining = Joining::new(3, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.world.set_pausing(true);
        for polls in (1..400).step_by(9) {
            killed_after(polls, joining.pass(0)).await;
        }
        joining.world.set_pausing(false);
        joining.backfill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

#[test]
fn a_stored_but_unconfirmed_tombstone_is_confirmed() {
    run(async {
        let mut joining = Joining::new(7, 10).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        let (world, erased) = (&joining.world, joining.users[0]);
        // The run was killed between the replicated write and its confirmation.
        for part in Part::ALL {
            let tombstone = world.stored(0, erased, part).await.unwrap();
            apply_replicated(&*world.regions[NEW].tables.users, &tombstone, world.name(NEW)).await.unwrap();
        }
        joining.pass(0).await;
        for part in Part::ALL {
            let key = confirmation_key(world.name(NEW), part);
            assert!(world.regions[0].tables.logs.row(Log::Receipts, erased, &key).await.unwrap().is_some(), "{part}");
        }
    });
}

#[test]
fn an_item_only_a_peer_has_is_found_from_that_peer() {
    run(async {
        let mut joining = Joining::new(4, 10).await;
        joining.introduce(0);
        // A region with old settings writes, and cannot reach the region that is the source of the backfill.
        joining.world.set_cut(1, 0, true);
        let id = joining.world.register(1, "late@example.com", "phc").await.unwrap();
        joining.world.deliver().await;
        joining.introduce(1);
        assert!(!joining.pass(0).await.is_complete());
        assert_eq!(joining.world.stored(NEW, id, Part::Profile).await, None);
        let missing = joining.pass(1).await;
        assert!(missing.missing > 0 && joining.world.stored(NEW, id, Part::Profile).await.is_some());
        joining.world.set_cut(1, 0, false);
        joining.backfill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

#[test]
fn a_retried_page_is_counted_once() {
    run(async {
        let mut joining = Joining::new(5, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        let mut backfill = joining.begin(0);
        joining.world.set_down(NEW, true);
        assert!(backfill.step().await.unwrap_err().is_transient());
        joining.world.set_down(NEW, false);
        while backfill.step().await.unwrap() {}
        assert_eq!(backfill.report().parts, 40);
        assert!(
            Backfill::new(&joining.world.regions[0].home, joining.world.name(0), joining.since).is_none(),
            "a region is not its own peer"
        );
    });
}

#[test]
fn the_secrets_are_wrapped_unchanged_for_a_joining_region() {
    run(async {
        let world = World::new(6, 3).await;
        let ring = KeyRing::new(&world.regions[0].home, PEER_WRAP_BUDGET_MS);
        let whole = SecretsDocument::stored(&*world.regions[0].tables.registry).await.unwrap().unwrap();
        let mut document = whole.clone();
        for secret in document.index.iter_mut().chain(&mut document.signing).chain(&mut document.derivation) {
            secret.wrapped.remove(world.name(NEW));
        }
        let before = document.clone();
        assert!(document.wrap_for_all(&ring, &BTreeSet::new()).await.unwrap());
        document.sign(&ring).await.unwrap();
        assert!(!document.wrap_for_all(&ring, &BTreeSet::new()).await.unwrap(), "no secret is left to wrap");
        // An interrupted command leaves one region with the old document: both contain the same secrets.
        let mut merged = before.clone();
        assert!(merged.merge(&document, &ring).await.unwrap());
        merged.sign(&ring).await.unwrap();
        assert_eq!(merged, document);
        let other = SecretsDocument::create(&ring, Millis(1_800_000_000_000)).await.unwrap();
        assert!(!merged.merge(&other, &ring).await.unwrap(), "others, made in the same second");
        assert_eq!(merged, document);

        let mut world = world;
        world.regions[NEW]
            .tables
            .registry
            .put_setting(SETTING, &serde_json::to_value(&document).unwrap())
            .await
            .unwrap();
        (0..NEW).for_each(|at| world.regions[at].faults.kms.set_down(true));
        world.regions[NEW].load_secrets().await;
        let id = world.register(NEW, "ada@example.com", "phc").await.unwrap();
        assert!(world.read::<Credentials>(NEW, id).await.is_ok());
        assert!(world.regions[NEW].tables.users.parts(id).await.unwrap().version().is_some());
    });
}

#[test]
fn lost_identifiers_are_rebuilt_from_the_parts() {
    run(async {
        let mut joining = Joining::new(8, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.backfill().await;
        joining.world.settle().await;

        let store = &joining.world.regions[NEW].tables.users;
        let profile = store.part(joining.users[5], Part::Profile).await.unwrap().unwrap();
        let indexes: Vec<_> = profile.ownerships().keys().copied().collect();
        let ownerships = store.ownerships(&indexes).await.unwrap().into_iter().map(|before| {
            let after = IdentifierItem::unowned(before.index);
            IdentifierWrite { before, after }
        });
        let lost = Writes { ownerships: ownerships.collect(), ..Writes::default() };
        assert_eq!(store.commit(&lost).await, Ok(Commit::Done));

        assert!(joining.pass(0).await.is_complete(), "the parts are there");
        let mut backfill = joining.begin(0).deriving();
        while backfill.step().await.unwrap() {}
        assert!(backfill.report().missing > 0, "ownerships are checked on request");
        let mut again = joining.begin(0).deriving();
        while again.step().await.unwrap() {}
        assert!(again.report().is_complete(), "{:?}", again.report());
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

/// Failure: new region added
#[test]
fn a_rotation_also_checks_a_joining_region() {
    run(async {
        let mut joining = Joining::new(9, 30).await;
        joining.world.rotate_index().await.unwrap();
        joining.world.reload().await;
        // Some profiles have ownerships under both keys; the new region gets both kinds.
        killed_after(25, joining.world.reencrypt_profiles()).await;
        for at in 0..NEW {
            joining.introduce(at);
        }
        assert!(!joining.pass(0).await.is_complete());
        let late = joining.world.register(1, "late@example.com", "phc").await.unwrap();
        let pass = joining.world.reencrypt_profiles().await.unwrap();
        assert!(pass.on_their_way > 0 && !pass.is_complete(), "the new region's items are behind: {pass:?}");
        joining.backfill().await;
        joining.world.settle().await;
        joining.world.finish_index_rotation().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
        for id in [late, joining.users[5]] {
            let profile = joining.world.stored(NEW, id, Part::Profile).await.unwrap();
            assert!(profile.ownerships().values().all(|ownership| ownership.key_version == 2));
        }
        assert_eq!(joining.world.find(NEW, "late@example.com").await, Some(late));
    });
}

#[test]
fn lost_pointers_are_rebuilt_from_the_parts() {
    run(async {
        let mut joining = Joining::new(9, 20).await;
        let (primary, linked) = (joining.users[1], joining.users[2]);
        joining.world.merge(0, linked, Some(primary)).await.unwrap();
        joining.world.deliver().await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.backfill().await;
        let store = &joining.world.regions[NEW].tables.users;
        assert_eq!(store.linked_accounts(primary).await, Ok(vec![linked]));
        let linked_accounts = vec![LinkedAccountWrite { primary, linked, present: false }];
        assert_eq!(store.commit(&Writes { linked_accounts, ..Writes::default() }).await, Ok(Commit::Done));

        assert!(joining.pass(0).await.is_complete(), "the parts are there");
        let mut backfill = joining.begin(0).deriving();
        while backfill.step().await.unwrap() {}
        assert_eq!(backfill.report().missing, 1, "pointers are checked on request");
        assert_eq!(store.linked_accounts(primary).await, Ok(vec![linked]));
        let mut again = joining.begin(0).deriving();
        while again.step().await.unwrap() {}
        assert!(again.report().is_complete(), "{:?}", again.report());
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}
