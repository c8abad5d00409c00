//! Checkpoints of anti-entropy passes and jobs.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use umoja_schema::names::table;
use umoja_store::ports::{Checkpoints, StoreError};

use super::RegionStore;
use crate::engine::{Fault, Tx, readable};

#[async_trait]
impl Checkpoints for RegionStore {
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.main.read(table::CHECKPOINTS, |connection| stored(connection, name))
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        let (name, state) = (name.to_owned(), state.to_vec());
        let put = move |tx: &Tx<'_>| {
            let put = "INSERT OR REPLACE INTO checkpoints (name, state) VALUES (?1, ?2)";
            tx.change_one(put, params![name, state])
        };
        self.0.main.write(table::CHECKPOINTS, put).await
    }

    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        let (name, expected, state) = (name.to_owned(), expected.map(<[u8]>::to_vec), state.to_vec());
        let replace = move |tx: &Tx<'_>| {
            if stored(tx, &name)? != expected {
                return Ok(false);
            }
            let put = "INSERT OR REPLACE INTO checkpoints (name, state) VALUES (?1, ?2)";
            tx.change_one(put, params![name, state])?;
            Ok(true)
        };
        self.0.main.write(table::CHECKPOINTS, replace).await
    }
}

fn stored(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = connection.prepare_cached("SELECT state FROM checkpoints WHERE name = ?1")?;
    let mut rows = select.query([name])?;
    // A state that cannot be read is lost, as the port allows.
    let state = rows.next()?.map(|row| readable(row.get(0).map_err(Fault::from))).transpose()?;
    Ok(state.flatten())
}
