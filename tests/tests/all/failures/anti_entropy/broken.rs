//! Anti-entropy passes that are interrupted, and passes that are not due.

use proptest::prelude::*;
use umoja_reconciler::{AntiEntropyEnd, AntiEntropySettings, ON_ITS_WAY_MS};
use umoja_schema::{Log, Millis};
use umoja_store::faulty::Fault;
use umoja_store::ports::{Checkpoints as _, Clock as _};
use umoja_tests::world::{ANTI_ENTROPY, killed_after, polled, run};

use super::{populated, scans, total};

#[test]
fn an_interrupted_pass_continues_from_its_checkpoint() {
    run(async {
        let (world, ids) = populated(14, 2, 700).await;
        world.edit(0, ids[699], "the last").await.unwrap();
        world.skip_stream(0).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        let pump = &world.regions[0].pump;
        // Three pages per side. Time passes with every wait, so the run ends after a few steps.
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
                runs = pump.anti_entropy(&ANTI_ENTROPY, until) => runs,
                () = ticking => unreachable!(),
            };
            world.set_pausing(false);
            assert!(scans(&world, 0) <= 6, "one run makes only a few steps");
            let done = runs.iter().filter(|run| run.ended == AntiEntropyEnd::Done).count();
            all.extend(runs);
            if done > 0 && all.iter().any(|run| run.ended == AntiEntropyEnd::Done && run.peer.is_some()) {
                break;
            }
        }
        let whole = all.iter().find(|run| run.ended == AntiEntropyEnd::Done && run.peer.is_some()).expect("it ends");
        assert!(all.iter().any(|run| run.ended == AntiEntropyEnd::OutOfTime), "it was interrupted");
        assert_eq!((whole.report.own, whole.report.pushed), (2100, 1), "no item was counted twice");
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_pass_without_a_readable_checkpoint_starts_over() {
    run(async {
        let (world, ids) = populated(15, 2, 3).await;
        world.edit(0, ids[0], "Ada").await.unwrap();
        world.skip_stream(0).await;
        let name = format!("peer/{}", world.name(1));
        for garbage in [&b""[..], b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x0c{\"format\":9}"] {
            world.regions[0].store.put_checkpoint(&name, garbage).await.unwrap();
            let runs = world.anti_entropy().await;
            assert!(runs.iter().all(|run| run.ended == AntiEntropyEnd::Done), "{runs:?}");
        }
        world.regions[0].faults.checkpoints.set_down(true);
        assert!(world.anti_entropy().await.iter().all(|run| run.ended == AntiEntropyEnd::Done));
        world.regions[0].faults.checkpoints.set_down(false);
        world.check_invariants().await;
    });
}

#[test]
fn an_erasure_replicated_by_a_killed_pass_is_confirmed() {
    run(async {
        for polls in 0.. {
            let (world, ids) = populated(19, 2, 2).await;
            world.erase(0, ids[0]).await.unwrap();
            world.skip_stream(0).await;
            world.clock.advance(ON_ITS_WAY_MS + 1);
            world.set_pausing(true);
            let ended =
                killed_after(polls, world.regions[polls % 2].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX))).await;
            world.set_pausing(false);
            world.anti_entropy().await;
            world.settle().await;
            world.anti_entropy().await;
            for region in &world.regions {
                for part in umoja_schema::Part::ALL {
                    let key = umoja_store::replicate::confirmation_key(world.name(1), part);
                    let row = region.tables.logs.row(Log::Receipts, ids[0], &key).await.unwrap();
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
fn items_too_recent_to_compare_are_not_reported_equal() {
    run(async {
        let (world, _) = populated(20, 2, 1).await;
        let last = async || {
            world.regions[0].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
            let last = umoja_reconciler::last_passes(&world.regions[0].home, &[world.name(1).clone()]).await.unwrap();
            last[1].1.unwrap()
        };
        world.clock.advance(ON_ITS_WAY_MS + 1);
        assert!(last().await.converged_as_of().is_some());
        // The peer lacks an old user that has a recent version.
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
        let settings = AntiEntropySettings { every_ms: 3_600_000, ..ANTI_ENTROPY };
        let ends = async || {
            let runs = world.regions[0].pump.anti_entropy(&settings, Millis(u64::MAX)).await;
            runs.into_iter().map(|run| run.ended).collect::<Vec<_>>()
        };
        assert_eq!(ends().await, [AntiEntropyEnd::Done; 2]);
        world.clock.advance(3_599_999);
        assert_eq!(ends().await, [AntiEntropyEnd::NotDue; 2]);
        world.clock.advance(1);
        assert_eq!(ends().await, [AntiEntropyEnd::Done; 2]);
    });
}

#[test]
fn a_pass_stopped_by_table_errors_completes_later() {
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
                world.regions[0].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
                world.regions[0].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
                world.check_invariants().await;
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Failure: any function killed at any await
    #[test]
    fn killed_passes_lose_nothing_and_converge(
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
                    _ => drop(killed_after(*polls, world.regions[*at].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX))).await),
                }
            }
            world.set_pausing(false);
            world.settle().await;
            // Two runs: an item of the third region may reach the first one after its pass with the second.
            world.anti_entropy().await;
            world.anti_entropy().await;
            world.settle().await;
            world.check_invariants().await;
            let report = total(&world.anti_entropy().await);
            assert_eq!((report.found, report.differing), (0, 0));
        });
    }
}
