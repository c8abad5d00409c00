//! Reading the change log: a region's stream, and the position of each of its readers.

use rusqlite::{OptionalExtension as _, params};
use umoja_store::change::Change;
use umoja_store::ports::StoreError;

use super::RegionStore;
use super::changes::{CHANGES, newest};
use crate::codec::{self, int, uint};
use crate::engine::Tx;

impl RegionStore {
    /// The oldest changes after `after` (0 for all stored ones), in the order of their commits. Their sequences are
    /// decimal numbers of 20 digits, so that they sort as texts too.
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.0.main.read(CHANGES, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT sequence, table_name, image FROM changes WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let mut rows = select.query(params![int(after), i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut changes = Vec::new();
            while let Some(row) = rows.next()? {
                changes.push(Change {
                    table: row.get(1)?,
                    sequence: format!("{:020}", row.get::<_, i64>(0)?),
                    // A damaged image must not stop the log: without attributes the change is quarantined as
                    // unreadable.
                    image: codec::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?).unwrap_or_default(),
                });
            }
            Ok(changes)
        })
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
    pub async fn cursor(&self, name: &str) -> Result<u64, StoreError> {
        let read = "SELECT sequence FROM cursors WHERE name = ?1";
        let known = self.0.main.read(CHANGES, |connection| {
            Ok(connection.prepare_cached(read)?.query_row([name], |row| row.get::<_, i64>(0)).optional()?)
        })?;
        if let Some(sequence) = known {
            return Ok(uint(sequence));
        }
        let name = name.to_owned();
        let open = move |tx: &Tx<'_>| {
            tx.prepare_cached("INSERT OR IGNORE INTO cursors (name, sequence) VALUES (?1, 0)")?.execute([&name])?;
            Ok(uint(tx.prepare_cached(read)?.query_row([&name], |row| row.get(0))?))
        };
        self.0.main.write(CHANGES, open).await
    }

    /// Stores that all changes up to `sequence` have been handled. Never moves back.
    pub async fn advance_cursor(&self, name: &str, sequence: u64) -> Result<(), StoreError> {
        let (name, sequence) = (name.to_owned(), int(sequence));
        let advance = move |tx: &Tx<'_>| {
            tx.prepare_cached(
                "INSERT INTO cursors (name, sequence) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET sequence = ?2 WHERE sequence < ?2",
            )?
            .execute(params![name, sequence])?;
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
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let trim = move |tx: &Tx<'_>| {
            let delete = "DELETE FROM changes WHERE sequence <= min(
                (SELECT min(sequence) FROM cursors),
                (SELECT max(sequence) - 1 FROM changes),
                (SELECT min(sequence) - 1 FROM changes) + ?1)";
            Ok(tx.prepare_cached(delete)?.execute([limit])?)
        };
        self.0.main.write(CHANGES, trim).await
    }
}
