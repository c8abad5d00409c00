use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY);";

fn open(waiting_writes: usize) -> (Arc<Engine>, TempDir) {
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        path: dir.path().join("test.sqlite"),
        durability: Durability::Full,
        makes: true,
        schema: SCHEMA.into(),
        readers: 2,
        waiting_writes,
        log_limit: 1 << 20,
    };
    (Arc::new(Engine::open(&settings).unwrap()), dir)
}

fn insert(tx: &Tx<'_>, n: i64) -> Result<(), Fault> {
    tx.execute("INSERT INTO rows VALUES (?1)", [n])?;
    Ok(())
}

fn count(engine: &Engine) -> i64 {
    engine.read("test", |c| Ok(c.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))?)).unwrap()
}

/// Holds the writer until released, so that all operations sent meanwhile are in the next batch.
async fn hold(engine: &Arc<Engine>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let ((entered, has_entered), (let_go, wait)) = (tokio::sync::oneshot::channel(), mpsc::channel());
    let (engine, mut entered) = (Arc::clone(engine), Some(entered));
    let holding = tokio::spawn(async move {
        let wait_here = move |_: &Tx<'_>| {
            if let Some(entered) = entered.take() {
                entered.send(()).unwrap();
                wait.recv().unwrap();
            }
            Ok(())
        };
        engine.write("test", wait_here).await
    });
    has_entered.await.unwrap();
    (let_go, holding)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_operations_are_committed_together() {
    let (engine, _dir) = open(100);
    let (let_go, holding) = hold(&engine).await;
    let mut writes = JoinSet::new();
    for n in 0..50 {
        let engine = Arc::clone(&engine);
        writes.spawn(async move {
            let reader = Arc::clone(&engine);
            let work = move |tx: &Tx<'_>| {
                insert(tx, n)?;
                Ok(count(&reader))
            };
            engine.write("test", work).await
        });
    }
    let Mode::File { jobs: Some(jobs), .. } = &engine.mode else { panic!("not a file") };
    while jobs.capacity() > 50 {
        tokio::task::yield_now().await;
    }
    let_go.send(()).unwrap();
    let committed_meanwhile = writes.join_all().await;
    assert!(committed_meanwhile.into_iter().all(|count| count == Ok(0)), "each ran before any was committed");
    holding.await.unwrap().unwrap();
    assert_eq!(count(&engine), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gathered_operations_are_all_committed_also_the_last_ones() {
    let (engine, _dir) = open(100);
    engine.gather();
    let mut writes = JoinSet::new();
    for n in 0..1_500 {
        let engine = Arc::clone(&engine);
        writes.spawn(async move { engine.write("test", move |tx| insert(tx, n)).await });
    }
    assert!(writes.join_all().await.into_iter().all(|written| written == Ok(())));
    engine.write("test", |tx| insert(tx, 1_500)).await.unwrap();
    assert_eq!(count(&engine), 1_501);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_operation_does_not_affect_its_batch() {
    let (engine, _dir) = open(100);
    let (let_go, holding) = hold(&engine).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let mut writes = JoinSet::new();
    for n in 0..20 {
        let (engine, runs) = (Arc::clone(&engine), Arc::clone(&runs));
        writes.spawn(async move {
            let work = move |tx: &Tx<'_>| {
                runs.fetch_add(1, Ordering::Relaxed);
                insert(tx, n)?;
                if n == 10 { insert(tx, n) } else { Ok(()) }
            };
            (n, engine.write("test", work).await)
        });
    }
    let Mode::File { jobs: Some(jobs), .. } = &engine.mode else { panic!("not a file") };
    while jobs.capacity() > 80 {
        tokio::task::yield_now().await;
    }
    let_go.send(()).unwrap();
    for (n, written) in writes.join_all().await {
        assert_eq!(written.is_ok(), n != 10, "{n}: {written:?}");
    }
    holding.await.unwrap().unwrap();
    assert_eq!(count(&engine), 19);
    assert!(runs.load(Ordering::Relaxed) > 20, "they were in one batch first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn excess_callers_wait_for_a_place() {
    let (engine, _dir) = open(2);
    let mut writes = JoinSet::new();
    for n in 0..100 {
        let engine = Arc::clone(&engine);
        writes.spawn(async move { engine.write("test", move |tx| insert(tx, n)).await });
    }
    assert!(writes.join_all().await.into_iter().all(|written| written == Ok(())));
    assert_eq!(count(&engine), 100);
}

#[tokio::test]
async fn in_memory_the_first_poll_completes_an_operation() {
    let engine = Engine::in_memory(SCHEMA).unwrap();
    let mut write = Box::pin(engine.write("test", |tx| insert(tx, 1)));
    let polled = futures_poll_once(write.as_mut());
    assert_eq!(polled, std::task::Poll::Ready(Ok(())));
    drop(write);
    assert!(engine.write("test", |tx| insert(tx, 1)).await.is_err());
    assert!(engine.write("test", |tx| insert(tx, 2)).await.is_ok());
    assert_eq!(count(&engine), 2);
}

fn futures_poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_see_every_acknowledged_write() {
    let (engine, _dir) = open(100);
    for n in 0..100 {
        engine.write("test", move |tx| insert(tx, n)).await.unwrap();
        assert_eq!(count(&engine), n + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_completes_queued_operations() {
    let (engine, dir) = open(100);
    let (let_go, holding) = hold(&engine).await;
    let mut writes = JoinSet::new();
    for n in 0..10 {
        let engine = Arc::clone(&engine);
        writes.spawn(async move { engine.write("test", move |tx| insert(tx, n)).await });
    }
    let Mode::File { jobs: Some(jobs), .. } = &engine.mode else { panic!("not a file") };
    while jobs.capacity() > 90 {
        tokio::task::yield_now().await;
    }
    writes.abort_all();
    while writes.join_next().await.is_some() {}
    let_go.send(()).unwrap();
    holding.await.unwrap().unwrap();
    drop(engine);
    let written = rusqlite::Connection::open(dir.path().join("test.sqlite")).unwrap();
    let rows: i64 = written.query_row("SELECT count(*) FROM rows", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_shrinks_once_no_reader_needs_it() {
    let (engine, dir) = open(100);
    let log = || dir.path().join("test.sqlite-wal").metadata().unwrap().len();
    engine.write("test", |tx| Ok(tx.execute_batch("CREATE TABLE large (bytes BLOB)")?)).await.unwrap();
    let grow = || engine.write("test", |tx| Ok(tx.execute("INSERT INTO large VALUES (zeroblob(500000))", [])?));
    // A reader that keeps its first snapshot. It stops before the writer's patience ends.
    let slow = rusqlite::Connection::open(dir.path().join("test.sqlite")).unwrap();
    slow.execute_batch("BEGIN; SELECT * FROM rows;").unwrap();
    grow().await.unwrap();
    grow().await.unwrap();
    assert!(log() > 900_000);
    slow.execute_batch("COMMIT").unwrap();
    for _ in 0..3 {
        grow().await.unwrap();
        assert!(log() < 2_500_000);
    }
    drop(engine);
    assert!(log() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_survives_a_panicking_operation() {
    let (on_disk, _dir) = open(100);
    for engine in [on_disk, Arc::new(Engine::in_memory(SCHEMA).unwrap())] {
        let panicking = Arc::clone(&engine);
        let work = |tx: &Tx<'_>| -> Result<(), Fault> {
            insert(tx, 1)?;
            panic!("on purpose");
        };
        let ended = tokio::spawn(async move { panicking.write("test", work).await }).await;
        assert!(!matches!(ended, Ok(Ok(()))));
        engine.write("test", |tx| insert(tx, 2)).await.unwrap();
        assert_eq!(count(&engine), 1);
    }
}
