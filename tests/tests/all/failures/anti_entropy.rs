//! Changes lost by streams and queues: anti-entropy finds and repairs them.

mod broken;
#[cfg(feature = "aws")]
mod damaged;
mod derived;

use std::collections::BTreeMap;

use umoja_reconciler::{AntiEntropy, AntiEntropyEnd, AntiEntropyReport, AntiEntropyRun, ON_ITS_WAY_MS};
use umoja_schema::{Attributes, Hlc, Identity, Log, LogRow, Millis, Part, PartRecord, UserId};
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_tests::world::{ANTI_ENTROPY, World, run};

/// Users of every region, replicated to all regions.
async fn populated(seed: u64, regions: usize, users: usize) -> (World, Vec<UserId>) {
    let world = World::new(seed, regions).await;
    let mut ids = Vec::new();
    for n in 0..users {
        ids.push(world.register(n % regions, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    world.settle().await;
    (world, ids)
}

fn total(runs: &[AntiEntropyRun]) -> AntiEntropyReport {
    let mut total = AntiEntropyReport::default();
    for run in runs {
        total.add(&run.report);
    }
    total
}

/// The write requests to all regions, including local ones, without the state that anti-entropy passes store.
fn writes(world: &World) -> u64 {
    let of = |calls: BTreeMap<&str, u64>| {
        ["commit", "append", "add_wrapped_key", "derive", "send"].iter().filter_map(|name| calls.get(name)).sum::<u64>()
    };
    world.regions.iter().flat_map(|region| region.faults.all()).map(|faults| of(faults.calls())).sum()
}

fn scans(world: &World, at: usize) -> u64 {
    world.regions[at].faults.tables.calls().get("scan").copied().unwrap_or_default()
}

/// Failure: stream gap over 24 h
#[test]
fn anti_entropy_replicates_changes_lost_by_a_stream() {
    run(async {
        let (world, ids) = populated(1, 3, 6).await;
        world.rename(0, ids[0], "renamed@example.com").await.unwrap();
        world.set_password(1, ids[1], "changed").await.unwrap();
        world.erase(0, ids[2]).await.unwrap();
        world.register(0, "eve@example.com", "phc").await.unwrap();
        // The stream drops records after a day, and no function has read them.
        world.clock.advance(25 * 60 * 60 * 1000);
        for at in 0..3 {
            world.skip_stream(at).await;
        }
        world.settle().await;
        assert_ne!(world.digests().await[0], world.digests().await[1]);
        let runs = world.anti_entropy().await;
        assert!(runs.iter().all(|run| run.ended == AntiEntropyEnd::Done), "{runs:?}");
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(world.find(2, "renamed@example.com").await, Some(ids[0]));
        assert_eq!(world.find(2, "user2@example.com").await, None);
        // Every region also has the receipt and the confirmations.
        let mut receipts = Vec::new();
        for region in &world.regions {
            receipts.push(region.tables.logs.rows(Log::Receipts, ids[2]).await.unwrap());
        }
        // Two regions may record the same event.
        let keys = |rows: &Vec<LogRow>| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
        let same = receipts.iter().all(|rows| keys(rows) == keys(&receipts[0]));
        assert!(receipts[0].len() == 7 && same, "{receipts:?}");
    });
}

/// Failure: queue purged by mistake
#[test]
fn anti_entropy_replicates_changes_purged_from_queues() {
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
        world.anti_entropy().await;
        assert!(world.unrepaired(0).await.waiting > 0, "the missing key is queued again");
        world.settle().await;
        world.check_invariants().await;
        assert!(world.read::<Identity>(1, ids[2]).await.is_ok());
    });
}

#[test]
fn a_peer_replicates_the_writes_of_a_lost_region() {
    run(async {
        let (world, ids) = populated(3, 3, 3).await;
        // The third region's writes reach only the first one, and then the third region is lost.
        world.set_cut(2, 1, true);
        world.edit(2, ids[0], "written in the third").await.unwrap();
        world.erase(2, ids[1]).await.unwrap();
        world.rounds(2).await;
        world.purge(2).await;
        world.set_down(2, true);
        world.clock.advance(ON_ITS_WAY_MS + 1);
        let runs = world.regions[1].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
        let ended = |run: &AntiEntropyRun| (run.peer.as_ref().map(ToString::to_string), run.ended);
        let ended: BTreeMap<_, _> = runs.iter().map(ended).collect();
        assert_eq!(ended[&Some(world.name(0).to_string())], AntiEntropyEnd::Done);
        assert_eq!(ended[&Some(world.name(2).to_string())], AntiEntropyEnd::PeerDown);
        assert_eq!(ended[&None], AntiEntropyEnd::Done);
        for part in Part::ALL {
            assert_eq!(world.stored(1, ids[1], part).await, world.stored(0, ids[1], part).await);
        }
        let identity: Identity = world.read(1, ids[0]).await.unwrap();
        assert_eq!(identity.profile.given_name.as_deref(), Some("written in the third"));
        world.set_down(2, false);
        world.set_cut(2, 1, false);
        world.settle().await;
        world.anti_entropy().await;
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_pass_over_equal_regions_only_reads_each_table_once() {
    run(async {
        let (world, _) = populated(4, 2, 30).await;
        world.reset_calls();
        let runs = world.anti_entropy().await;
        assert_eq!(writes(&world), 0);
        let report = total(&runs);
        assert_eq!((report.found, report.differing, report.young), (0, 0, 0));
        // Each of the two regions is read three times: within itself, with its peer, and as the other's peer.
        assert_eq!((scans(&world, 0), scans(&world, 1)), (3, 3));
        assert_eq!(world.sends(), 0);
    });
}

#[test]
fn a_pass_writes_differences_and_reads_at_most_twice() {
    run(async {
        let (world, ids) = populated(5, 2, 200).await;
        for id in &ids[..7] {
            world.edit(0, *id, "changed").await.unwrap();
        }
        world.skip_stream(0).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.reset_calls();
        let (home, peer) = (&world.regions[0].home, world.name(1).clone());
        let mut pass = AntiEntropy::with_peer(home, &peer).unwrap();
        let mut found = Vec::new();
        while !pass.is_done() {
            found.extend(pass.step().await.unwrap());
        }
        assert_eq!((found.len(), pass.report().pushed, pass.report().repaired), (7, 7, 7));
        assert_eq!(writes(&world), 2 * 7, "the counters of the table and of the link agree");
        assert_eq!((scans(&world, 0), scans(&world, 1)), (2, 2));
        // Only items of buckets that differ are read one by one.
        let calls = world.regions[0].faults.links[&peer].calls();
        assert!(calls["part"] < 40, "{calls:?}");
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn changes_within_the_last_minute_are_left_to_replication() {
    run(async {
        let (world, ids) = populated(6, 2, 3).await;
        world.clock.advance(ON_ITS_WAY_MS + 1);
        world.edit(0, ids[0], "on its way").await.unwrap();
        world.reset_calls();
        let runs = world.regions[1].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
        assert_eq!(writes(&world), 0);
        let report = total(&runs);
        // The other side still has the previous version, which is old enough to compare.
        assert_eq!((report.found, report.young, report.differing), (0, 1, 1));
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn writes_of_skewed_clocks_are_replicated_early_or_late() {
    run(async {
        for skew in [-600_000, 240_000] {
            let (world, ids) = populated(7, 2, 2).await;
            world.regions[0].clock.set_skew(skew);
            world.clock.advance(2 * 600_000);
            world.edit(0, ids[0], "skewed").await.unwrap();
            let runs = world.regions[1].pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await;
            assert_eq!(total(&runs).pulled, u64::from(skew < 0));
            world.regions[0].clock.set_skew(0);
            world.settle().await;
            world.check_invariants().await;
        }
    });
}

#[test]
fn missing_rows_of_any_region_are_appended() {
    run(async {
        let (world, ids) = populated(11, 3, 2).await;
        let row = |key: &str| LogRow {
            user: ids[0],
            key: key.to_owned(),
            at: Hlc::at(Millis(1_700_000_000_000)),
            origin: world.name(2).clone(),
            kind: "test".into(),
            fields: Attributes::new(),
            unknown: Attributes::new(),
        };
        for (log, at) in [(Log::Journal, 0), (Log::Receipts, 1), (Log::Audit, 0)] {
            world.regions[at].tables.logs.append(log, &row("only here")).await.unwrap();
            // The same event recorded at another time is no difference.
            let later = LogRow { at: Hlc::at(Millis(1_700_000_000_001)), ..row("twice") };
            // (In the audit trail it would be one.)
            let first = if log == Log::Audit { later.clone() } else { row("twice") };
            world.regions[0].tables.logs.append(log, &first).await.unwrap();
            world.regions[1].tables.logs.append(log, &later).await.unwrap();
            world.regions[2].tables.logs.append(log, &later).await.unwrap();
        }
        let report = total(&world.anti_entropy().await);
        assert_eq!((report.found, report.rows_pushed + report.rows_pulled), (6, 6), "each in two regions: {report:?}");
        for region in &world.regions {
            for log in [Log::Journal, Log::Receipts, Log::Audit] {
                // The audit trail also has the registration.
                let rows = 2 + usize::from(log == Log::Audit);
                assert_eq!(region.tables.logs.rows(log, ids[0]).await.unwrap().len(), rows, "{}", region.name);
            }
        }
    });
}

#[test]
fn missing_wrapped_keys_are_exchanged_except_for_removed_regions() {
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
        let report = total(&world.anti_entropy().await);
        assert!(report.pushed + report.pulled >= 2, "{report:?}");
        world.settle().await;
        world.check_invariants().await;

        let mut record = world.stored(0, ids[1], Part::Profile).await.unwrap();
        let umoja_schema::Body::Live(live) = &mut record.body else { panic!() };
        live.keys.insert("long-gone-1".parse().unwrap(), vec![1]);
        overwrite(&world, 0, record).await;
        assert_eq!(total(&world.anti_entropy().await).differing, 0);
    });
}

/// Replaces a record of the same version.
async fn overwrite(world: &World, at: usize, record: PartRecord) {
    let condition = Condition::VersionIs(record.version.clone());
    let parts = vec![PartWrite { record, condition }];
    let writes = Writes { parts, ..Writes::default() };
    assert_eq!(world.regions[at].tables.users.commit(&writes).await, Ok(Commit::Done));
    world.skip_stream(at).await;
}
