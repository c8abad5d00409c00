//! The ordered change log, which a region's stream reads.

use rusqlite::params;
use umoja_store::ports::StoreError;

use crate::codec::uint;
use crate::engine::{Engine, Fault, Tx};

pub(super) const CHANGES: &str = "changes";

/// Appends a change in the transaction that makes it.
///
/// A sequence is never reused although the table does not store a counter: trimming leaves the newest row.
pub(super) fn append(tx: &Tx<'_>, table: &'static str, image: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached("INSERT INTO changes (table_name, image) VALUES (?1, ?2)")?.execute(params![table, image])?;
    tx.changed(tx.last_insert_rowid());
    Ok(())
}

pub(super) fn newest(engine: &Engine) -> Result<u64, StoreError> {
    engine.read(CHANGES, |connection| {
        let mut select = connection.prepare_cached("SELECT max(sequence) FROM changes")?;
        Ok(uint(select.query_row([], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0)))
    })
}
