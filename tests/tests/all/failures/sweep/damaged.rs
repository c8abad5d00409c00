//! Items that cannot be read, beside those that can.

use serde_json::{Value, json};
use umoja_reconciler::{Fill, FillReport, Rewrite, Rule, SweepEnd, SweepReport, Unlist, sweep};
use umoja_schema::names::table;
use umoja_schema::{Log, Millis, Part};
use umoja_store::contract::sample::{claim, claiming, index, part_write, profile, row, user, version};
use umoja_store::digest::Digest;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_store::seal::Sealer;
use umoja_tests::cloud::{Cloud, CloudRegion};
use umoja_tests::world::{SWEEP, run};

async fn store(region: &CloudRegion, parts: Vec<PartWrite>) {
    let writes = Writes { parts, ..Writes::default() };
    assert_eq!(region.home.own.users.commit(&writes).await, Ok(Commit::Done));
}

/// A part of a user, as no software writes it.
fn damaged(n: u8) -> Value {
    json!({ "id": { "S": user(n).to_string() }, "part": { "S": "profile" }, "version": { "S": "?" } })
}

/// Two regions. The first holds damaged items in every table that is compared, among twenty users that the second lacks.
async fn deployment(seed: u64) -> Cloud {
    let cloud = Cloud::new(seed).await;
    let [first, second] = &cloud.regions[..] else { panic!() };
    for n in 1..=20 {
        let claims = [(index(n), claim(n.into()))];
        store(first, vec![part_write(claiming(user(n), version(n.into()), claims), Condition::Absent)]).await;
        first.home.own.logs.append(Log::Journal, &row(user(n), "key")).await.unwrap();
    }
    first.tables.put_item(table::USERS, damaged(30));
    let of = |n: u8| json!({ "id": { "S": user(n).to_string() }, "key": { "S": "damaged" } });
    first.tables.put_item(table::JOURNAL, of(5));
    first.tables.put_item(table::IDENTIFIERS, json!({ "index": { "S": index(40).to_string() } }));
    // What the other region holds of that user is whole, and cannot be compared with it.
    store(second, vec![part_write(profile(user(30), version(1)), Condition::Absent)]).await;
    cloud
}

async fn swept(cloud: &Cloud, at: usize) -> SweepReport {
    let region = &cloud.regions[at];
    let peers = [cloud.regions[1 - at].home.own.name.clone()];
    let runs = sweep(&region.home, &peers, &SWEEP, Millis(u64::MAX)).await;
    let mut report = SweepReport::default();
    for run in &runs {
        assert_eq!(run.ended, SweepEnd::Done, "{run:?}");
        report.add(&run.report);
    }
    report
}

#[test]
fn items_that_cannot_be_read_are_counted_and_everything_else_is_mended() {
    run(async {
        let cloud = deployment(700).await;
        let [first, second] = &cloud.regions[..] else { panic!() };
        // The users twice: within the region, and with its peer.
        let report = swept(&cloud, 0).await;
        assert_eq!((report.unreadable, report.failed), (4, 1), "{report:?}");
        assert_eq!((report.pushed, report.rows_pushed), (20, 20), "{report:?}");
        for n in 1..=20 {
            let part = second.home.own.users.part(user(n), Part::Profile).await.unwrap();
            assert_eq!(part, first.home.own.users.part(user(n), Part::Profile).await.unwrap());
        }
        // The peer meets the same, and ends too; nobody says that the two are equal.
        let report = swept(&cloud, 1).await;
        assert_eq!((report.unreadable, report.failed, report.mended()), (2, 1, 0), "{report:?}");
        for at in 0..2 {
            let peer = cloud.regions[1 - at].home.own.name.clone();
            let last = umoja_reconciler::last_sweeps(&cloud.regions[at].home, &[peer]).await.unwrap();
            assert_eq!(last[1].1.unwrap().converged_as_of(), None);
        }
    });
}

#[test]
fn passes_that_prove_something_do_not_over_what_cannot_be_read() {
    run(async {
        let cloud = deployment(701).await;
        let [first, second] = &cloud.regions[..] else { panic!() };
        assert!(Digest::of(&first.home.own, 2).await.is_err());
        let name = &second.home.own.name;
        let mut fill = Fill::new(&first.home, name, Millis(0)).unwrap();
        while fill.step().await.unwrap() {}
        let mut fill = Fill::new(&first.home, name, Millis(0)).unwrap();
        while fill.step().await.unwrap() {}
        let report = fill.report();
        assert_eq!((report.parts, report.missing, report.unreadable), (20, 0, 2), "{report:?}");
        // The keys of these parts are samples; but for them and what cannot be read, all is there.
        assert!(!FillReport { unwrapped: 0, ..report.clone() }.is_complete());
        assert!(FillReport { unwrapped: 0, unreadable: 0, ..report.clone() }.is_complete());
        let mut unlist = Unlist::look(&first.home, name);
        while unlist.step().await.unwrap() {}
        assert_eq!((unlist.report().parts, unlist.report().unreadable), (20, 1));
        let sealer = Sealer::new(KeyRing::new(&first.home, 0), std::sync::Arc::clone(&first.home.entropy));
        let mut rewrite = Rewrite::new(Rule::WrappedBy(&first.home.own), [(&first.home, &sealer)]);
        while rewrite.step().await.unwrap() {}
        assert_eq!((rewrite.report().parts, rewrite.report().unreadable), (21, 21), "samples cannot be opened either");
    });
}
