//! SQLite with group commit. One writer thread for each file commits all waiting operations in one durable transaction,
//! and a few read connections serve the callers' threads. In memory there is one connection and no thread.
//!
//! Several processes may have a file open (the command line edits a running deployment). Write transactions first take
//! an advisory lock on a file beside the database. That makes waiting fair and cheap, and avoids a race between a
//! writer and a checkpoint of another process that SQLite had until 3.51.3.

mod batch;
mod connect;
mod fault;
mod settings;
mod snapshot;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use umoja_store::ports::StoreError;

pub(crate) use batch::Tx;
use batch::{Batcher, Job, Work, WriteAhead};
pub(crate) use connect::ConnectError;
pub(crate) use fault::{Fault, readable};
pub(crate) use settings::{Durability, Settings};
pub(crate) use snapshot::Snapshot;

use crate::files::beside;

/// One open database.
pub(crate) struct Engine {
    mode: Mode,
    /// The sequence of the newest change that this process has committed or seen.
    newest: watch::Sender<u64>,
}

enum Mode {
    /// In memory: every operation runs on the caller's thread, in the order of the calls.
    Inline(Mutex<Batcher>),
    File {
        jobs: Option<mpsc::Sender<Box<dyn Job>>>,
        readers: Vec<Mutex<Connection>>,
        turn: AtomicUsize,
        writer: Option<JoinHandle<()>>,
        gathers: Arc<AtomicBool>,
    },
}

impl Engine {
    pub(crate) fn in_memory(schema: &str) -> Result<Self, rusqlite::Error> {
        let newest = watch::Sender::new(0);
        let batcher = Batcher::new(connect::in_memory(schema)?, None, newest.clone());
        Ok(Self { mode: Mode::Inline(Mutex::new(batcher)), newest })
    }

    pub(crate) fn open(settings: &Settings) -> Result<Self, ConnectError> {
        let connect::Files { writer, readers, lock } = connect::files(settings)?;
        let log = WriteAhead { path: beside(&settings.path, "-wal"), limit: settings.log_limit };
        let newest = watch::Sender::new(0);
        let (jobs, waiting) = mpsc::channel(settings.waiting_writes.max(1));
        let batcher = Batcher::new(writer, Some((lock, log)), newest.clone());
        let gathers = batcher.gathers();
        let name = format!("umoja-{}", settings.path.file_stem().unwrap_or_default().to_string_lossy());
        let writer = std::thread::Builder::new().name(name).spawn(move || batcher.serve(waiting))?;
        let mode = Mode::File {
            jobs: Some(jobs),
            readers: readers.into_iter().map(Mutex::new).collect(),
            turn: AtomicUsize::new(0),
            writer: Some(writer),
            gathers,
        };
        Ok(Self { mode, newest })
    }

    /// Runs `work` in a durable transaction, together with other waiting operations. The result is returned after the
    /// commit.
    ///
    /// `work` is repeated if another operation of its batch fails, so it must return the same result each time. If it
    /// fails, none of its writes stay. Once queued it is done even if the caller is gone.
    pub(crate) async fn write<T, F>(&self, what: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Box<dyn Job> = Box::new(Work::new(what, work, answer));
        match &self.mode {
            Mode::Inline(batcher) => held(batcher).run(vec![work]),
            Mode::File { jobs, .. } => {
                let gone = || StoreError::Unavailable(what.to_owned());
                jobs.as_ref().ok_or_else(gone)?.send(work).await.map_err(|_| gone())?;
            }
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(what.to_owned())))
    }

    /// Runs `work` on a read connection, on the caller's thread: a read takes microseconds, less than a change of
    /// threads.
    pub(crate) fn read<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        match &self.mode {
            Mode::Inline(batcher) => work(held(batcher).connection()),
            Mode::File { readers, turn, .. } => work(&free(readers, turn)),
        }
        .map_err(|fault| fault.into_store_error(what))
    }

    /// From now on, an operation waits for those that follow within some milliseconds: for bulk work, which gains more by sharing a
    /// transaction than it loses.
    pub(crate) fn gather(&self) {
        if let Mode::File { gathers, .. } = &self.mode {
            gathers.store(true, Ordering::Relaxed);
        }
    }

    /// Notes a change that was committed earlier.
    pub(crate) fn seen(&self, newest: u64) {
        self.newest.send_replace(newest);
    }

    /// Watches the changes that this process commits.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Mode::File { jobs, writer, .. } = &mut self.mode {
            drop(jobs.take());
            if let Some(writer) = writer.take() {
                // Only a panic of the writer makes this an error, and the panic has been logged.
                let _ = writer.join();
            }
        }
    }
}

/// The first free connection, starting from this caller's turn. If all are taken, waits for the one of its turn.
fn free<'a>(readers: &'a [Mutex<Connection>], turn: &AtomicUsize) -> MutexGuard<'a, Connection> {
    let start = turn.fetch_add(1, Ordering::Relaxed) % readers.len();
    for reader in readers[start..].iter().chain(&readers[..start]) {
        match reader.try_lock() {
            Ok(reader) => return reader,
            Err(TryLockError::Poisoned(reader)) => return reader.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    held(&readers[start])
}

/// A connection is still usable after a panic of its user: a reader's transaction ends with its [`Snapshot`], and the writer's
/// is rolled back before the next begins.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
