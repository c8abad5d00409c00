//! The writer: runs waiting operations in one transaction, then answers all of them.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use umoja_store::ports::StoreError;

use super::fault::Fault;

/// The most operations in one transaction: enough to share a sync and the pages that bulk work touches at random, few enough to
/// answer soon. Only bulk work waits in such numbers.
const MAX_BATCH: usize = 1024;

/// How many operations of bulk work the writer gathers: a half of those that `umoja import` has in progress, so that the other half is
/// prepared meanwhile.
const GATHERED: usize = 512;
/// How long the writer waits for further operations of bulk work, and how often: until nothing has come for a while.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSES: u32 = 5;

/// A transaction, as operations see it.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    newest: Cell<Option<i64>>,
}

impl Tx<'_> {
    /// Reports a change that was appended to the change log, under this sequence.
    pub(crate) fn changed(&self, sequence: i64) {
        self.newest.set(Some(sequence));
    }

    /// The newest change of this transaction, if it has one. Nothing else writes meanwhile, so no newer one is stored.
    pub(crate) fn newest_change(&self) -> Option<i64> {
        self.newest.get()
    }

    /// Runs a statement that has to change one row. It is an error if it changes none: a trigger can make the database
    /// ignore a write, and a caller must not report as done what was not done.
    pub(crate) fn change_one(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), Fault> {
        if self.prepare_cached(sql)?.execute(params)? == 1 { Ok(()) } else { Err(Fault::ignored()) }
    }

    /// Runs a statement that changes a row unless `is_so` already, and returns whether it did. It is an error if neither
    /// is true.
    pub(crate) fn change_unless(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        is_so: impl FnOnce() -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let changed = self.prepare_cached(sql)?.execute(params)? > 0;
        if changed || is_so()? { Ok(changed) } else { Err(Fault::ignored()) }
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A waiting operation.
pub(super) trait Job: Send {
    /// Runs the operation inside a transaction. May be called again after a rollback.
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Fault>;

    /// Answers after the transaction: with the result of `run`, or with the error.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// An operation with the channel for its answer.
pub(super) struct Work<T, F> {
    what: &'static str,
    task: F,
    value: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work<T, F> {
    pub(super) fn new(what: &'static str, task: F, answer: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { what, task, value: None, answer }
    }
}

impl<T: Send, F: FnMut(&Tx<'_>) -> Result<T, Fault> + Send> Job for Work<T, F> {
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Fault> {
        self.value = Some((self.task)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let unavailable = || StoreError::Unavailable(self.what.to_owned());
        let answer = match outcome {
            Ok(()) => self.value.ok_or_else(unavailable),
            Err(fault) => Err(fault.into_store_error(self.what)),
        };
        // A caller that is gone does not need the answer.
        let _ = self.answer.send(answer);
    }
}

/// How a transaction failed.
enum Failed {
    /// An operation failed; everything was rolled back.
    Operation(Fault),
    /// The transaction could not begin or end.
    Transaction(Fault),
}

/// The owner of the connection that writes.
pub(super) struct Batcher {
    connection: Connection,
    files: Option<(File, WriteAhead)>,
    newest: watch::Sender<u64>,
    gathers: Arc<AtomicBool>,
}

/// The write-ahead log of a file. SQLite empties it only when no reader uses it, so under constant reads it would grow
/// without limit.
pub(super) struct WriteAhead {
    pub(super) path: PathBuf,
    pub(super) limit: u64,
}

impl Batcher {
    pub(super) fn new(connection: Connection, files: Option<(File, WriteAhead)>, newest: watch::Sender<u64>) -> Self {
        Self { connection, files, newest, gathers: Arc::default() }
    }

    /// Whether it waits for further operations before it begins a transaction.
    pub(super) fn gathers(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.gathers)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Serves until all senders are gone.
    pub(super) fn serve(self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        let mut jobs = Vec::with_capacity(MAX_BATCH);
        while waiting.blocking_recv_many(&mut jobs, MAX_BATCH) > 0 {
            if self.gathers.load(Ordering::Relaxed) {
                gather(&mut waiting, &mut jobs);
            }
            let batch = std::mem::take(&mut jobs);
            // The callers of this batch get an error; the callers of other batches are not affected.
            if catch_unwind(AssertUnwindSafe(|| self.run(batch))).is_err() {
                tracing::error!("an operation on the local database panicked");
            }
            self.bound_log();
        }
    }

    /// Empties the write-ahead log if it has grown too long. Waits for readers at most as long as for another writer.
    fn bound_log(&self) {
        let Some((lock, log)) = &self.files else { return };
        if log.path.metadata().is_ok_and(|file| file.len() <= log.limit) {
            return;
        }
        let emptied = Held::new(lock).map_err(|error| error.to_string()).and_then(|_held| {
            let checkpoint = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], checkpoint)
                .map_err(|error| error.to_string())
        });
        if emptied != Ok(0) {
            tracing::warn!(?emptied, "readers keep the write-ahead log from being emptied");
        }
    }

    /// Runs the operations in one transaction. If one fails, runs each in its own transaction, so that a failing
    /// operation does not affect others.
    pub(super) fn run(&self, mut jobs: Vec<Box<dyn Job>>) {
        match self.transact(&mut jobs) {
            Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Failed::Operation(_)) if jobs.len() > 1 => jobs.into_iter().for_each(|job| self.run(vec![job])),
            Err(Failed::Operation(fault) | Failed::Transaction(fault)) => {
                let mut first = Some(fault);
                for job in jobs {
                    let fault = first.take().unwrap_or_else(|| Fault::Store(StoreError::Unavailable("commit".into())));
                    job.answer(Err(fault));
                }
            }
        }
    }

    fn transact(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let _held = self.hold().map_err(|error| {
            tracing::warn!(%error, "the lock of the local database failed");
            Failed::Transaction(Fault::Store(StoreError::Unavailable("lock".into())))
        })?;
        if !self.connection.is_autocommit() {
            // The transaction of an operation that panicked.
            self.execute("ROLLBACK").map_err(|error| Failed::Transaction(error.into()))?;
        }
        self.execute("BEGIN IMMEDIATE").map_err(|error| Failed::Transaction(error.into()))?;
        let tx = Tx { connection: &self.connection, newest: Cell::new(None) };
        let done = jobs.iter_mut().try_for_each(|job| job.run(&tx)).map_err(Failed::Operation);
        let done = done.and_then(|()| self.execute("COMMIT").map_err(|error| Failed::Transaction(error.into())));
        if done.is_err() && !self.connection.is_autocommit() {
            self.execute("ROLLBACK").map_err(|error| Failed::Transaction(error.into()))?;
        }
        done?;
        if let Some(sequence) = tx.newest.get().and_then(|sequence| u64::try_from(sequence).ok()) {
            self.newest.send_replace(sequence);
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn hold(&self) -> io::Result<Option<Held<'_>>> {
        self.files.as_ref().map(|(lock, _)| Held::new(lock)).transpose()
    }
}

/// Adds the operations that follow, until there are enough or nothing more comes.
#[expect(clippy::disallowed_methods, reason = "the writer has a thread of its own, and no virtual time")]
fn gather(waiting: &mut mpsc::Receiver<Box<dyn Job>>, jobs: &mut Vec<Box<dyn Job>>) {
    let mut pauses = 0;
    while jobs.len() < GATHERED && pauses < PAUSES {
        match waiting.try_recv() {
            Ok(job) => {
                jobs.push(job);
                pauses = 0;
            }
            Err(mpsc::error::TryRecvError::Empty) => {
                pauses += 1;
                std::thread::sleep(PAUSE);
            }
            Err(mpsc::error::TryRecvError::Disconnected) => return,
        }
    }
}

/// The advisory lock between processes, while this lives.
pub(super) struct Held<'f>(&'f File);

impl<'f> Held<'f> {
    pub(super) fn new(file: &'f File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the local database cannot be released");
        }
    }
}
