//! What waits to be sent from a region.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};
use umoja_schema::names::table;
use umoja_schema::{Millis, UserId};
use umoja_store::cursor;
use umoja_store::ports::{Due, DuePage, DueRow, Etag, StoreError};

use super::json::{from_json, json};
use super::{RegionStore, place};
use crate::cell::Cell;
use crate::codec::{int, uint};
use crate::engine::{Fault, Tx};

#[async_trait]
impl Due for RegionStore {
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError> {
        self.0.main.read(table::DUE, |connection| stored(connection, target, user))
    }

    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        expected: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        let row = row.map(|(at, members)| Ok::<_, StoreError>((int(at.0), json(members)?))).transpose()?;
        let (target, expected) = (target.to_owned(), expected.cloned());
        let replace = move |tx: &Tx<'_>| {
            if stored(tx, &target, user)?.map(|row| row.etag) != expected {
                return Ok(false);
            }
            match &row {
                Some((at, document)) => {
                    let put = "INSERT OR REPLACE INTO due (target, id, due_at, document) VALUES (?1, ?2, ?3, ?4)";
                    tx.change_one(put, params![target, user.as_bytes(), at, document])?;
                }
                None if expected.is_some() => {
                    let delete = "DELETE FROM due WHERE target = ?1 AND id = ?2";
                    tx.change_one(delete, params![target, user.as_bytes()])?;
                }
                None => {}
            }
            Ok(true)
        };
        self.0.main.write(table::DUE, replace).await
    }

    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError> {
        let (at, user) = match after {
            Some(after) => {
                let read = cursor::read(&after).and_then(|(at, user)| Some((at.parse::<i64>().ok()?, user)));
                let (at, user) = read.ok_or_else(place::unknown)?;
                let user: UserId = user.parse().map_err(|_| place::unknown())?;
                (at, user.as_bytes().to_vec())
            }
            None => (i64::MIN, Vec::new()),
        };
        let limit = limit.max(1);
        self.0.main.read(table::DUE, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT document, due_at, id FROM due
                 WHERE target = ?1 AND (due_at, id) > (?2, ?3) AND due_at <= ?4
                 AND typeof(due_at) = 'integer' AND typeof(id) = 'blob' AND length(id) = 16
                 ORDER BY due_at, id LIMIT ?5",
            )?;
            let mut read = select.query(params![target, at, user, int(until.0), int(limit as u64)])?;
            let mut rows: Vec<(UserId, DueRow)> = Vec::new();
            while let Some(row) = read.next()? {
                let user = Cell::from(row.get_ref(2)?).bytes().map(UserId::from_bytes);
                rows.extend(user.map(|user| Ok::<_, Fault>((user, due_row(row)?))).transpose()?);
            }
            let last = rows.last().filter(|_| rows.len() == limit);
            let next = last.map(|(user, row)| cursor::write(&row.at.0.to_string(), &user.to_string()));
            Ok(DuePage { rows, next })
        })
    }
}

fn stored(connection: &Connection, target: &str, user: UserId) -> Result<Option<DueRow>, Fault> {
    let mut select = connection.prepare_cached("SELECT document, due_at FROM due WHERE target = ?1 AND id = ?2")?;
    Ok(select.query_row(params![target, user.as_bytes()], due_row).optional()?)
}

/// A row from its document and its time. A time that is no number is long ago.
fn due_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<DueRow> {
    let (document, at) = (row.get_ref(0)?, Cell::from(row.get_ref(1)?));
    let members = document.as_str().ok().and_then(|text| from_json(text).ok());
    let etag = cursor::write(&at.encode(), &Cell::from(document).encode());
    Ok(DueRow { members, at: Millis(uint(at.number().unwrap_or(0))), etag: Etag(etag.into_bytes()) })
}
