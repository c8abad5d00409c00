//! Sweeps that are broken off, and those that are not due.

use proptest::prelude::*;
use umoja_reconciler::{ON_ITS_WAY_MS, SweepEnd, SweepSettings};
use umoja_schema::{Log, Millis};
use umoja_store::faulty::Fault;
use umoja_store::ports::{Clock as _, Logs as _, Sweeps as _};
use umoja_tests::world::{SWEEP, killed_after, polled, run};

use super::{populated, scans, total};

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
                    polled(1, Box::pin(std::future::pending::<()>()).as_mut()).await;
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
        assert_eq!((whole.report.own, whole.report.pushed), (2100, 1), "nothing was counted twice");
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_sweep_whose_state_is_lost_or_unreadable_starts_over() {
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
fn an_erasure_that_a_killed_sweep_brought_is_confirmed_all_the_same() {
    run(async {
        for polls in 0.. {
            let (world, ids) = populated(19, 2, 2).await;
            world.erase(0, ids[0]).await.unwrap();
            world.skip_stream(0).await;
            world.clock.advance(ON_ITS_WAY_MS + 1);
            world.set_pausing(true);
            let ended = killed_after(polls, world.regions[polls % 2].pump.sweep(&SWEEP, Millis(u64::MAX))).await;
            world.set_pausing(false);
            world.sweep().await;
            world.settle().await;
            world.sweep().await;
            for region in &world.regions {
                for part in umoja_schema::Part::ALL {
                    let key = umoja_store::copy::confirmation_key(world.name(1), part);
                    let row = region.store.row(Log::Receipts, ids[0], &key).await.unwrap();
                    assert!(row.is_some(), "killed after {polls}: {} lacks {key}", region.name);
                }
            }
            if ended.is_some() && polls > 40 {
                break;
            }
        }
    });
}

#[test]
fn what_was_too_young_to_be_compared_is_not_said_to_be_in_both() {
    run(async {
        let (world, _) = populated(20, 2, 1).await;
        let last = async || {
            world.regions[0].pump.sweep(&SWEEP, Millis(u64::MAX)).await;
            let last = umoja_reconciler::last_sweeps(&world.regions[0].home, &[world.name(1).clone()]).await.unwrap();
            last[1].1.unwrap()
        };
        world.clock.advance(ON_ITS_WAY_MS + 1);
        assert!(last().await.converged_as_of().is_some());
        // The peer lacks a user who is old, and of whom there is a young version.
        let id = world.register(0, "new@example.com", "phc").await.unwrap();
        world.clock.advance(ON_ITS_WAY_MS + 1);
        for part in umoja_schema::Part::ALL {
            assert!(world.stored(0, id, part).await.is_some());
        }
        world.edit(0, id, "young").await.unwrap();
        world.set_password(0, id, "young").await.unwrap();
        world.skip_stream(0).await;
        assert_eq!(last().await.converged_as_of(), None);
    });
}

#[test]
fn a_pass_is_due_again_when_the_last_one_is_old_enough() {
    run(async {
        let (world, _) = populated(16, 2, 1).await;
        let settings = SweepSettings { every_ms: 3_600_000, ..SWEEP };
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

    /// Failure: any function killed at any await
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
