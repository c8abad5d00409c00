//! How far sweeps have come.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::names::table;
use umoja_store::ports::{StoreError, Sweeps};

use super::RegionStore;
use crate::engine::Tx;

#[async_trait]
impl Sweeps for RegionStore {
    async fn sweep(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.main.read(table::SWEEPS, |connection| {
            let mut select = connection.prepare_cached("SELECT state FROM sweeps WHERE name = ?1")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    async fn put_sweep(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        let (name, state) = (name.to_owned(), state.to_vec());
        let put = move |tx: &Tx<'_>| {
            tx.prepare_cached("INSERT OR REPLACE INTO sweeps (name, state) VALUES (?1, ?2)")?
                .execute(params![name, state])?;
            Ok(())
        };
        self.0.main.write(table::SWEEPS, put).await
    }
}
