//! Opening SQLite with the settings that durability and locking depend on.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::batch::Held;
use super::settings::{Durability, Settings};
use crate::files::{self, beside};

/// The layout of the tables that this code writes. Software with a lower number does not know some of them, and must not
/// write.
const LAYOUT: i64 = 3;
/// How long to wait for a process that does not use the advisory lock.
const BUSY: Duration = Duration::from_secs(5);
/// The page cache of a connection that reads, in KiB (negative, as SQLite counts it). It is small because the operating system
/// also caches the files' pages, once for all connections, and because every commit of others empties it.
const CACHE_KIB: i64 = -4096;
/// The page cache of the connection that writes, in KiB. It holds the pages that an import of 100,000 users touches at random,
/// and only as many as are used.
const WRITER_CACHE_KIB: i64 = -32_768;
/// After how many pages of the write-ahead log its content is written into the file: 64 MB, half of the length at which writers
/// wait. A page that is written often is then copied once.
const CHECKPOINT_PAGES: i64 = 8_000;
/// Statements that each connection keeps ready.
const STATEMENTS: usize = 128;

/// Why a database cannot be opened.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Io(io::Error),
    Engine(rusqlite::Error),
    NewerLayout,
    Absent,
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for ConnectError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// The connections of one file, and the lock between processes.
pub(super) struct Files {
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    pub(super) lock: File,
}

pub(super) fn in_memory(schema: &str) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(schema)?;
    Ok(connection)
}

pub(super) fn files(settings: &Settings) -> Result<Files, ConnectError> {
    let path = &settings.path;
    // SQLite takes an empty file for a new database, and deletes the write-ahead log that still holds the content.
    let is_absent = || path.metadata().map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |m| m.len() == 0);
    if !settings.makes && is_absent() {
        return Err(ConnectError::Absent);
    }
    let lock = files::private_file(&beside(path, ".lock"))?;
    // The first connection may recover the write-ahead log, which must not happen while another process writes.
    let held = Held::new(&lock)?;
    // SQLite creates its other files with the mode of this one.
    files::private_file(path)?;
    let writer = connect(path)?;
    if !settings.makes && layout(&writer)? == 0 {
        return Err(ConnectError::Absent);
    }
    prepare_writer(&writer, settings)?;
    let readers = (0..settings.readers.max(1)).map(|_| reader(path)).collect::<Result<_, _>>()?;
    drop(held);
    Ok(Files { writer, readers, lock })
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Closing must not checkpoint, because it happens outside the advisory lock.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Otherwise a statement is compiled again whenever the bound of a range is another one.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Larger than the default: most items take about 2 KB, and a page that holds several of them saves overflow pages.
    connection.pragma_update(None, "page_size", 8192)?;
    Ok(connection)
}

fn prepare_writer(writer: &Connection, settings: &Settings) -> Result<(), ConnectError> {
    writer.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match settings.durability {
        Durability::Full => "FULL",
        Durability::Process => "NORMAL",
    };
    writer.pragma_update(None, "synchronous", synchronous)?;
    // Only has an effect where a plain sync stops at the drive's own memory (macOS).
    writer.pragma_update(None, "fullfsync", true)?;
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    writer.pragma_update(None, "journal_size_limit", 64 << 20)?;
    writer.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    // Overwritten data does not stay readable in the file, where that costs no additional write.
    writer.pragma_update(None, "secure_delete", "FAST")?;
    let layout = layout(writer)?;
    if layout > LAYOUT {
        return Err(ConnectError::NewerLayout);
    }
    writer.execute_batch(&settings.schema)?;
    if layout < LAYOUT {
        writer.pragma_update(None, "user_version", LAYOUT)?;
    }
    Ok(())
}

/// The layout of the tables; 0 before they are made.
fn layout(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let reader = connect(path)?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(reader)
}
