//! Reading the change log: a region's stream, and the position of each of its readers.

use std::sync::{Arc, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use umoja_store::change::Change;
use umoja_store::ports::StoreError;

use super::RegionStore;
use super::changes::{CHANGES, MAX_SEQUENCE, newest, newest_of};
use crate::codec::{self, int, uint};
use crate::engine::{Fault, Tx};

impl RegionStore {
    /// The oldest changes after `after` (0 for all stored ones), in the order of their commits. Their sequences are
    /// decimal numbers of 20 digits, so that they sort as texts too.
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.0.main.read(CHANGES, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT sequence, table_name, image FROM changes
                 WHERE sequence > ?1 AND sequence < ?2 ORDER BY sequence LIMIT ?3",
            )?;
            let mut rows = select.query(params![int(after), MAX_SEQUENCE, int(limit as u64)])?;
            let mut changes = Vec::new();
            while let Some(row) = rows.next()? {
                // A change that cannot be read must not stop the log: without attributes it is quarantined as unreadable.
                let image = row.get_ref(2)?.as_blob().ok().and_then(|image| codec::decode(image).ok());
                changes.push(Change {
                    table: row.get_ref(1)?.as_str().unwrap_or_default().to_owned(),
                    sequence: format!("{:020}", row.get::<_, i64>(0)?),
                    image: image.unwrap_or_default(),
                });
            }
            Ok(changes)
        })
    }

    /// As [`RegionStore::changes`]. Readers that ask for the same changes one after the other get them by one read.
    pub fn next_changes(&self, after: u64, limit: usize) -> Result<Arc<[Change]>, StoreError> {
        let last = &self.0.read.changes;
        let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, changes)) = known.filter(|(asked, _)| *asked == (after, limit)) {
            return Ok(changes);
        }
        let changes: Arc<[Change]> = self.changes(after, limit)?.into();
        // After these there may be others by now, and none before them.
        if !changes.is_empty() {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(((after, limit), Arc::clone(&changes)));
        }
        Ok(changes)
    }

    /// The sequence of the newest change that this process has committed or was shown. It is not read.
    pub fn noticed_change(&self) -> u64 {
        *self.0.main.newest().borrow()
    }

    /// The sequence of the newest change of any process; 0 if there is none yet. It takes microseconds, so it can be
    /// polled for changes of other processes.
    pub fn newest_change(&self) -> Result<u64, StoreError> {
        newest(&self.0.main)
    }

    /// Waits until this process has committed a change newer than `after`; returns at once if it already has. Does not
    /// notice changes of other processes: wait with a time-out and poll [`RegionStore::newest_change`] too.
    pub async fn wait_for_change(&self, after: u64) {
        // The sender lives as long as this store, so this cannot fail.
        let _ = self.0.main.newest().wait_for(|newest| *newest > after).await;
    }

    /// The position of the reader called `name`; 0 for a new one, which is registered by this call. Changes are kept
    /// until every cursor has passed them.
    ///
    /// A position that no reader can have reached is damaged, and counts as 0: handling a change again has no effect, and
    /// passing over one would lose it.
    pub async fn cursor(&self, name: &str) -> Result<u64, StoreError> {
        if let Some(sequence) = self.0.main.read(CHANGES, |connection| position(connection, name))? {
            return Ok(uint(sequence));
        }
        let name = name.to_owned();
        let open = move |tx: &Tx<'_>| {
            let insert = "INSERT OR IGNORE INTO cursors (name, sequence) VALUES (?1, 0)";
            tx.change_unless(insert, [&name], || Ok(position(tx, &name)?.is_some()))?;
            Ok(uint(position(tx, &name)?.unwrap_or(0)))
        };
        self.0.main.write(CHANGES, open).await
    }

    /// Stores that all changes up to `sequence` have been handled. Never moves back, except from a damaged position.
    pub async fn advance_cursor(&self, name: &str, sequence: u64) -> Result<(), StoreError> {
        let (name, sequence) = (name.to_owned(), int(sequence));
        let advance = move |tx: &Tx<'_>| {
            if position(tx, &name)?.is_none_or(|stored| stored < sequence) {
                let put = "INSERT OR REPLACE INTO cursors (name, sequence) VALUES (?1, ?2)";
                tx.change_one(put, params![name, sequence])?;
            }
            Ok(())
        };
        self.0.main.write(CHANGES, advance).await
    }

    /// Removes a reader, so that no changes are kept for it any more.
    pub async fn remove_cursor(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let remove = move |tx: &Tx<'_>| {
            tx.prepare_cached("DELETE FROM cursors WHERE name = ?1")?.execute([&name])?;
            Ok(())
        };
        self.0.main.write(CHANGES, remove).await
    }

    /// Removes changes that all cursors have passed, at most `limit`; none while there is no cursor.
    pub(super) async fn trim_changes(&self, limit: usize) -> Result<usize, StoreError> {
        let limit = int(limit as u64);
        let trim = move |tx: &Tx<'_>| {
            let newest = newest_of(tx)?;
            let Some(passed) = passed_by_all(tx, newest)? else { return Ok(0) };
            let delete = "DELETE FROM changes WHERE sequence <= min(?1, (SELECT min(sequence) - 1 FROM changes) + ?2)";
            Ok(tx.prepare_cached(delete)?.execute([passed.min(newest - 1), limit])?)
        };
        self.0.main.write(CHANGES, trim).await
    }
}

/// The position of a reader; `None` for an unknown reader. Nothing is believed about a position that is no number, or is
/// ahead of the log.
fn position(connection: &Connection, name: &str) -> Result<Option<i64>, Fault> {
    let mut select = connection.prepare_cached("SELECT sequence FROM cursors WHERE name = ?1")?;
    let mut rows = select.query([name])?;
    rows.next()?.map(|row| Ok(believed(row.get_ref(0)?, newest_of(connection)?))).transpose()
}

/// The position that all readers have passed; `None` without any reader.
fn passed_by_all(connection: &Connection, newest: i64) -> Result<Option<i64>, Fault> {
    let mut select = connection.prepare_cached("SELECT sequence FROM cursors")?;
    let mut rows = select.query([])?;
    let mut passed: Option<i64> = None;
    while let Some(row) = rows.next()? {
        let position = believed(row.get_ref(0)?, newest);
        passed = Some(passed.map_or(position, |passed| passed.min(position)));
    }
    Ok(passed)
}

fn believed(stored: ValueRef<'_>, newest: i64) -> i64 {
    stored.as_i64().ok().filter(|sequence| (0..=newest).contains(sequence)).unwrap_or(0)
}
