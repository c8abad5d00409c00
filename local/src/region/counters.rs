//! Counters of attempts: decided in memory, written behind.
//!
//! A counter that changes is in memory and in one of two append-only files before the attempt is made, so the end of the
//! process loses no count. From time to time the counters of one file go into the database in few transactions, while the
//! other file is written; then the first one is emptied. Memory therefore holds what changed lately, and the database the
//! rest: a device is remembered for a month.
//!
//! Another process, such as a command beside the one that serves, reads files and database as they are, and asks in a table
//! for a counter to be forgotten. The process that serves looks there before it rejects an attempt, and at each housekeeping.
//!
//! A row in memory wins over the database, and the file that is written over the other one. A file that is read again after
//! its rows went into the database changes nothing: it holds values, not changes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use umoja_schema::Millis;
use umoja_schema::names::table;
use umoja_store::ports::{StoreError, Tally};

use super::appended::Appended;
use crate::codec::{int, uint};
use crate::engine::{Engine, Fault, Tx, readable};

/// The names of the files.
pub(crate) const FILES: [&str; 2] = ["attempts-0.log", "attempts-1.log"];

/// A key, the values of its counter, and the number of the file, all numbers big-endian.
const RECORD: usize = 32 + 4 * 8;

/// The most rows of one transaction.
const BATCH: usize = 1_000;

/// The most rows for which memory is kept.
const KEPT_ROOM: usize = 1 << 14;

/// A counter as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) count: u64,
    pub(super) locked_until: Millis,
    pub(super) expires_at: Millis,
}

impl Counter {
    /// The tally, if the counter has not expired. A count that is none starts again: who can damage a counter can delete it.
    pub(super) fn tally(self, now: Millis) -> Option<Tally> {
        let Self { count, locked_until, expires_at } = self;
        let count = u32::try_from(count).ok().filter(|_| expires_at > now)?;
        Some(Tally { count, locked_until, expires_at })
    }

    pub(super) fn of(tally: &Tally) -> Self {
        Self { count: tally.count.into(), locked_until: tally.locked_until, expires_at: tally.expires_at }
    }
}

/// In the place of a counter that was forgotten.
const FORGOTTEN: Counter = Counter { count: 0, locked_until: Millis(0), expires_at: Millis(0) };

/// A counter in memory, and whether the database may have one under its key.
#[derive(Debug, Clone, Copy)]
struct Row {
    counter: Counter,
    is_stored: bool,
}

/// The rows of a file. The keys are keyed hashes, which no caller can choose, so the hasher needs no secret.
type Rows = HashMap<[u8; 32], Row, BuildHasherDefault<DefaultHasher>>;

/// A file and its rows.
#[derive(Default)]
struct Half {
    file: Appended,
    number: u64,
    rows: Rows,
}

/// The files, the one that is written first. Its number is the greater one.
#[derive(Default)]
struct Halves {
    written: Half,
    /// Its rows go into the database.
    settling: Half,
    /// The number of the last request of another process to forget a counter that was done.
    forgot: i64,
}

impl Halves {
    /// Of two files as they were read.
    fn of(one: Half, other: Half) -> Self {
        let [mut written, settling] = if one.number >= other.number { [one, other] } else { [other, one] };
        written.number = written.number.max(1);
        Self { written, settling, forgot: 0 }
    }

    /// The row of a key that is in memory.
    fn row(&self, key: &[u8; 32]) -> Option<Row> {
        let settling = || self.settling.rows.get(key).map(|row| Row { is_stored: true, ..*row });
        self.written.rows.get(key).copied().or_else(settling)
    }
}

/// The counters of a region. Only the process that serves the region may use them.
pub(super) struct Counters {
    dir: Option<PathBuf>,
    database: Arc<Engine>,
    /// Read at the first use: a process that only opens the store must neither read nor write the files.
    halves: Mutex<Option<Halves>>,
    /// One at a time, so that no older value of a counter reaches the database after a newer one.
    turn: tokio::sync::Mutex<()>,
}

impl Counters {
    /// The counters in a directory, or in memory.
    pub(super) fn new(dir: Option<&Path>, database: Arc<Engine>) -> Self {
        Self { dir: dir.map(Path::to_owned), database, halves: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The counter of a key, whether or not it has expired.
    pub(super) fn get(&self, key: &[u8; 32]) -> Result<Option<Counter>, StoreError> {
        self.change(key, |counter| (counter, None))
    }

    /// Forgets the counter of a key.
    pub(super) fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.change(key, |counter| ((), counter.map(|_| FORGOTTEN)))
    }

    /// Decides by the counter of a key what it is from now on; `None` leaves it as it is. No other decision about it is made
    /// meanwhile.
    pub(super) fn change<T>(
        &self,
        key: &[u8; 32],
        decide: impl FnOnce(Option<Counter>) -> (T, Option<Counter>),
    ) -> Result<T, StoreError> {
        let mut halves = self.lock();
        let halves = match &mut *halves {
            Some(halves) => halves,
            unread => unread.insert(self.read()?),
        };
        let mut row = self.row(halves, key)?;
        if row.is_some_and(|row| row.counter.locked_until > Millis(0)) && self.forget_as_asked(halves)? {
            row = self.row(halves, key)?;
        }
        let known = row.map(|row| row.counter).filter(|counter| *counter != FORGOTTEN);
        let (decided, next) = decide(known);
        if let Some(counter) = next {
            let is_stored = row.is_some_and(|row| row.is_stored);
            halves.written.put(key, Row { counter, is_stored }).map_err(unwritable)?;
        }
        Ok(decided)
    }

    /// The counter of a key, for a process that does not serve the region: as the files and the database have it.
    pub(super) fn look(&self, key: &[u8; 32]) -> Result<Option<Counter>, StoreError> {
        let halves = self.paths().map(|[one, other]| Ok(Halves::of(Half::look(&one)?, Half::look(&other)?)));
        let halves = halves.transpose().map_err(unreadable)?.unwrap_or_default();
        let asked = self.database.read(table::ATTEMPTS, |connection| asked(connection, 0))?;
        let row =
            if asked.iter().any(|(_, asked)| asked.as_ref() == Some(key)) { None } else { self.row(&halves, key)? };
        Ok(row.map(|row| row.counter).filter(|counter| *counter != FORGOTTEN))
    }

    /// Asks the process that serves the region to forget the counter of a key.
    pub(super) async fn ask_to_forget(&self, key: [u8; 32]) -> Result<(), StoreError> {
        let ask = move |tx: &Tx<'_>| tx.change_one("INSERT INTO forgotten (key) VALUES (?1)", [key]);
        self.database.write(table::ATTEMPTS, ask).await
    }

    /// Forgets what another process has asked for. True if that was something.
    fn forget_as_asked(&self, halves: &mut Halves) -> Result<bool, StoreError> {
        let asked = self.database.read(table::ATTEMPTS, |connection| asked(connection, halves.forgot))?;
        for (number, key) in &asked {
            if let Some(key) = key {
                halves.written.put(key, Row { counter: FORGOTTEN, is_stored: true }).map_err(unwritable)?;
            }
            halves.forgot = *number;
        }
        Ok(!asked.is_empty())
    }

    /// The row of a key in memory or else in the database.
    fn row(&self, halves: &Halves, key: &[u8; 32]) -> Result<Option<Row>, StoreError> {
        if let Some(row) = halves.row(key) {
            return Ok(Some(row));
        }
        let stored = self.database.read(table::ATTEMPTS, |connection| stored(connection, key))?;
        Ok(stored.map(|counter| Row { counter, is_stored: true }))
    }

    /// Passes what changed to the database.
    pub(super) async fn settle(&self, now: Millis) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let (rows, forgot): (Vec<_>, i64) = {
            let mut halves = self.lock();
            let Some(halves) = &mut *halves else { return Ok(()) };
            self.forget_as_asked(halves)?;
            // Rows that could not be written the last time are still there.
            if halves.settling.rows.is_empty() && !halves.written.rows.is_empty() {
                std::mem::swap(&mut halves.settling, &mut halves.written);
                halves.written.number = halves.settling.number + 1;
            }
            let rows = halves.settling.rows.iter().map(|(key, row)| (*key, *row));
            // What came and went is not written at all.
            (rows.filter(|(_, row)| row.is_stored || row.counter.expires_at > now).collect(), halves.forgot)
        };
        for batch in rows.chunks(BATCH) {
            let batch = batch.to_vec();
            let write = move |tx: &Tx<'_>| batch.iter().try_for_each(|(key, row)| put(tx, key, &row.counter, now));
            self.database.write(table::ATTEMPTS, write).await?;
        }
        if let Some(halves) = &mut *self.lock() {
            halves.settling.empty().map_err(unwritable)?;
        }
        if forgot > 0 {
            let done = move |tx: &Tx<'_>| {
                Ok(tx.prepare_cached("DELETE FROM forgotten WHERE number <= ?1")?.execute([forgot]).map(drop)?)
            };
            self.database.write(table::ATTEMPTS, done).await?;
        }
        Ok(())
    }

    fn read(&self) -> Result<Halves, StoreError> {
        let Some([one, other]) = self.paths() else { return Ok(Halves::default()) };
        let read = |path: &Path| Half::read(path).map_err(unwritable);
        let mut halves = Halves::of(read(&one)?, read(&other)?);
        self.forget_as_asked(&mut halves)?;
        Ok(halves)
    }

    fn paths(&self) -> Option<[PathBuf; 2]> {
        self.dir.as_ref().map(|dir| FILES.map(|name| dir.join(name)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Halves>> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Half {
    fn read(path: &Path) -> io::Result<Self> {
        let mut half = Self::default();
        half.file = Appended::read(path, |record| half.take(record))?;
        Ok(half)
    }

    /// The rows of a file that another process writes.
    fn look(path: &Path) -> io::Result<Self> {
        let mut half = Self::default();
        Appended::look(path, |record| half.take(record))?;
        Ok(half)
    }

    fn take(&mut self, record: &[u8; RECORD]) {
        let (key, numbers) = record.split_at(32);
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut next = || numbers.next().unwrap_or_default();
        let counter = Counter { count: next(), locked_until: Millis(next()), expires_at: Millis(next()) };
        self.number = next();
        if let Ok(key) = key.try_into() {
            self.rows.insert(key, Row { counter, is_stored: true });
        }
    }

    fn put(&mut self, key: &[u8; 32], row: Row) -> io::Result<()> {
        let Counter { count, locked_until, expires_at } = row.counter;
        let mut record = [0; RECORD];
        let (start, numbers) = record.split_at_mut(32);
        start.copy_from_slice(key);
        for (place, number) in
            numbers.as_chunks_mut().0.iter_mut().zip([count, locked_until.0, expires_at.0, self.number])
        {
            *place = number.to_be_bytes();
        }
        self.file.append(&record, "counts of attempts")?;
        self.rows.insert(*key, row);
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.empty()?;
        self.rows.clear();
        self.rows.shrink_to(KEPT_ROOM);
        Ok(())
    }
}

fn unwritable(error: io::Error) -> StoreError {
    tracing::error!(%error, "counts of attempts cannot be written");
    StoreError::Unavailable("counts of attempts cannot be written".into())
}

fn unreadable(error: io::Error) -> StoreError {
    tracing::error!(%error, "counts of attempts cannot be read");
    StoreError::Unavailable("counts of attempts cannot be read".into())
}

/// The number of a request to forget, and its key; `None` for what is no key.
type Asked = (i64, Option<[u8; 32]>);

/// What other processes have asked to forget, after the request with this number.
fn asked(connection: &Connection, after: i64) -> Result<Vec<Asked>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT number, key FROM forgotten WHERE number > ?1 ORDER BY number")?;
    let key = |stored: ValueRef<'_>| stored.as_blob().ok()?.try_into().ok();
    let rows = select.query_map([after], |row| Ok((row.get(0)?, key(row.get_ref(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The counter in the database. One that cannot be read is lost, and is counted from zero: who can damage it can delete it,
/// and otherwise its key would be locked for ever.
fn stored(connection: &Connection, key: &[u8; 32]) -> Result<Option<Counter>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT count, locked_until, expires_at FROM attempts WHERE key = ?1")?;
    let mut rows = select.query([key])?;
    let read = |row: &rusqlite::Row<'_>| -> Result<Counter, Fault> {
        let number = |at| row.get(at).map(uint);
        Ok(Counter { count: number(0)?, locked_until: Millis(number(1)?), expires_at: Millis(number(2)?) })
    };
    Ok(rows.next()?.map(|row| readable(read(row))).transpose()?.flatten())
}

/// Stores a counter in the database, or deletes it if it has expired.
fn put(tx: &Tx<'_>, key: &[u8; 32], counter: &Counter, now: Millis) -> Result<(), Fault> {
    if counter.expires_at <= now {
        tx.prepare_cached("DELETE FROM attempts WHERE key = ?1")?.execute([key])?;
        return Ok(());
    }
    tx.change_one(
        "INSERT OR REPLACE INTO attempts (key, count, locked_until, expires_at) VALUES (?1, ?2, ?3, ?4)",
        params![key, int(counter.count), int(counter.locked_until.0), int(counter.expires_at.0)],
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::schema;
    use super::*;

    const NOW: Millis = Millis(1_000);
    const LATER: Millis = Millis(1_000_000);

    fn key(n: u8) -> [u8; 32] {
        [n; 32]
    }

    fn database() -> Arc<Engine> {
        Arc::new(Engine::in_memory(schema::SHORT).unwrap())
    }

    fn counter(count: u64) -> Counter {
        Counter { count, locked_until: Millis(7), expires_at: LATER }
    }

    fn put(counters: &Counters, n: u8, counter: Counter) {
        counters.change(&key(n), |_| ((), Some(counter))).unwrap();
    }

    fn settle(counters: &Counters) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(counters.settle(NOW)).unwrap();
    }

    fn stored(database: &Engine) -> i64 {
        let count = "SELECT count(*) FROM attempts";
        database.read("test", |connection| Ok(connection.query_row(count, [], |row| row.get(0))?)).unwrap()
    }

    #[test]
    fn what_came_and_went_does_not_reach_the_database() {
        let (dir, database) = (tempfile::tempdir().unwrap(), database());
        let counters = Counters::new(Some(dir.path()), Arc::clone(&database));
        put(&counters, 1, counter(1));
        counters.forget(&key(1)).unwrap();
        put(&counters, 2, counter(1));
        put(&counters, 3, Counter { expires_at: NOW, ..counter(1) });
        settle(&counters);
        assert_eq!(stored(&database), 1);
        counters.forget(&key(2)).unwrap();
        settle(&counters);
        assert_eq!((stored(&database), counters.get(&key(2))), (0, Ok(None)));
    }

    #[test]
    fn what_another_process_forgets_is_not_rejected_any_more() {
        let (dir, database) = (tempfile::tempdir().unwrap(), database());
        let serving = Counters::new(Some(dir.path()), Arc::clone(&database));
        let other = Counters::new(Some(dir.path()), Arc::clone(&database));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for in_memory in [true, false] {
            put(&serving, 1, counter(5));
            put(&serving, 2, counter(5));
            if !in_memory {
                settle(&serving);
            }
            assert_eq!(other.look(&key(1)), Ok(Some(counter(5))));
            runtime.block_on(other.ask_to_forget(key(1))).unwrap();
            assert_eq!(other.look(&key(1)), Ok(None));
            assert_eq!((serving.get(&key(1)), serving.get(&key(2))), (Ok(None), Ok(Some(counter(5)))));
            // It is counted again, and asked once.
            put(&serving, 1, counter(1));
            assert_eq!(serving.get(&key(1)), Ok(Some(counter(1))));
            settle(&serving);
            assert_eq!((serving.get(&key(1)), other.look(&key(1))), (Ok(Some(counter(1))), Ok(Some(counter(1)))));
        }
        // Without a process that serves, the next one does it.
        runtime.block_on(other.ask_to_forget(key(2))).unwrap();
        assert_eq!(Counters::new(Some(dir.path()), Arc::clone(&database)).get(&key(2)), Ok(None));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "who looks makes no file");
    }

    #[test]
    fn memory_and_files_hold_only_what_changed_since_the_database_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let counters = Counters::new(Some(dir.path()), database());
        let length = || -> u64 { FILES.map(|name| dir.path().join(name).metadata().unwrap().len()).iter().sum() };
        for round in 0..3 {
            for n in 0..100 {
                put(&counters, n, counter(round));
            }
            assert_eq!(length(), 100 * RECORD as u64);
            settle(&counters);
            assert_eq!(length(), 0);
            let halves = counters.lock();
            assert!(
                halves.as_ref().unwrap().written.rows.is_empty() && halves.as_ref().unwrap().settling.rows.is_empty()
            );
        }
        assert_eq!(counters.get(&key(99)), Ok(Some(counter(2))));
    }

    #[test]
    fn a_process_that_only_opens_a_store_makes_no_file() {
        let dir = tempfile::tempdir().unwrap();
        settle(&Counters::new(Some(dir.path()), database()));
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    /// What happens to the counters of a few keys.
    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, u64),
        Forget(u8),
        Settle,
        /// The process ends. With `true`, the database was written by then and the file was not emptied yet.
        Restart(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..5u8, 1..9u64).prop_map(|(n, count)| Step::Put(n, count)),
            2 => (0..5u8).prop_map(Step::Forget),
            1 => Just(Step::Settle),
            1 => any::<bool>().prop_map(Step::Restart),
        ]
    }

    proptest! {
        #[test]
        fn counters_are_the_same_after_the_process_ended_at_any_moment(
            steps in proptest::collection::vec(step(), 1..60),
        ) {
            let (dir, database) = (tempfile::tempdir().unwrap(), database());
            let files = FILES.map(|name| dir.path().join(name));
            let open = || Counters::new(Some(dir.path()), Arc::clone(&database));
            let (mut counters, mut model, mut before) = (open(), BTreeMap::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Put(n, count) => {
                        put(&counters, n, counter(count));
                        model.insert(n, counter(count));
                    }
                    Step::Forget(n) => {
                        counters.forget(&key(n)).unwrap();
                        model.remove(&n);
                    }
                    Step::Settle => {
                        before = files.iter().filter_map(|file| std::fs::read(file).ok()).collect();
                        settle(&counters);
                    }
                    Step::Restart(is_early) => {
                        drop(counters);
                        for (file, before) in files.iter().zip(&before).filter(|_| is_early) {
                            if file.metadata().unwrap().len() == 0 {
                                std::fs::write(file, before).unwrap();
                            }
                        }
                        before.clear();
                        counters = open();
                    }
                }
                for n in 0..5 {
                    prop_assert_eq!(counters.get(&key(n)), Ok(model.get(&n).copied()));
                }
            }
        }
    }
}
