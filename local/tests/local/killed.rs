//! Acknowledged writes survive `kill -9`: this test binary starts itself, reads the acknowledgements of the other
//! process, kills it in the middle of its work, and looks up every acknowledged write.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use umoja_schema::{Key, Log, LogRow, Part, UserId};
use umoja_store::change::Change;
use umoja_store::contract::sample::{
    identifier_write, index, owned, ownership, part_write, profile, row, unowned, user, version,
};
use umoja_store::ports::{
    Attempts as _, Commit, Condition, Counted, Limit, Logs as _, Queue as _, Requests as _, Users as _, Writes,
};

use crate::support::{SetClock, open};

const DIR: &str = "UMOJA_TEST_KILLED_DIR";
const ROUND: &str = "UMOJA_TEST_KILLED_ROUND";
const WRITERS: u32 = 8;
/// The time of the store's clock.
const NOW: umoja_schema::Millis = umoja_schema::Millis(1_700_000_000_000);
const LIMIT: Limit =
    Limit { at_once: 1, shortest_ms: 3_600_000, longest_ms: 3_600_000, window_ms: 7_200_000, slides: true };

fn id(round: u32, writer: u32, n: u32) -> UserId {
    let mut bytes = [0; 16];
    for (place, number) in bytes.chunks_exact_mut(4).zip([round, writer, n]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    UserId::v8(bytes)
}

fn hash(id: UserId) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(id.as_bytes());
    hash
}

fn event(id: UserId) -> LogRow {
    LogRow { user: id, ..row(user(1), "event") }
}

/// Does nothing unless it runs in the process to be killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let (round, clock) = (round.parse().unwrap(), SetClock::new());
    let store = open(Path::new(&dir), &clock);
    let mut writers = tokio::task::JoinSet::new();
    let housekept = store.clone();
    // Counts of attempts go into the database meanwhile.
    writers.spawn(async move {
        loop {
            housekept.housekeep(1_000).await.unwrap();
        }
    });
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0.. {
                let id = id(round, writer, n);
                let parts = vec![part_write(profile(id, version(1)), Condition::Absent)];
                let writes = Writes { parts, rows: vec![(Log::Audit, event(id))], ..Writes::default() };
                assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
                store.queue("keys").send(&Key::of_part(id, Part::Profile).to_message(), 0).await.unwrap();
                assert_eq!(
                    store.first_use(&hash(id), umoja_schema::Millis(1), umoja_schema::Millis(u64::MAX)).await,
                    Ok(true)
                );
                let counted = store.count(&hash(id), &LIMIT, NOW).await;
                assert!(matches!(counted, Ok(Counted::Let(_))));
                println!("acknowledged {writer} {n}");
            }
        });
    }
    writers.join_all().await;
}

/// Starts the process, kills it after some acknowledgements, and returns them.
fn kill_one(dir: &Path, round: u32) -> Vec<UserId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_process_that_is_killed", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The test harness may print the beginning of a line before it.
        let Some((_, numbers)) = line.split_once("acknowledged ") else { continue };
        let Some((writer, n)) = numbers.split_once(' ') else { continue };
        let (Ok(writer), Ok(n)) = (writer.parse(), n.parse()) else { continue };
        acknowledged.push(id(round, writer, n));
        if acknowledged.len() == 200 {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed, and did not end by itself");
    assert!(acknowledged.len() >= 200);
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        acknowledged.extend(kill_one(dir.path(), round));
    }
    let clock = SetClock::new();
    let store = open(dir.path(), &clock);
    let changes: Vec<Change> = store.changes(0, usize::MAX).unwrap();
    let sent = store.queue("keys").depth().await.unwrap().waiting;
    assert!(sent >= acknowledged.len() as u64);
    for id in acknowledged {
        let stored = store.part(id, Part::Profile).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&profile(id, version(1))));
        assert_eq!(store.row(Log::Audit, id, "event").await, Ok(Some(event(id))));
        assert!(changes.iter().any(|change| change.image == stored.as_ref().unwrap().to_item()));
        let is_first = store.first_use(&hash(id), umoja_schema::Millis(1), umoja_schema::Millis(2)).await;
        assert_eq!(is_first, Ok(false), "the request was seen");
        let counted = store.count(&hash(id), &LIMIT, NOW.plus(1)).await;
        assert!(matches!(counted, Ok(Counted::Locked(_))), "the attempt was counted: {counted:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_caller_is_gone_is_atomic() {
    let (store, _, _dir) = crate::support::on_disk();
    for n in 0..50 {
        let store = store.clone();
        let writes = Writes {
            parts: vec![part_write(profile(user(n), version(1)), Condition::Absent)],
            ownerships: vec![identifier_write(unowned(n), owned(n, [(user(n), ownership(1))]))],
            rows: vec![(Log::Audit, row(user(n), "event"))],
            ..Writes::default()
        };
        let task = tokio::spawn(async move { store.commit(&writes).await });
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
    }
    // All operations queued earlier are done before this one.
    store.append(Log::Journal, &row(user(99), "last")).await.unwrap();
    let store = Arc::new(store);
    for n in 0..50 {
        let part = store.part(user(n), Part::Profile).await.unwrap().is_some();
        let owned = !store.ownerships(&[index(n)]).await.unwrap()[0].owners.is_empty();
        let row = store.row(Log::Audit, user(n), "event").await.unwrap().is_some();
        assert_eq!((part, owned, row), (part, part, part));
    }
}
