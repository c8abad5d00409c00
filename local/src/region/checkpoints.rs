//! Checkpoints of anti-entropy passes and jobs.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::names::table;
use umoja_store::ports::{Checkpoints, StoreError};

use super::RegionStore;
use crate::engine::Tx;

#[async_trait]
impl Checkpoints for RegionStore {
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.main.read(table::CHECKPOINTS, |connection| {
            let mut select = connection.prepare_cached("SELECT state FROM checkpoints WHERE name = ?1")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        let (name, state) = (name.to_owned(), state.to_vec());
        let put = move |tx: &Tx<'_>| {
            tx.prepare_cached("INSERT OR REPLACE INTO checkpoints (name, state) VALUES (?1, ?2)")?
                .execute(params![name, state])?;
            Ok(())
        };
        self.0.main.write(table::CHECKPOINTS, put).await
    }
}
