//! Unreadable items among readable ones.

use serde_json::{Value, json};
use umoja_reconciler::{
    AntiEntropyEnd, AntiEntropyReport, Backfill, BackfillReport, DropWrappedKeys, Reencryption, Rule, anti_entropy,
};
use umoja_schema::names::table;
use umoja_schema::{Log, Millis, Part};
use umoja_store::contract::sample::{index, ownership, owning, part_write, profile, row, user, version};
use umoja_store::digest::Digest;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Commit, Condition, Counted, Limit, PartWrite, Writes};
use umoja_store::seal::Sealer;
use umoja_tests::cloud::{Cloud, CloudRegion};
use umoja_tests::world::{ANTI_ENTROPY, run};

async fn store(region: &CloudRegion, parts: Vec<PartWrite>) {
    let writes = Writes { parts, ..Writes::default() };
    assert_eq!(region.home.own.users.commit(&writes).await, Ok(Commit::Done));
}

/// A part of a user in a format that no version writes.
fn damaged(n: u8) -> Value {
    json!({ "id": { "S": user(n).to_string() }, "part": { "S": "profile" }, "version": { "S": "?" } })
}

/// Two regions. The first has damaged items in every compared table, among twenty users that the second lacks.
async fn deployment(seed: u64) -> Cloud {
    let cloud = Cloud::new(seed).await;
    let [first, second] = &cloud.regions[..] else { panic!() };
    for n in 1..=20 {
        let ownerships = [(index(n), ownership(n.into()))];
        store(first, vec![part_write(owning(user(n), version(n.into()), ownerships), Condition::Absent)]).await;
        first.home.own.logs.append(Log::Journal, &row(user(n), "key")).await.unwrap();
    }
    first.tables.put_item(table::USERS, damaged(30));
    let of = |n: u8| json!({ "id": { "S": user(n).to_string() }, "key": { "S": "damaged" } });
    first.tables.put_item(table::JOURNAL, of(5));
    first.tables.put_item(table::IDENTIFIERS, json!({ "index": { "S": index(40).to_string() } }));
    // The other region's item of that user is whole, and repairs it.
    store(second, vec![part_write(profile(user(30), version(1)), Condition::Absent)]).await;
    cloud
}

async fn passed(cloud: &Cloud, at: usize) -> AntiEntropyReport {
    let region = &cloud.regions[at];
    let peers = [cloud.regions[1 - at].home.own.name.clone()];
    let runs = anti_entropy(&region.home, &peers, &ANTI_ENTROPY, Millis(u64::MAX)).await;
    let mut report = AntiEntropyReport::default();
    for run in &runs {
        assert_eq!(run.ended, AntiEntropyEnd::Done, "{run:?}");
        report.add(&run.report);
    }
    report
}

#[test]
fn unreadable_items_are_counted_and_all_others_repaired() {
    run(async {
        let cloud = deployment(700).await;
        let [first, second] = &cloud.regions[..] else { panic!() };
        // The users count twice: within the region and with its peer.
        let report = passed(&cloud, 0).await;
        assert_eq!((report.unreadable, report.failed, report.pulled), (4, 0, 1), "{report:?}");
        assert_eq!(first.home.own.users.part(user(30), Part::Profile).await, Ok(Some(profile(user(30), version(1)))));
        assert_eq!((report.pushed, report.rows_pushed), (20, 20), "{report:?}");
        for n in 1..=20 {
            let part = second.home.own.users.part(user(n), Part::Profile).await.unwrap();
            assert_eq!(part, first.home.own.users.part(user(n), Part::Profile).await.unwrap());
        }
        // The peer's pass meets the damaged row, which no region holds whole, and ends too. Neither reports that the two
        // regions are equal.
        let report = passed(&cloud, 1).await;
        assert_eq!((report.unreadable, report.failed, report.repaired), (1, 0, 0), "{report:?}");
        for at in 0..2 {
            let peer = cloud.regions[1 - at].home.own.name.clone();
            let last = umoja_reconciler::last_passes(&cloud.regions[at].home, &[peer]).await.unwrap();
            assert_eq!(last[1].1.unwrap().converged_as_of(), None);
        }
    });
}

/// DynamoDB checks the types of keys alone.
#[test]
fn attributes_of_other_types_hide_no_other_item() {
    run(async {
        let cloud = Cloud::new(702).await;
        let region = &cloud.regions[0];
        let (home, tables) = (&region.home, &region.tables);
        store(region, vec![part_write(profile(user(1), version(1)), Condition::Absent)]).await;
        home.own.logs.append(Log::Journal, &row(user(1), "key")).await.unwrap();
        let id = user(1).to_string();
        tables
            .put_item(table::USERS, json!({ "id": { "S": id }, "part": { "S": "another" }, "version": { "N": "1" } }));
        tables
            .put_item(table::JOURNAL, json!({ "id": { "S": id }, "key": { "S": "damaged" }, "at": { "BOOL": true } }));
        assert_eq!(home.own.users.parts(user(1)).await.unwrap().profile, Some(profile(user(1), version(1))));
        assert_eq!(home.own.logs.rows(Log::Journal, user(1)).await, Ok(vec![row(user(1), "key")]));
        for odd in ["x", "y/z", &id.to_uppercase()] {
            tables.put_item(table::LINKED_ACCOUNTS, json!({ "id": { "S": odd }, "linked": { "S": odd } }));
            tables.put_item(table::IDENTIFIERS, json!({ "index": { "S": odd }, "owners": { "N": "1" } }));
        }
        tables.put_item(table::IDENTIFIERS, json!({ "index": { "S": index(9).to_string() }, "owners": { "N": "1" } }));
        let report = passed(&cloud, 0).await;
        assert_eq!((report.unreadable >= 7, report.failed), (true, 0), "{report:?}");
        let identifiers = home.own.users.scan_identifiers(None, 100).await.unwrap();
        assert_eq!((identifiers.unreadable.len(), identifiers.strays.len()), (0, 0));
        assert_eq!(home.own.users.scan_linked_accounts(None, 100).await.unwrap().strays.len(), 0);
        tables.put_item(table::CHECKPOINTS, json!({ "id": { "S": "job" }, "state": { "N": "1" } }));
        assert_eq!(home.checkpoints.checkpoint("job").await, Ok(None));
    });
}

#[test]
fn counts_of_other_types_start_again() {
    run(async {
        let cloud = Cloud::new(703).await;
        let region = &cloud.regions[0];
        let (home, now) = (&region.home, region.home.clock.now());
        let limit = Limit { at_once: 3, shortest_ms: 2_000, longest_ms: 900_000, window_ms: 3_600_000, slides: true };
        for (n, wrong) in (1u8..).zip([json!({ "S": "x" }), json!({ "N": "-1" }), json!({ "BOOL": true })]) {
            for name in ["count", "locked_until", "expires_at"] {
                let key = [n; 32];
                let id = format!("{n:02x}").repeat(32);
                let mut item = json!({ "id": { "S": id }, "count": { "N": "1" },
                    "locked_until": { "N": "0" }, "expires_at": { "N": (now.secs() + 1_000).to_string() } });
                item[name] = wrong.clone();
                region.tables.put_item(table::ATTEMPTS, item);
                assert!(home.attempts.tally(&key, now).await.is_ok(), "{name} {wrong}");
                let counted = home.attempts.count(&key, &limit, now).await;
                assert!(matches!(counted, Ok(Counted::Let(_))), "{name} {wrong}: {counted:?}");
                assert!(matches!(home.attempts.tally(&key, now).await, Ok(Some(_))), "{name} {wrong}");
            }
        }
    });
}

#[test]
fn unreadable_items_prevent_a_proof() {
    run(async {
        let cloud = deployment(701).await;
        let [first, second] = &cloud.regions[..] else { panic!() };
        assert!(Digest::of(&first.home.own, 2).await.is_err());
        let name = &second.home.own.name;
        let mut drop_wrapped_keys = DropWrappedKeys::look(&first.home, name);
        while drop_wrapped_keys.step().await.unwrap() {}
        assert_eq!((drop_wrapped_keys.report().parts, drop_wrapped_keys.report().unreadable), (20, 1));
        let mut backfill = Backfill::new(&first.home, name, Millis(0)).unwrap();
        while backfill.step().await.unwrap() {}
        let mut backfill = Backfill::new(&first.home, name, Millis(0)).unwrap();
        while backfill.step().await.unwrap() {}
        let report = backfill.report();
        // The peer's copy of the part is back in the region. No region can read the row.
        assert_eq!((report.parts, report.missing, report.restored, report.unreadable), (21, 0, 0, 1), "{report:?}");
        // The keys of these parts are samples. Apart from them, the region has what can be read.
        assert!(BackfillReport { unwrapped: 0, ..report.clone() }.is_complete());
        let sealer = Sealer::new(KeyRing::new(&first.home, 0), std::sync::Arc::clone(&first.home.entropy));
        let mut reencrypt = Reencryption::new(Rule::WrappedBy(&first.home.own), [(&first.home, &sealer)]);
        while reencrypt.step().await.unwrap() {}
        assert_eq!((reencrypt.report().parts, reencrypt.report().unreadable), (21, 21), "samples are unreadable too");
    });
}
