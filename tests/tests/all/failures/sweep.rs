//! What nobody remembers any more: found and mended by the sweep.

use std::collections::BTreeMap;

use proptest::prelude::*;
use umoja_reconciler::{Difference, ON_ITS_WAY_MS, Sweep, SweepEnd, SweepReport, SweepRun};
use umoja_schema::{Attributes, BlindIndex, ClaimItem, Hlc, Identity, Log, LogRow, Millis, Part, PartRecord, UserId};
use umoja_store::faulty::Fault;
use umoja_store::ports::{ClaimWrite, Clock as _, Commit, Logs as _, Users as _, Writes};
use umoja_tests::world::{SWEEP, World, killed_after, run};

/// Users of every region that all regions hold.
async fn populated(seed: u64, regions: usize, users: usize) -> (World, Vec<UserId>) {
    let world = World::new(seed, regions).await;
    let mut ids = Vec::new();
    for n in 0..users {
        ids.push(world.register(n % regions, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    world.settle().await;
    (world, ids)
}

fn total(runs: &[SweepRun]) -> SweepReport {
    let mut total = SweepReport::default();
    runs.iter().for_each(|run| total.add(&run.report));
    total
}

/// Writes that any region was asked for, its own tables included, and what sweeps keep of themselves left out.
fn writes(world: &World) -> u64 {
    let of = |calls: BTreeMap<&str, u64>| {
        ["commit", "append", "add_wrapped_key", "derive", "send"].iter().filter_map(|name| calls.get(name)).sum::<u64>()
    };
    world.regions.iter().flat_map(|region| region.faults.all()).map(|faults| of(faults.calls())).sum()
}

fn scans(world: &World, at: usize) -> u64 {
    world.regions[at].faults.tables.calls().get("scan").copied().unwrap_or_default()
}

#[test]
fn what_a_stream_forgot_arrives_by_the_sweep() {
    run(async {
        let (world, ids) = populated(1, 3, 6).await;
        world.rename(0, ids[0], "renamed@example.com").await.unwrap();
        world.set_password(1, ids[1], "changed").await.unwrap();
        world.erase(0, ids[2]).await.unwrap();
        world.register(0, "eve@example.com", "phc").await.unwrap();
        // The stream forgets after a day, and nothing has read it.
        world.clock.advance(25 * 60 * 60 * 1000);
        for at in 0..3 {
            world.skip_stream(at).await;
        }
        world.settle().await;
        assert_ne!(world.digests().await[0], world.digests().await[1]);
        let runs = world.sweep().await;
        assert!(runs.iter().all(|run| run.ended == SweepEnd::Done), "{runs:?}");
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(world.find(2, "renamed@example.com").await, Some(ids[0]));
        assert_eq!(world.find(2, "user2@example.com").await, None);
        // The receipt and who confirmed the erasure are everywhere too.
        let mut receipts = Vec::new();
        for region in &world.regions {
            receipts.push(region.store.rows(Log::Receipts, ids[2]).await.unwrap());
        }
        assert!(receipts[0].len() == 5 && receipts.iter().all(|rows| *rows == receipts[0]), "{receipts:?}");
    });
}

#[test]
fn what_was_purged_from_the_queues_arrives_by_the_sweep() {
    run(async {
        let (world, ids) = populated(2, 2, 4).await;
        world.set_cut(0, 1, true);
        world.edit(0, ids[0], "Ada").await.unwrap();
        world.erase(0, ids[1]).await.unwrap();
        world.regions[1].faults.kms.set_down(true);
        world.edit(0, ids[2], "Eve").await.unwrap();
        world.rounds(2).await;
        assert!(world.backlog(0, 1).await.waiting > 0 && world.unrepaired(0).await.waiting > 0);
        world.purge(0).await;
        world.set_cut(0, 1, false);
        world.regions[1].faults.kms.set_down(false);
        world.settle().await;
        assert_ne!(world.digests().await[0], world.digests().await[1]);
        world.sweep().await;
        assert!(world.unrepaired(0).await.waiting > 0, "the missing key is listed again");
        world.settle().await;
        world.check_invariants().await;
        assert!(world.read::<Identity>(1, ids[2]).await.is_ok());
    });
}

#[test]
fn what_a_dead_region_wrote_is_brought_to_the_others_by_whoever_has_it() {
    run(async {
        let (world, ids) = populated(3, 3, 3).await;
        // The third region's writes reach the first only, and then it is gone.
        world.set_cut(2, 1, true);
        world.edit(2, ids[0], "written in the third").await.unwrap();
        world.erase(2, ids[1]).await.unwrap();
        world.rounds(2).await;
        world.purge(2).await;
        world.set_down(2, true);
        world.clock.advance(ON_ITS_WAY_MS + 1);
        let runs = world.regions[1].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
        let ended = |run: &SweepRun| (run.peer.as_ref().map(ToString::to_string), run.ended);
        let ended: BTreeMap<_, _> = runs.iter().map(ended).collect();
        assert_eq!(ended[&Some(world.name(0).to_string())], SweepEnd::Done);
        assert_eq!(ended[&Some(world.name(2).to_string())], SweepEnd::PeerDown);
        assert_eq!(ended[&None], SweepEnd::Done);
        for part in Part::ALL {
            assert_eq!(world.stored(1, ids[1], part).await, world.stored(0, ids[1], part).await);
        }
        let identity: Identity = world.read(1, ids[0]).await.unwrap();
        assert_eq!(identity.profile.given_name.as_deref(), Some("written in the third"));
        world.set_down(2, false);
        world.set_cut(2, 1, false);
        world.settle().await;
        world.sweep().await;
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_sweep_of_equal_regions_writes_nothing_and_reads_each_table_once() {
    run(async {
        let (world, _) = populated(4, 2, 30).await;
        world.reset_calls();
        let runs = world.sweep().await;
        assert_eq!(writes(&world), 0);
        let report = total(&runs);
        assert_eq!((report.found, report.differing, report.young), (0, 0, 0));
        // Each of two regions: once within itself, once with its peer, and once as the other's peer.
        assert_eq!((scans(&world, 0), scans(&world, 1)), (3, 3));
        assert_eq!(world.sends(), 0);
    });
}

#[test]
fn a_sweep_writes_what_differs_and_reads_both_sides_twice_at_most() {
    run(async {
        let (world, ids) = populated(5, 2, 200).await;
        for n in 0..7 {
            world.edit(0, ids[n], "changed").await.unwrap();
        }
        world.skip_stream(0).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.reset_calls();
        let (home, peer) = (&world.regions[0].home, world.name(1).clone());
        let mut pass = Sweep::with_peer(home, &peer).unwrap();
        let mut found = Vec::new();
        while !pass.is_done() {
            found.extend(pass.step().await.unwrap());
        }
        assert_eq!((found.len(), pass.report().pushed, pass.report().mended()), (7, 7, 7));
        assert_eq!(writes(&world), 2 * 7, "the table's own faults and those of the way to it count the same writes");
        assert_eq!((scans(&world, 0), scans(&world, 1)), (2, 2));
        // What is read item by item belongs to buckets that differ.
        let calls = world.regions[0].faults.links[&peer].calls();
        assert!(calls["part"] < 40, "{calls:?}");
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn what_is_younger_than_a_minute_is_left_to_those_who_are_bringing_it() {
    run(async {
        let (world, ids) = populated(6, 2, 3).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.edit(0, ids[0], "on its way").await.unwrap();
        world.reset_calls();
        let runs = world.regions[1].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
        assert_eq!(writes(&world), 0);
        let report = total(&runs);
        // The other side still has the version before, which is old enough.
        assert_eq!((report.found, report.young, report.differing), (0, 1, 1));
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn writes_of_a_clock_that_is_slow_are_copied_early_and_of_one_that_is_fast_late() {
    run(async {
        for skew in [-600_000, 240_000] {
            let (world, ids) = populated(7, 2, 2).await;
            world.regions[0].clock.set_skew(skew);
            world.clock.advance(2 * 600_000);
            world.edit(0, ids[0], "skewed").await.unwrap();
            let runs = world.regions[1].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
            assert_eq!(total(&runs).pulled, u64::from(skew < 0));
            world.regions[0].clock.set_skew(0);
            world.settle().await;
            world.check_invariants().await;
        }
    });
}

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
            let ended = umoja_tests::world::polled(polls, passing.as_mut()).await.is_some();
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
fn rows_that_one_region_lacks_are_appended_whoever_wrote_them() {
    run(async {
        let (world, ids) = populated(11, 3, 2).await;
        let row = |key: &str| LogRow {
            user: ids[0],
            key: key.to_owned(),
            at: Hlc::at(Millis(1_700_000_000_000)),
            origin: world.name(2).clone(),
            kind: "test".into(),
            fields: Attributes::new(),
        };
        for (log, at) in [(Log::Journal, 0), (Log::Receipts, 1), (Log::Audit, 0)] {
            world.regions[at].store.append(log, &row("only here")).await.unwrap();
            // The same event, noted at another time: no difference.
            let later = LogRow { at: Hlc::at(Millis(1_700_000_000_001)), ..row("twice") };
            world.regions[0].store.append(log, &row("twice")).await.unwrap();
            world.regions[1].store.append(log, &later).await.unwrap();
            world.regions[2].store.append(log, &later).await.unwrap();
        }
        let report = total(&world.sweep().await);
        assert_eq!(
            (report.found, report.rows_pushed + report.rows_pulled),
            (6, 6),
            "each into two regions: {report:?}"
        );
        for region in &world.regions {
            for log in Log::ALL {
                assert_eq!(region.store.rows(log, ids[0]).await.unwrap().len(), 2, "{}", region.name);
            }
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

#[test]
fn wrapped_keys_that_each_side_lacks_are_united_and_those_of_a_removed_region_are_nothing_to_lack() {
    run(async {
        let (world, ids) = populated(13, 2, 2).await;
        let strip = async |at: usize, lost: usize, extra: Option<&str>| {
            let mut record = world.stored(at, ids[0], Part::Profile).await.unwrap();
            let umoja_schema::Body::Live(live) = &mut record.body else { panic!() };
            live.keys.remove(world.name(lost));
            live.keys.extend(extra.map(|name| (name.parse().unwrap(), vec![1])));
            overwrite(&world, at, record).await;
        };
        strip(0, 0, None).await;
        strip(1, 1, None).await;
        let report = total(&world.sweep().await);
        assert!(report.pushed + report.pulled >= 2, "{report:?}");
        world.settle().await;
        world.check_invariants().await;

        let mut record = world.stored(0, ids[1], Part::Profile).await.unwrap();
        let umoja_schema::Body::Live(live) = &mut record.body else { panic!() };
        live.keys.insert("long-gone-1".parse().unwrap(), vec![1]);
        overwrite(&world, 0, record).await;
        assert_eq!(total(&world.sweep().await).differing, 0);
    });
}

/// Stores a record over the one of the same version.
async fn overwrite(world: &World, at: usize, record: PartRecord) {
    use umoja_store::ports::{Condition, PartWrite};
    let condition = Condition::VersionIs(record.version.clone());
    let parts = vec![PartWrite { record, condition }];
    let writes = Writes { parts, ..Writes::default() };
    assert_eq!(world.regions[at].store.commit(&writes).await, Ok(Commit::Done));
    world.skip_stream(at).await;
}

#[test]
fn an_interrupted_sweep_goes_on_where_it_was() {
    run(async {
        let (world, ids) = populated(14, 2, 700).await;
        world.edit(0, ids[699], "the last").await.unwrap();
        world.skip_stream(0).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        let pump = &world.regions[0].pump;
        // Three pages a side. Time passes with every wait, and is over after a few steps.
        let mut all = Vec::new();
        for _ in 0..40 {
            world.reset_calls();
            let until = world.regions[0].clock.now().plus(25);
            let ticking = async {
                loop {
                    umoja_tests::world::polled(1, Box::pin(std::future::pending::<()>()).as_mut()).await;
                    world.clock.advance(1);
                }
            };
            world.set_pausing(true);
            let runs = tokio::select! {
                runs = pump.sweep(&SWEEP, until) => runs,
                () = ticking => unreachable!(),
            };
            world.set_pausing(false);
            assert!(scans(&world, 0) <= 6, "one run does a few steps");
            let done = runs.iter().filter(|run| run.ended == SweepEnd::Done).count();
            all.extend(runs);
            if done > 0 && all.iter().any(|run| run.ended == SweepEnd::Done && run.peer.is_some()) {
                break;
            }
        }
        let whole = all.iter().find(|run| run.ended == SweepEnd::Done && run.peer.is_some()).expect("it ends");
        assert!(all.iter().any(|run| run.ended == SweepEnd::OutOfTime), "it was interrupted");
        assert_eq!((whole.report.own, whole.report.pushed), (1400, 1), "nothing was counted twice");
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_sweep_whose_state_is_lost_or_unreadable_starts_over() {
    use umoja_store::ports::Sweeps as _;
    run(async {
        let (world, ids) = populated(15, 2, 3).await;
        world.edit(0, ids[0], "Ada").await.unwrap();
        world.skip_stream(0).await;
        let name = format!("peer/{}", world.name(1));
        for garbage in [&b""[..], b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x0c{\"format\":9}"] {
            world.regions[0].store.put_sweep(&name, garbage).await.unwrap();
            let runs = world.sweep().await;
            assert!(runs.iter().all(|run| run.ended == SweepEnd::Done), "{runs:?}");
        }
        world.regions[0].faults.sweeps.set_down(true);
        assert!(world.sweep().await.iter().all(|run| run.ended == SweepEnd::Done));
        world.regions[0].faults.sweeps.set_down(false);
        world.check_invariants().await;
    });
}

#[test]
fn a_pass_is_due_again_when_the_last_one_is_old_enough() {
    run(async {
        let (world, _) = populated(16, 2, 1).await;
        let settings = umoja_reconciler::SweepSettings { every_ms: 3_600_000, ..SWEEP };
        let ends = async || {
            let runs = world.regions[0].pump.sweep(&settings, Millis(u64::MAX)).await;
            runs.into_iter().map(|run| run.ended).collect::<Vec<_>>()
        };
        assert_eq!(ends().await, [SweepEnd::Done; 2]);
        world.clock.advance(3_599_999);
        assert_eq!(ends().await, [SweepEnd::NotDue; 2]);
        world.clock.advance(1);
        assert_eq!(ends().await, [SweepEnd::Done; 2]);
    });
}

#[test]
fn a_table_that_throttles_or_fails_breaks_a_pass_off_and_the_next_run_ends_it() {
    run(async {
        for fault in [Fault::Throttled, Fault::RequestLost, Fault::AnswerLost] {
            for at in 0..12 {
                let (world, ids) = populated(17, 2, 4).await;
                world.edit(0, ids[0], "Ada").await.unwrap();
                world.edit(1, ids[1], "Eve").await.unwrap();
                world.skip_stream(0).await;
                world.skip_stream(1).await;
                world.clock.advance(ON_ITS_WAY_MS + 1);
                let faults = &world.regions[0].faults.links[world.name(1)];
                faults.then([Fault::None; 12].into_iter().take(at + 1).chain([fault]));
                world.regions[0].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
                world.regions[0].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
                world.check_invariants().await;
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sweeps_killed_at_any_await_among_writes_lose_nothing_and_bring_all_together(
        seed: u64,
        acts in prop::collection::vec((0usize..6, 0usize..3, 0usize..150), 1..30),
    ) {
        run(async {
            let (world, ids) = populated(seed, 3, 5).await;
            world.set_pausing(true);
            for (act, at, polls) in &acts {
                let id = ids[polls % ids.len()];
                match act {
                    0 => drop(killed_after(*polls, world.edit(*at, id, "edited")).await),
                    1 => drop(killed_after(*polls, world.rename(*at, id, &format!("new{}@example.com", polls % 7))).await),
                    2 if polls % 9 == 0 => drop(killed_after(*polls, world.erase(*at, id)).await),
                    3 => world.skip_stream(*at).await,
                    4 => world.clock.advance(ON_ITS_WAY_MS),
                    _ => drop(killed_after(*polls, world.regions[*at].pump.sweep(&SWEEP, Millis(u64::MAX))).await),
                }
            }
            world.set_pausing(false);
            world.settle().await;
            // Twice: what one region got from the second, the first may have had from the third.
            world.sweep().await;
            world.sweep().await;
            world.settle().await;
            world.check_invariants().await;
            let report = total(&world.sweep().await);
            assert_eq!((report.found, report.differing), (0, 0));
        });
    }
}
