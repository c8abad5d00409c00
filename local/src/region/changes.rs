//! The ordered change log, which a region's stream reads.

use rusqlite::{Connection, params};
use umoja_store::ports::StoreError;

use crate::codec::{int, uint};
use crate::engine::{Engine, Fault, Tx};

pub(super) const CHANGES: &str = "changes";

/// No sequence that Umoja gives reaches this. A row that has it or more is no change: behind such a row SQLite would number
/// new changes at random, and readers that have passed it would never see them.
pub(super) const MAX_SEQUENCE: i64 = 1 << 62;

/// Appends a change in the transaction that makes it.
///
/// A sequence is never reused although the table does not store a counter: trimming leaves the newest row.
pub(super) fn append(tx: &Tx<'_>, table: &'static str, image: &[u8]) -> Result<(), Fault> {
    let newest = tx.newest_change().map_or_else(|| newest_of(tx), Ok)?;
    let sequence = uint(newest) + 1;
    if int(sequence) >= MAX_SEQUENCE {
        return Err(StoreError::Rejected("a change after the last possible sequence".into()).into());
    }
    let insert = "INSERT INTO changes (sequence, table_name, image) VALUES (?1, ?2, ?3)";
    tx.change_one(insert, params![int(sequence), table, image])?;
    tx.changed(int(sequence));
    Ok(())
}

pub(super) fn newest(engine: &Engine) -> Result<u64, StoreError> {
    engine.read(CHANGES, |connection| Ok(uint(newest_of(connection)?)))
}

/// The sequence of the newest change; 0 if there is none.
pub(super) fn newest_of(connection: &Connection) -> Result<i64, Fault> {
    let mut select = connection.prepare_cached("SELECT max(sequence) FROM changes WHERE sequence < ?1")?;
    Ok(select.query_row([MAX_SEQUENCE], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0).max(0))
}
