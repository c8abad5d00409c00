//! Copies of the databases of several regions, as all of them were at one moment.
//!
//! Each region writes for itself, and the others learn of it. If one database was copied after the other, the copy of one region
//! could hold events, or uses of tokens, that the copy of the region that made them lacks, and that region would give their
//! numbers again. So the locks of all writers are held while a read transaction begins in each database. The writers then continue, and
//! what the transactions see is copied: the state in which a loss of power at that moment would have left the regions.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use umoja_schema::Region;

use crate::engine::{Held, reader};
use crate::files::{self, beside};
use crate::region::{ATTEMPTS, KEYRING, MAIN, PROOF_KEYRING, counters};

/// The databases of a region.
const DATABASES: [&str; 2] = [MAIN, ATTEMPTS];

/// Other files of a region, which are small: the key rings, and the ids of requests and the counts of attempts of the last minutes.
const SMALL: [&str; 6] =
    [KEYRING, PROOF_KEYRING, "requests-0.log", "requests-1.log", counters::FILES[0], counters::FILES[1]];

/// How many pages are copied at once, of 8 KiB each.
const PAGES: i32 = 1024;

/// All files of a region's directory that a backup has to hold.
pub const FILES: [&str; 8] = [SMALL[0], SMALL[1], SMALL[2], SMALL[3], SMALL[4], SMALL[5], DATABASES[0], DATABASES[1]];

/// Why a database cannot be copied, or a copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine failed.
    #[error("{path}: {reason}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// The engine's message.
        reason: String,
    },
}

/// The regions of a deployment at one moment. It keeps the write-ahead logs from being emptied, so it should not last longer than
/// the copying.
pub struct Cut {
    regions: Vec<RegionCut>,
}

struct RegionCut {
    region: Region,
    small: Vec<(&'static str, Vec<u8>)>,
    databases: Vec<Database>,
}

/// A database with an open read transaction, which ends with the connection.
struct Database {
    name: &'static str,
    path: PathBuf,
    connection: Connection,
    pages: u64,
    page_size: u64,
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.regions.iter().map(|cut| &cut.region)).finish()
    }
}

impl Cut {
    /// The regions in these directories, at this moment. Writers of any process wait meanwhile: some milliseconds.
    ///
    /// # Errors
    /// If a file cannot be opened or read.
    pub fn of(regions: &[(Region, PathBuf)]) -> Result<Self, BackupError> {
        // All who hold several of these locks take them in one order.
        let mut regions: Vec<_> = regions.iter().collect();
        regions.sort();
        let locks = regions.iter().map(|(_, dir)| lock(dir)).collect::<Result<Vec<_>, _>>()?;
        let held = locks.iter().map(|(path, lock)| Held::new(lock).map_err(|source| io_error(path, source)));
        let held = held.collect::<Result<Vec<_>, _>>()?;
        let regions = regions.into_iter().map(|(region, dir)| RegionCut::of(region, dir)).collect::<Result<_, _>>()?;
        drop(held);
        Ok(Self { regions })
    }

    /// The regions, in the order of their names.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().map(|cut| &cut.region)
    }

    /// The size of all databases, in bytes.
    pub fn bytes(&self) -> u64 {
        self.regions.iter().flat_map(|cut| &cut.databases).map(|database| database.pages * database.page_size).sum()
    }

    /// The small files of a region, with their names.
    pub fn small<'c>(&'c self, region: &'c Region) -> impl Iterator<Item = (&'static str, &'c [u8])> {
        let of_region = self.regions.iter().filter(move |cut| cut.region == *region);
        of_region.flat_map(|cut| cut.small.iter().map(|(name, bytes)| (*name, &**bytes)))
    }

    /// Copies the databases of a region into a directory, under their names. `copied` is called with the number of bytes after each
    /// part.
    ///
    /// # Errors
    /// If a database cannot be read, or a copy not be written.
    pub fn copy(&self, region: &Region, dir: &Path, mut copied: impl FnMut(u64)) -> Result<Vec<PathBuf>, BackupError> {
        let databases = self.regions.iter().filter(|cut| cut.region == *region).flat_map(|cut| &cut.databases);
        databases.map(|database| database.copy(dir, &mut copied)).collect()
    }
}

impl RegionCut {
    fn of(region: &Region, dir: &Path) -> Result<Self, BackupError> {
        let databases = DATABASES.iter().map(|name| Database::open(name, dir.join(name))).collect::<Result<_, _>>()?;
        let read = |name: &'static str| {
            let path = dir.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => Some(Ok((name, bytes))),
                // A region that has never been served has seen no requests.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => Some(Err(io_error(&path, source))),
            }
        };
        let small = SMALL.into_iter().filter_map(read).collect::<Result<_, _>>()?;
        Ok(Self { region: region.clone(), small, databases })
    }
}

impl Database {
    fn open(name: &'static str, path: PathBuf) -> Result<Self, BackupError> {
        let failed = |error| database_error(&path, error);
        let connection = reader(&path).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        // The transaction begins with its first read.
        let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
        let pages = number("page_count").map_err(failed)?.into();
        let page_size = number("page_size").map_err(failed)?.into();
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
        Ok(Self { name, path, connection, pages, page_size })
    }

    fn copy(&self, dir: &Path, copied: &mut impl FnMut(u64)) -> Result<PathBuf, BackupError> {
        let path = dir.join(self.name);
        files::private_file(&path).map_err(|source| io_error(&path, source))?;
        let failed = |error| database_error(&path, error);
        let mut to = Connection::open(&path).map_err(failed)?;
        // The copy is of use only once it is whole.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(failed)?;
        let backup = Backup::new(&self.connection, &mut to).map_err(failed)?;
        loop {
            match backup.step(PAGES).map_err(|error| database_error(&self.path, error))? {
                StepResult::Done => break,
                StepResult::More => copied(u64::from(PAGES.unsigned_abs()) * self.page_size),
                _ => {
                    let reason = "it is locked by another program".to_owned();
                    return Err(BackupError::Database { path: self.path.clone(), reason });
                }
            }
        }
        drop(backup);
        Ok(path)
    }
}

/// Checks that each database of a region's directory is whole: every page and index is read.
///
/// # Errors
/// What is wrong, of the first database that is not whole.
pub fn check(dir: &Path) -> Result<(), BackupError> {
    for name in DATABASES {
        let path = dir.join(name);
        let failed = |error| database_error(&path, error);
        let connection = reader(&path).map_err(failed)?;
        let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if said != "ok" {
            return Err(BackupError::Database { path, reason: said });
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<(PathBuf, File), BackupError> {
    let path = beside(&dir.join(MAIN), ".lock");
    let file = files::private_file(&path).map_err(|source| io_error(&path, source))?;
    Ok((path, file))
}

fn io_error(path: &Path, source: io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), source }
}

fn database_error(path: &Path, error: rusqlite::Error) -> BackupError {
    BackupError::Database { path: path.to_owned(), reason: error.to_string() }
}
