//! Rows that are proved.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::{Key, Log, LogRow, UserId};

use super::Proofs;
use crate::ports::{Logs, RowPage, StoreError, Users};
use crate::proof_keys::version_of;

impl Proofs {
    /// Rows that are proved when they are written and verified when they are read.
    pub fn logs(self: &Arc<Self>, logs: Arc<dyn Logs>, users: Arc<dyn Users>) -> Arc<dyn Logs> {
        Arc::new(ProvedLogs { inner: logs, users, proofs: Arc::clone(self) })
    }
}

/// The rows of a region, and what replaces one that does not verify.
struct ProvedLogs {
    inner: Arc<dyn Logs>,
    users: Arc<dyn Users>,
    proofs: Arc<Proofs>,
}

impl ProvedLogs {
    async fn verified(&self, log: Log, stored: Option<LogRow>) -> Result<Option<LogRow>, StoreError> {
        let Some(stored) = stored else { return Ok(None) };
        let keys = self.proofs.keys_for([version_of(&stored.unknown)]).await?;
        Ok(Some(keys.verified_row(log, stored)?))
    }
}

#[async_trait]
impl Logs for ProvedLogs {
    /// A stored row that cannot be read or verified counts as absent, and is replaced.
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        let proved = self.proofs.keys().await?.row(log, row);
        if self.inner.append(log, &proved).await? {
            return Ok(true);
        }
        if !matches!(self.row(log, row.user, &row.key).await, Err(StoreError::Unreadable(_))) {
            return Ok(false);
        }
        let key = Key { table: log.entry(), user: row.user, sort: row.key.clone() };
        let Some(etag) = self.users.etag(&key).await? else { return Ok(false) };
        self.users.replace(&(log, proved).into(), &etag).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        let stored = self.inner.row(log, user, key).await?;
        self.verified(log, stored).await
    }

    /// Rows that do not verify are left out, so that one of them does not hide the others. A scan reports them.
    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        let stored = self.inner.rows(log, user).await?;
        let keys = self.proofs.keys_for(stored.iter().map(|row| version_of(&row.unknown))).await?;
        let mut verified = Vec::with_capacity(stored.len());
        for row in stored {
            match keys.verified_row(log, row) {
                Ok(row) => verified.push(row),
                Err(error) => tracing::error!(%user, table = log.table(), %error, "a row does not verify"),
            }
        }
        Ok(verified)
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        let stored = self.inner.last_row(log, user, prefix).await?;
        self.verified(log, stored).await
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        self.inner.drop_row(log, user, key).await
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        let RowPage { rows, mut unreadable, next } = self.inner.scan_rows(log, after, limit).await?;
        let keys = self.proofs.keys_for(rows.iter().map(|row| version_of(&row.unknown))).await?;
        let mut verified = Vec::with_capacity(rows.len());
        for row in rows {
            let user = row.user;
            match keys.verified_row(log, row) {
                Ok(row) => verified.push(row),
                Err(_) => unreadable.push(Some(user)),
            }
        }
        Ok(RowPage { rows: verified, unreadable, next })
    }
}
