//! The cost of an operation must not grow with the stored data: every statement that the store runs is checked.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, Key};
use umoja_store::contract::sample::{identifier_write, index, owned, ownership, unowned};
use umoja_store::ports::{Due as _, KeyAdded, Queue as _};

use super::*;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Runs every operation at least once.
async fn everything(store: &RegionStore, clock: &SetClock) {
    let (now, outcome) = (clock.now(), Outcome { request: "r".into(), ..Outcome::default() });
    for ms in 1..=3 {
        let writes = Writes {
            parts: vec![part_write(profile(user(1), version(ms)), Condition::Older)],
            ownerships: if ms == 1 {
                vec![identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))]
            } else {
                vec![]
            },
            rows: vec![(Log::Audit, row(user(1), "a"))],
            ..Writes::default()
        };
        assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
        assert!(matches!(store.commit(&writes).await, Ok(Commit::Conflict { .. })));
    }
    let release = vec![identifier_write(owned(1, [(user(1), ownership(1))]), unowned(1))];
    assert_eq!(store.commit(&Writes { ownerships: release, ..Writes::default() }).await, Ok(Commit::Done));
    let region = "af-south-1".parse().unwrap();
    let added = store.add_wrapped_key(user(1), Part::Profile, &version(3), &region, None, &[1]).await;
    assert_eq!(added, Ok(KeyAdded::Added));
    store.part(user(1), Part::Profile).await.unwrap();
    store.parts(user(1)).await.unwrap();
    store.user(user(1)).await.unwrap();
    assert_eq!(store.any_user(7).await, Ok(Some(user(1))));
    store.ownerships(&[index(1), BlindIndex::new([9; 32])]).await.unwrap();
    store.scan(None, 10).await.unwrap();
    store.append(Log::Journal, &row(user(1), "a")).await.unwrap();
    store.row(Log::Audit, user(1), "a").await.unwrap();
    store.rows(Log::Audit, user(1)).await.unwrap();
    store.first_use(&[1; 32], now, now).await.unwrap();
    store.begin(&[1; 32], outcome.clone(), now, now).await.unwrap();
    store.finish(&[1; 32], &outcome, now).await.unwrap();
    store.documents().setting("a").await.unwrap();
    store.documents().put_setting("a", &serde_json::json!(1)).await.unwrap();
    let settings = store.documents().setting_rows("").await.unwrap();
    assert_eq!(store.documents().remove_setting(&settings[0]).await, Ok(true));
    store.replace_inbox_document(&[1; 32], None, &serde_json::Map::new(), now, now.plus(1)).await.unwrap();
    store.inbox_document(&[1; 32], now).await.unwrap();
    store.scan_inbox(None, 10, now).await.unwrap();
    assert_eq!(store.replace_due("a", user(1), None, Some((now, &serde_json::Map::new()))).await, Ok(true));
    let due = store.due_row("a", user(1)).await.unwrap().unwrap();
    assert_eq!(store.due_page("a", now, None, 10).await.unwrap().rows, [(user(1), due.clone())]);
    assert_eq!(store.replace_due("a", user(1), Some(&due.etag), None).await, Ok(true));
    store.documents().company(&"acme".parse().unwrap()).await.unwrap();
    store.cursor("a").await.unwrap();
    store.advance_cursor("a", 3).await.unwrap();
    store.changes(0, 10).unwrap();
    assert_eq!(store.newest_change(), Ok(6));
    let removed = store.housekeep(10).await.unwrap();
    assert_eq!((removed.idempotency, removed.changes), (1, 3));
    store.remove_cursor("a").await.unwrap();

    let queue = store.queue("keys");
    queue.send(&Key::of_part(user(1), Part::Profile).to_message(), 0).await.unwrap();
    for _ in 0..10 {
        let delivery = queue.receive(10, 60).await.unwrap().remove(0);
        queue.release(&delivery.receipt, 0).await.unwrap();
    }
    assert_eq!(queue.receive(10, 60).await, Ok(vec![]));
    assert_eq!(queue.depth().await.unwrap().dead, 1);
    let dead = queue.receive_dead(10, 60).await.unwrap().remove(0);
    queue.release_dead(&dead.receipt).await.unwrap();
    queue.redrive(&dead).await.unwrap();
    let delivery = queue.receive(10, 60).await.unwrap().remove(0);
    queue.delete(&delivery.receipt).await.unwrap();
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let (store, clock) = in_memory();
    let trace = |on| {
        store.0.main.write(table::USERS, move |tx| {
            tx.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, on);
            Ok(())
        })
    };
    trace(Some(traced)).await.unwrap();
    everything(&store, &clock).await;
    trace(None).await.unwrap();
    let statements = STATEMENTS.lock().unwrap().clone();
    assert!(statements.len() > 45, "only {} statements: some operations did not run", statements.len());
    for statement in statements {
        let plan: Vec<String> = store
            .0
            .main
            .read(table::USERS, |connection| {
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
                let parameters = vec![1; explain.parameter_count()];
                let rows = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .unwrap();
        // There are as many cursors as readers of the change log: one.
        let whole =
            |step: &String| (step.contains("SCAN") && !step.contains("cursors")) || step.contains("TEMP B-TREE");
        assert!(!plan.iter().any(whole), "{statement}: {plan:?}");
    }
}

fn traced(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, statement) = event {
        STATEMENTS.lock().unwrap().insert(statement.to_owned());
    }
}
