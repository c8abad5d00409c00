//! A region that joins: its peers send it what they write, then it is filled with what they hold, then its keys are
//! wrapped. Writes made meanwhile all arrive.

use std::collections::BTreeSet;

use umoja_reconciler::{Fill, FillReport};
use umoja_schema::{ClaimItem, Credentials, Log, Millis, Part, UserId};
use umoja_store::Home;
use umoja_store::apply::apply_copy;
use umoja_store::copy::confirmation_key;
use umoja_store::digest::Digest;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{ClaimWrite, Clock as _, Commit, Logs as _, MemberWrite, Registry as _, Users as _, Writes};
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_tests::world::{World, killed_after, run};

/// The region that joins.
const NEW: usize = 2;

/// A world of which the last region is not a peer of the others yet.
struct Joining {
    world: World,
    /// What the regions run with once they know of it.
    homes: Vec<Home>,
    users: Vec<UserId>,
    /// When the last region had read of it.
    since: Millis,
}

impl Joining {
    /// With so many users, some of them in conflict with each other, renamed and erased.
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
            // Two regions register the same address: one of them loses it.
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

    /// A region reads the settings, which say now that there is a new one.
    fn introduce(&mut self, at: usize) {
        self.world.regions[at].run_with(self.homes[at].clone());
        self.since = self.world.clock.now();
        self.world.clock.advance(1);
    }

    fn begin(&self, at: usize) -> Fill<'_> {
        Fill::new(&self.world.regions[at].home, self.world.name(NEW), self.since).unwrap()
    }

    /// A pass over what a region holds.
    async fn pass(&self, at: usize) -> FillReport {
        let mut fill = self.begin(at);
        while fill.step().await.unwrap() {}
        fill.report().clone()
    }

    /// What the operator's command does: passes, with repairs between them, until one finds nothing missing.
    async fn fill(&self) {
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
        Digest::of(&self.world.regions[at].store.ports(), 3).await.unwrap().parts
    }
}

/// Failure: new region added
#[test]
fn a_region_that_joins_gets_everything_that_was_written_before() {
    run(async {
        let mut joining = Joining::new(1, 60).await;
        assert_eq!(joining.parts(NEW).await, 0, "nobody knows of it");
        (0..NEW).for_each(|at| joining.introduce(at));
        let first = joining.pass(0).await;
        assert_eq!((first.parts, first.parts_copied, first.unwrapped), (120, 120, 108), "12 are tombstones");
        assert!(first.rows_copied > 0 && !first.is_complete());
        joining.world.settle().await;
        let second = joining.pass(0).await;
        assert_eq!((second.missing, second.unwrapped, second.parts_copied), (0, 0, 0), "{second:?}");
        joining.fill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
        // Erasures are confirmed, and the new region shows the same receipts.
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
fn writes_made_while_a_region_is_filled_all_arrive() {
    run(async {
        for seed in 0..3 {
            let mut joining = Joining::new(seed, 150).await;
            (0..NEW).for_each(|at| joining.introduce(at));
            let mut fill = joining.begin(0);
            let (world, users) = (&joining.world, &joining.users);
            let mut steps = 0;
            while fill.step().await.unwrap() {
                steps += 1;
                let at = steps % 2;
                // Of users whose page was read, is being read, and will be.
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
            joining.fill().await;
            joining.world.settle().await;
            joining.world.check_invariants().await;
        }
    });
}

#[test]
fn a_copy_that_is_killed_anywhere_is_done_by_the_next() {
    run(async {
        let mut joining = Joining::new(3, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.world.set_pausing(true);
        for polls in (1..400).step_by(9) {
            killed_after(polls, joining.pass(0)).await;
        }
        joining.world.set_pausing(false);
        joining.fill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

#[test]
fn a_tombstone_that_is_there_and_not_confirmed_is_confirmed() {
    run(async {
        let mut joining = Joining::new(7, 10).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        let (world, erased) = (&joining.world, joining.users[0]);
        // Killed between the copy and its confirmation.
        for part in Part::ALL {
            let tombstone = world.stored(0, erased, part).await.unwrap();
            apply_copy(&world.regions[NEW].store, &tombstone, world.name(NEW)).await.unwrap();
        }
        joining.pass(0).await;
        for part in Part::ALL {
            let key = confirmation_key(world.name(NEW), part);
            assert!(world.regions[0].store.row(Log::Receipts, erased, &key).await.unwrap().is_some(), "{part}");
        }
    });
}

#[test]
fn what_only_another_region_holds_is_found_by_the_pass_over_that_one() {
    run(async {
        let mut joining = Joining::new(4, 10).await;
        joining.introduce(0);
        // A region that has not read the settings yet writes, and cannot reach the one that is copied from.
        joining.world.set_cut(1, 0, true);
        let id = joining.world.register(1, "late@example.com", "phc").await.unwrap();
        joining.world.deliver().await;
        joining.introduce(1);
        assert!(!joining.pass(0).await.is_complete());
        assert_eq!(joining.world.stored(NEW, id, Part::Profile).await, None);
        let missing = joining.pass(1).await;
        assert!(missing.missing > 0 && joining.world.stored(NEW, id, Part::Profile).await.is_some());
        joining.world.set_cut(1, 0, false);
        joining.fill().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

#[test]
fn a_page_that_failed_comes_again_and_is_counted_once() {
    run(async {
        let mut joining = Joining::new(5, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        let mut fill = joining.begin(0);
        joining.world.set_down(NEW, true);
        assert!(fill.step().await.unwrap_err().is_transient());
        joining.world.set_down(NEW, false);
        while fill.step().await.unwrap() {}
        assert_eq!(fill.report().parts, 40);
        assert!(
            Fill::new(&joining.world.regions[0].home, joining.world.name(0), joining.since).is_none(),
            "it is no peer of itself"
        );
    });
}

#[test]
fn the_secrets_are_wrapped_for_a_region_that_joins_and_stay_the_same() {
    run(async {
        let world = World::new(6, 3).await;
        let ring = KeyRing::new(&world.regions[0].home, PEER_WRAP_BUDGET_MS);
        let whole = SecretsDocument::stored(&world.regions[0].store).await.unwrap().unwrap();
        let mut document = whole.clone();
        for secret in document.index.iter_mut().chain(&mut document.signing).chain(&mut document.derivation) {
            secret.wrapped.remove(world.name(NEW));
        }
        let before = document.clone();
        assert!(document.wrap_for_all(&ring, &BTreeSet::new()).await.unwrap());
        assert!(!document.wrap_for_all(&ring, &BTreeSet::new()).await.unwrap(), "there is nothing left to wrap");
        // An interrupted command leaves one region with the old copy: both are of the same secrets.
        let mut merged = before.clone();
        assert!(merged.merge(&document, &ring).await.unwrap());
        assert_eq!(merged, document);
        let other = SecretsDocument::create(&ring, Millis(1_800_000_000_000)).await.unwrap();
        assert!(!merged.merge(&other, &ring).await.unwrap(), "others, made in the same second");
        assert_eq!(merged, document);

        let mut world = world;
        world.regions[NEW].store.put_setting(SETTING, &serde_json::to_value(&document).unwrap()).await.unwrap();
        (0..NEW).for_each(|at| world.regions[at].faults.kms.set_down(true));
        world.regions[NEW].load_secrets().await;
        let id = world.register(NEW, "ada@example.com", "phc").await.unwrap();
        assert!(world.read::<Credentials>(NEW, id).await.is_ok());
        assert!(world.regions[NEW].store.parts(id).await.unwrap().version().is_some());
    });
}

#[test]
fn claims_that_were_lost_are_derived_again_from_the_parts_that_are_there() {
    run(async {
        let mut joining = Joining::new(8, 20).await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.fill().await;
        joining.world.settle().await;

        let store = &joining.world.regions[NEW].store;
        let profile = store.part(joining.users[5], Part::Profile).await.unwrap().unwrap();
        let indexes: Vec<_> = profile.claims().keys().copied().collect();
        let claims = store.claims(&indexes).await.unwrap().into_iter().map(|before| {
            let after = ClaimItem::unclaimed(before.index);
            ClaimWrite { before, after }
        });
        let lost = Writes { claims: claims.collect(), ..Writes::default() };
        assert_eq!(store.commit(&lost).await, Ok(Commit::Done));

        assert!(joining.pass(0).await.is_complete(), "the parts are there");
        let mut fill = joining.begin(0).deriving();
        while fill.step().await.unwrap() {}
        assert!(fill.report().missing > 0, "and their claims are looked at when asked for");
        let mut again = joining.begin(0).deriving();
        while again.step().await.unwrap() {}
        assert!(again.report().is_complete(), "{:?}", again.report());
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}

/// Failure: new region added
#[test]
fn a_region_that_joins_while_the_index_key_is_rotated_is_looked_at_too() {
    run(async {
        let mut joining = Joining::new(9, 30).await;
        joining.world.rotate_index().await.unwrap();
        joining.world.reload().await;
        // Some profiles have claims under both keys, and the new region gets both kinds.
        killed_after(25, joining.world.rewrite_claims()).await;
        for at in 0..NEW {
            joining.introduce(at);
        }
        assert!(!joining.pass(0).await.is_complete());
        let late = joining.world.register(1, "late@example.com", "phc").await.unwrap();
        let pass = joining.world.rewrite_claims().await.unwrap();
        assert!(pass.on_their_way > 0 && !pass.is_complete(), "what the new region holds is behind: {pass:?}");
        joining.fill().await;
        joining.world.settle().await;
        joining.world.finish_index_rotation().await;
        joining.world.settle().await;
        joining.world.check_invariants().await;
        for id in [late, joining.users[5]] {
            let profile = joining.world.stored(NEW, id, Part::Profile).await.unwrap();
            assert!(profile.claims().values().all(|claim| claim.key_version == 2));
        }
        assert_eq!(joining.world.find(NEW, "late@example.com").await, Some(late));
    });
}

#[test]
fn pointers_that_a_region_lost_are_derived_again_from_its_parts() {
    run(async {
        let mut joining = Joining::new(9, 20).await;
        let (root, member) = (joining.users[1], joining.users[2]);
        joining.world.merge(0, member, Some(root)).await.unwrap();
        joining.world.deliver().await;
        (0..NEW).for_each(|at| joining.introduce(at));
        joining.fill().await;
        let store = &joining.world.regions[NEW].store;
        assert_eq!(store.members(root).await, Ok(vec![member]));
        let members = vec![MemberWrite { root, member, present: false }];
        assert_eq!(store.commit(&Writes { members, ..Writes::default() }).await, Ok(Commit::Done));

        assert!(joining.pass(0).await.is_complete(), "the parts are there");
        let mut fill = joining.begin(0).deriving();
        while fill.step().await.unwrap() {}
        assert_eq!(fill.report().missing, 1, "and the pointer is looked at when asked for");
        assert_eq!(store.members(root).await, Ok(vec![member]));
        let mut again = joining.begin(0).deriving();
        while again.step().await.unwrap() {}
        assert!(again.report().is_complete(), "{:?}", again.report());
        joining.world.settle().await;
        joining.world.check_invariants().await;
    });
}
