//! How a database is opened.

use std::path::PathBuf;

/// What the files of a database promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Every commit is synced before it is acknowledged.
    Full,
    /// Commits survive the process at once and a loss of power after the next checkpoint.
    Process,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The database's file; the lock's is beside it.
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    /// What makes the tables; has to be repeatable.
    pub(crate) schema: String,
    pub(crate) readers: usize,
    /// Writes that may wait for the writer; more callers than that wait for a place.
    pub(crate) waiting_writes: usize,
    /// How many bytes the write-ahead log may grow to before writers wait until readers let it be emptied.
    pub(crate) log_limit: u64,
}
