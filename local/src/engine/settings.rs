//! How a database is opened.

use std::path::PathBuf;

/// The durability of a database's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Every commit is synced before it is acknowledged.
    Full,
    /// Commits survive the end of the process at once, and a loss of power after the next checkpoint.
    Process,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The database's file; the lock file is beside it.
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    /// Whether the file is made if it is absent, and its tables if they are.
    pub(crate) makes: bool,
    /// The statements that create the tables. They must be repeatable.
    pub(crate) schema: String,
    pub(crate) readers: usize,
    /// How many writes may wait for the writer; further callers wait for a place.
    pub(crate) waiting_writes: usize,
    /// The size in bytes of the write-ahead log at which writers wait until readers let it be emptied.
    pub(crate) log_limit: u64,
}
