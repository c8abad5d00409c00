//! The audit trail when rows are lost, and when rows expire.

use serde_json::json;
use umoja_reconciler::{AntiEntropy, AuditCheck, AuditDrop, Difference};
use umoja_schema::audit::place;
use umoja_schema::{Log, LogRow, Millis, UserId};
use umoja_store::audit::{Check, Flaw, Retention};
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

/// A user with N rows in the chain of the first region, a day apart, and one row in the other region's.
async fn recorded(d: &Deployment, rows: u64) -> UserId {
    let id = d.register(0, "ada@example.com", "correct horse").await.ok(201).id();
    for n in 1..rows {
        d.world.clock.advance(Millis::DAY_MS);
        let status = if n % 2 == 0 { "active" } else { "disabled" };
        d.call(0, "status", json!({ "id": id, "status": status })).await.ok(200);
    }
    d.world.settle().await;
    d.call(1, "export", json!({ "id": id })).await.ok(200);
    d.world.settle().await;
    d.world.clock.advance(120_000);
    id.parse().unwrap()
}

async fn rows(d: &Deployment, at: usize, user: UserId) -> Vec<LogRow> {
    d.world.regions[at].tables.logs.rows(Log::Audit, user).await.unwrap()
}

async fn drop_row(d: &Deployment, at: usize, row: &LogRow) {
    d.world.regions[at].tables.logs.drop_row(Log::Audit, row.user, &row.key).await.unwrap();
}

/// The rows of the first region's chain and of the other's.
fn numbers(rows: &[LogRow], d: &Deployment) -> [Vec<u64>; 2] {
    [0, 1].map(|at| {
        let own = rows.iter().filter(|row| row.origin == *d.world.name(at));
        own.map(|row| place(&row.key).unwrap().1).collect()
    })
}

async fn flaws(d: &Deployment, at: usize, dropped_before: Millis) -> Vec<Flaw> {
    let region = &d.world.regions[at];
    let mut check = AuditCheck::new(&region.home.own, Some(region.secrets().audit_key()), dropped_before);
    let mut found = Vec::new();
    while let Some(page) = check.page().await.unwrap() {
        found.extend(page.into_iter().flat_map(|broken| broken.flaws));
    }
    found
}

async fn differences(d: &Deployment) -> Vec<Difference> {
    let mut pass = AntiEntropy::with_peer(&d.world.regions[0].home, d.world.name(1)).unwrap().looking();
    let mut found = Vec::new();
    while !pass.is_done() {
        found.extend(pass.step().await.unwrap());
    }
    found
}

#[test]
fn lost_last_rows_are_detected_and_restored() {
    run(async {
        let d = Deployment::new(1200).await;
        let user = recorded(&d, 4).await;
        let before = rows(&d, 0, user).await;
        assert_eq!(numbers(&before, &d), [vec![1, 2, 3, 4], vec![1]]);
        for row in before.iter().filter(|row| place(&row.key).unwrap().1 > 2) {
            drop_row(&d, 0, row).await;
        }
        assert_eq!(flaws(&d, 0, Millis(0)).await, [], "a chain alone does not show its missing end");
        let missed = differences(&d).await;
        assert!(
            missed
                .iter()
                .all(|one| matches!(one, Difference::Row { log: "audit", lacking, .. } if lacking == d.world.name(0)))
        );
        assert_eq!(missed.len(), 2);
        d.world.anti_entropy().await;
        assert_eq!(rows(&d, 0, user).await, before);
        assert_eq!(differences(&d).await, []);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_lost_middle_row_is_a_gap_until_restored() {
    run(async {
        let d = Deployment::new(1201).await;
        let user = recorded(&d, 4).await;
        drop_row(&d, 0, &rows(&d, 0, user).await[1]).await;
        assert!(matches!(flaws(&d, 0, Millis(0)).await[..], [Flaw::Gap { after: 1, before: 3, .. }]));
        assert_eq!(flaws(&d, 1, Millis(0)).await, [], "the other region's own chain is whole");
        d.world.anti_entropy().await;
        assert_eq!(flaws(&d, 0, Millis(0)).await, []);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_forked_chain_is_reported_and_never_repaired() {
    run(async {
        let d = Deployment::new(1202).await;
        let user = recorded(&d, 3).await;
        let before = rows(&d, 0, user).await;
        drop_row(&d, 0, before.iter().rfind(|row| row.origin == *d.world.name(0)).unwrap()).await;
        d.call(0, "status", json!({ "id": user, "status": "disabled" })).await.ok(200);
        d.world.settle().await;
        d.world.clock.advance(120_000);
        for _ in 0..2 {
            let found = differences(&d).await;
            assert!(matches!(&found[..], [Difference::OtherRow { log: "audit", .. }]), "{found:?}");
            d.world.anti_entropy().await;
        }
        // Each region's rows are genuine and in order: only the comparison with the other region shows the fork.
        assert_eq!(flaws(&d, 0, Millis(0)).await, []);
        assert_eq!(rows(&d, 1, user).await, before);
    });
}

#[test]
fn expired_rows_are_dropped_for_good() {
    run(async {
        let d = Deployment::new(1203).await;
        let user = recorded(&d, 6).await;
        d.world.clock.advance(Millis::DAY_MS / 2);
        let asked = Retention { keep_days: Some(4), ..Retention::default() };
        let before = asked.too_old_before(d.world.clock.now()).unwrap();
        let retention = Retention { dropped_before: before, ..asked };
        for region in &d.world.regions {
            retention.put(&*region.home.registry).await.unwrap();
        }
        let drop_in = async |at: usize| {
            let mut pass = AuditDrop::new(&d.world.regions[at].home.own, before);
            while pass.page().await.unwrap() {}
            pass.dropped()
        };
        assert_eq!(drop_in(0).await, 2);
        assert_eq!(numbers(&rows(&d, 0, user).await, &d), [vec![3, 4, 5, 6], vec![1]]);
        // The other region has not dropped the rows yet and does not restore them.
        d.world.anti_entropy().await;
        assert_eq!(numbers(&rows(&d, 0, user).await, &d)[0], [3, 4, 5, 6]);
        assert_eq!((drop_in(1).await, drop_in(0).await), (2, 0));
        // New rows continue the numbering of the dropped ones.
        d.call(0, "export", json!({ "id": user })).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            let held = rows(&d, at, user).await;
            assert_eq!(numbers(&held, &d), [vec![3, 4, 5, 6, 7], vec![1]]);
            assert_eq!(flaws(&d, at, before).await, []);
            let key = d.world.regions[at].secrets().audit_key();
            let check = Check { key: Some(key), region: None, dropped_before: before };
            assert_eq!(check.of(&held), []);
            assert!(matches!(Check { dropped_before: Millis(0), ..check }.of(&held)[..], [Flaw::Gap { after: 0, .. }]));
            // A missing row that was too recent to expire is a gap.
            assert!(matches!(check.of(&held[1..])[..], [Flaw::Gap { .. }]));
        }
    });
}

#[test]
fn the_last_row_of_a_chain_never_expires() {
    run(async {
        let d = Deployment::new(1204).await;
        let user = recorded(&d, 3).await;
        d.world.clock.advance(1000 * Millis::DAY_MS);
        for at in 0..2 {
            let mut pass = AuditDrop::new(&d.world.regions[at].home.own, d.world.clock.now());
            while pass.page().await.unwrap() {}
            assert_eq!(pass.dropped(), 2);
            assert_eq!(numbers(&rows(&d, at, user).await, &d), [vec![3], vec![1]]);
        }
        d.call(0, "export", json!({ "id": user })).await.ok(200);
        d.call(1, "export", json!({ "id": user })).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(numbers(&rows(&d, at, user).await, &d), [vec![3, 4], vec![1, 2]]);
            assert_eq!(flaws(&d, at, d.world.clock.now()).await, []);
        }
    });
}
