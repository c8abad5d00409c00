mod flat;
mod ignored;
mod types;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use umoja_schema::{Log, Millis, Part};
use umoja_store::contract::sample::{
    credentials, identifier_write, index, owned, ownership, part_write, profile, put_identifiers, row, unowned, user,
    version,
};
use umoja_store::ports::{Commit, Condition, Inbox as _, Logs as _, Outcome, Requests as _, Users as _, Writes};

use super::*;
use umoja_host::OsEntropy;

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

fn clock() -> Arc<SetClock> {
    Arc::new(SetClock(AtomicU64::new(1_700_000_000_000)))
}

fn try_open(dir: &Path, region: &str) -> Result<RegionStore, OpenError> {
    RegionStore::create(dir, region.parse().unwrap(), clock(), Arc::new(OsEntropy), Options::default())
}

fn on_disk() -> (RegionStore, TempDir) {
    let dir = TempDir::new().unwrap();
    (try_open(dir.path(), "eu-west-1").unwrap(), dir)
}

fn in_memory() -> (RegionStore, Arc<SetClock>) {
    let clock = clock();
    (RegionStore::in_memory("eu-west-1".parse().unwrap(), Arc::clone(&clock) as _, Arc::new(OsEntropy)), clock)
}

async fn put(store: &RegionStore, n: u8, ms: u64) {
    let parts = vec![part_write(profile(user(n), version(ms)), Condition::Older)];
    assert_eq!(store.commit(&Writes { parts, ..Writes::default() }).await, Ok(Commit::Done));
}

fn sequences(store: &RegionStore, after: u64, limit: usize) -> Vec<u64> {
    store.changes(after, limit).unwrap().iter().map(|change| change.sequence.parse().unwrap()).collect()
}

#[tokio::test]
async fn changes_are_read_in_pages_from_any_position() {
    let (store, _) = in_memory();
    for n in 1..=5 {
        put(&store, n, 1).await;
    }
    assert_eq!(sequences(&store, 0, 3), [1, 2, 3]);
    assert_eq!(sequences(&store, 3, 3), [4, 5]);
    assert_eq!(sequences(&store, 5, 3), [0u64; 0]);
    assert_eq!(store.newest_change(), Ok(5));
}

#[tokio::test]
async fn a_cursor_only_advances_and_survives_a_restart() {
    let (store, dir) = on_disk();
    for ms in 1..=8 {
        put(&store, 1, ms).await;
    }
    assert_eq!(store.cursor("replicator").await, Ok(0));
    store.advance_cursor("replicator", 7).await.unwrap();
    store.advance_cursor("replicator", 5).await.unwrap();
    drop(store);
    let store = try_open(dir.path(), "eu-west-1").unwrap();
    assert_eq!(store.cursor("replicator").await, Ok(7));
    assert_eq!(store.cursor("another").await, Ok(0));
}

#[tokio::test]
async fn changes_are_kept_until_every_cursor_has_passed_them() {
    let (store, _) = in_memory();
    for ms in 1..=10 {
        put(&store, 1, ms).await;
    }
    assert_eq!(store.housekeep(100).await.unwrap().changes, 0, "no reader has read any change");
    for name in ["a", "b"] {
        store.cursor(name).await.unwrap();
    }
    store.advance_cursor("a", 8).await.unwrap();
    assert_eq!(store.housekeep(100).await.unwrap().changes, 0);
    store.advance_cursor("b", 6).await.unwrap();
    assert_eq!(store.housekeep(4).await.unwrap().changes, 4, "bounded");
    assert_eq!(store.housekeep(100).await.unwrap().changes, 2);
    assert_eq!(sequences(&store, 0, 100), [7, 8, 9, 10]);
    store.remove_cursor("b").await.unwrap();
    assert_eq!(store.housekeep(100).await.unwrap().changes, 2);
}

#[tokio::test]
async fn a_sequence_is_never_reused_after_trimming() {
    let (store, dir) = on_disk();
    for ms in 1..=3 {
        put(&store, 1, ms).await;
    }
    store.advance_cursor("a", 3).await.unwrap();
    store.housekeep(100).await.unwrap();
    drop(store);
    let store = try_open(dir.path(), "eu-west-1").unwrap();
    put(&store, 1, 4).await;
    assert_eq!(sequences(&store, 3, 100), [4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_waiting_readers() {
    let (store, dir) = on_disk();
    let waiting = store.clone();
    let woken = tokio::spawn(async move { waiting.wait_for_change(0).await });
    put(&store, 1, 1).await;
    woken.await.unwrap();
    store.wait_for_change(0).await;
    // A change that another process, or an earlier one, has written counts from the start.
    try_open(dir.path(), "eu-west-1").unwrap().wait_for_change(0).await;
}

#[tokio::test]
async fn a_damaged_image_does_not_stop_the_change_log() {
    let (store, _) = in_memory();
    put(&store, 1, 1).await;
    let damage = "UPDATE changes SET image = x'07'";
    store.0.main.write("test", |tx| Ok(tx.execute(damage, [])?)).await.unwrap();
    put(&store, 2, 1).await;
    let changes = store.changes(0, 10).unwrap();
    assert!(changes[0].image.is_empty());
    assert_eq!(changes[1].image, profile(user(2), version(1)).to_item());
}

#[tokio::test]
async fn housekeeping_removes_expired_rows_in_bounded_steps() {
    let (store, clock) = in_memory();
    let (now, outcome) = (clock.now(), Outcome { request: "r".into(), ..Outcome::default() });
    for n in 0..5u64 {
        let key = [u8::try_from(n).unwrap(); 32];
        store.begin(&key, outcome.clone(), now, now.plus(n * 1000)).await.unwrap();
    }
    clock.0.fetch_add(3000, Ordering::Relaxed);
    let removed = store.housekeep(3).await.unwrap();
    assert_eq!(removed.idempotency, 3);
    assert!(removed.may_have_more(3));
    let removed = store.housekeep(3).await.unwrap();
    assert_eq!(removed.idempotency, 1);
    assert!(!removed.may_have_more(3));
}

#[tokio::test]
async fn housekeeping_removes_expired_documents_of_the_inbox() {
    let (store, clock) = in_memory();
    let (now, year) = (clock.now(), 366 * 24 * 3_600_000);
    for (n, expires_at) in [(1, now), (2, now.plus(999)), (3, now.plus(1000)), (4, now.plus(1001)), (5, now.plus(year))]
    {
        store.replace_inbox_document(&[n; 32], None, &serde_json::Map::new(), now, expires_at).await.unwrap();
    }
    clock.0.fetch_add(1000, Ordering::Relaxed);
    for (removed, may_have_more) in [(2, true), (1, false), (0, false)] {
        let kept = store.housekeep(2).await.unwrap();
        assert_eq!((kept.inbox, kept.may_have_more(2)), (removed, may_have_more));
    }
    let left = store.scan_inbox(None, 10, Millis(0)).await.unwrap().documents;
    assert_eq!(left.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn writes_that_the_cloud_would_reject_are_rejected_here() {
    let (store, _) = in_memory();
    let rejected = |writes: Writes| {
        let store = store.clone();
        async move { assert!(matches!(store.commit(&writes).await, Err(StoreError::Rejected(_)))) }
    };
    let write = || part_write(profile(user(1), version(1)), Condition::Absent);
    rejected(Writes { parts: vec![write(), write()], ..Writes::default() }).await;
    let rows = (0..101).map(|n| (Log::Audit, row(user(1), &n.to_string()))).collect();
    rejected(Writes { rows, ..Writes::default() }).await;
    assert!(matches!(store.scan(Some("elsewhere".into()), 1).await, Err(StoreError::Rejected(_))));
    assert_eq!(store.changes(0, 10).unwrap(), []);
}

#[tokio::test]
async fn stored_data_survives_a_restart() {
    let (store, dir) = on_disk();
    let (live, disabled) = (profile(user(1), version(1)), credentials(user(1), version(2)));
    let parts = vec![part_write(live.clone(), Condition::Absent), part_write(disabled.clone(), Condition::Absent)];
    store.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
    store.append(Log::Receipts, &row(user(1), "a")).await.unwrap();
    drop(store);
    let store = try_open(dir.path(), "eu-west-1").unwrap();
    let stored = store.parts(user(1)).await.unwrap();
    assert_eq!((stored.profile, stored.credentials), (Some(live), Some(disabled)));
    assert_eq!(store.rows(Log::Receipts, user(1)).await.unwrap().len(), 1);
    assert_eq!(store.newest_change(), Ok(3));
}

#[tokio::test]
async fn an_invalid_or_foreign_directory_is_rejected() {
    let (store, dir) = on_disk();
    let foreign = |opened| {
        matches!(opened, Err(OpenError::OtherRegion(_) | OpenError::Keyring(KeyringError::OtherRegion { .. })))
    };
    assert!(foreign(try_open(dir.path(), "af-south-1")));
    let (name, options) = ("af-south-1".parse().unwrap(), Options::default());
    assert!(foreign(RegionStore::recreate(dir.path(), name, clock(), Arc::new(OsEntropy), options)));
    drop(open_again(dir.path()).unwrap());
    store.0.main.write("test", |tx| Ok(tx.pragma_update(None, "user_version", 99)?)).await.unwrap();
    assert!(matches!(try_open(dir.path(), "eu-west-1"), Err(OpenError::Newer(_))));
    let other = TempDir::new().unwrap();
    drop(try_open(other.path(), "eu-west-1").unwrap());
    std::fs::remove_file(other.path().join("region.sqlite-wal")).unwrap();
    std::fs::write(other.path().join("region.sqlite"), "something else ".repeat(100)).unwrap();
    assert!(matches!(try_open(other.path(), "eu-west-1"), Err(OpenError::Database { .. })));
    std::fs::write(other.path().join("file"), "").unwrap();
    assert!(matches!(try_open(&other.path().join("file"), "eu-west-1"), Err(OpenError::Io { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_directory_and_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("a/eu-west-1");
    let store = try_open(&dir, "eu-west-1").unwrap();
    put(&store, 1, 1).await;
    store.first_use(&[1; 32], Millis(1), Millis(2)).await.unwrap();
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = 0;
    for file in std::fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        files += 1;
    }
    assert!(files >= 8, "two databases with their logs and locks, and the key ring");
}

#[tokio::test]
async fn unreadable_items_are_reported_and_hide_no_others() {
    let (store, _) = in_memory();
    for n in 1..=5 {
        put(&store, n, 1).await;
        let after = owned(n, [(user(n), ownership(1))]);
        assert_eq!(put_identifiers(&store, [identifier_write(unowned(n), after)]).await, Commit::Done);
        store.append(Log::Journal, &row(user(n), "key")).await.unwrap();
    }
    let damage = |statement: &'static str, key: Vec<u8>| {
        store.0.main.write("damage", move |tx| Ok(tx.prepare_cached(statement)?.execute([&key])?))
    };
    let id = user(3).as_bytes().to_vec();
    damage("UPDATE users SET item = x'09' WHERE id = ?1", id.clone()).await.unwrap();
    damage("UPDATE logs SET item = x'09' WHERE id = ?1", id).await.unwrap();
    let index_of_3 = index(3).as_bytes().to_vec();
    damage("UPDATE identifiers SET item = x'09' WHERE blind_index = ?1", index_of_3).await.unwrap();
    for limit in [1, 3, 5, 10] {
        let (mut after, mut users, mut unreadable) = (None, Vec::new(), Vec::new());
        loop {
            let page = store.scan(after, limit).await.unwrap();
            users.extend(page.records.into_iter().map(|record| record.id));
            unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((users, unreadable), ([1, 2, 4, 5].map(user).to_vec(), vec![Some(user(3))]), "{limit}");
        let (mut users, mut unreadable) = (Vec::new(), Vec::new());
        loop {
            let page = store.scan_rows(Log::Journal, after, limit).await.unwrap();
            users.extend(page.rows.into_iter().map(|row| row.user));
            unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((users, unreadable), ([1, 2, 4, 5].map(user).to_vec(), vec![Some(user(3))]), "{limit}");
        let (mut indexes, mut unreadable) = (Vec::new(), 0);
        loop {
            let page = store.scan_identifiers(after, limit).await.unwrap();
            indexes.extend(page.items.into_iter().map(|item| item.index));
            unreadable += page.unreadable.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((indexes, unreadable), ([1, 2, 4, 5].map(index).to_vec(), 1), "{limit}");
    }
}

fn open_again(dir: &Path) -> Result<RegionStore, OpenError> {
    RegionStore::open(dir, "eu-west-1".parse().unwrap(), clock(), Arc::new(OsEntropy), Options::default())
}

fn recreate(dir: &Path) -> Result<RegionStore, OpenError> {
    RegionStore::recreate(dir, "eu-west-1".parse().unwrap(), clock(), Arc::new(OsEntropy), Options::default())
}

#[test]
fn a_lost_directory_or_database_is_not_made_again_silently() {
    let (store, dir) = on_disk();
    drop(store);
    let (own, database) = (dir.path().join("own"), dir.path().join("region.sqlite"));
    assert!(matches!(open_again(&own), Err(OpenError::Absent(path)) if path == own));
    assert!(!own.exists());
    std::fs::remove_file(&database).unwrap();
    assert!(matches!(open_again(dir.path()), Err(OpenError::Absent(path)) if path == database));
    assert!(!database.exists());
    std::fs::write(&database, "").unwrap();
    assert!(matches!(open_again(dir.path()), Err(OpenError::Absent(_))));
    assert_eq!(std::fs::metadata(&database).unwrap().len(), 0);
    drop(recreate(dir.path()).unwrap());
    open_again(dir.path()).unwrap();
}

#[test]
fn a_database_stays_bound_to_its_key_rings() {
    for name in ["keyring.json", "proof-keyring.json"] {
        stays_bound_to(name);
    }
}

fn stays_bound_to(name: &str) {
    let (store, dir) = on_disk();
    store.keys().rotate().unwrap();
    drop(store);
    drop(open_again(dir.path()).unwrap());
    let ring = dir.path().join(name);
    let own = std::fs::read(&ring).unwrap();
    for lost in [None, Some(&b"{"[..])] {
        match lost {
            None => std::fs::remove_file(&ring).unwrap(),
            Some(text) => std::fs::write(&ring, text).unwrap(),
        }
        for opened in [open_again(dir.path()), try_open(dir.path(), "eu-west-1")] {
            assert!(matches!(opened, Err(OpenError::Keyring(_))));
        }
    }
    let (another, elsewhere) = on_disk();
    drop(another);
    std::fs::copy(elsewhere.path().join(name), &ring).unwrap();
    for opened in [open_again(dir.path()), try_open(dir.path(), "eu-west-1")] {
        assert!(matches!(opened, Err(OpenError::Keyring(KeyringError::Replaced(_)))));
    }
    // Only this binds the data to another ring, and then the former ring is the wrong one.
    drop(recreate(dir.path()).unwrap());
    drop(open_again(dir.path()).unwrap());
    std::fs::write(&ring, own).unwrap();
    assert!(matches!(open_again(dir.path()), Err(OpenError::Keyring(KeyringError::Replaced(_)))));
}

#[test]
fn an_interrupted_creation_is_completed() {
    let (store, dir) = on_disk();
    assert!(!store.is_used().unwrap());
    drop(store);
    std::fs::remove_file(dir.path().join("region.sqlite")).unwrap();
    drop(try_open(dir.path(), "eu-west-1").unwrap());
    open_again(dir.path()).unwrap();
}
