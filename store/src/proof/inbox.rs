//! Documents of the inbox that are proved.

use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::Millis;
use umoja_schema::names::attribute::PROOF;
use umoja_schema::names::table;

use super::Proved;
use super::registry::version_of;
use super::requests::id;
use crate::ports::{Etag, Inbox, InboxDocument, InboxPage, StoreError};

impl Proved<dyn Inbox> {
    /// The document without its proof, or without its members if they do not verify.
    async fn verified(&self, key: &[u8; 32], mut stored: InboxDocument) -> Result<InboxDocument, StoreError> {
        let Some(mut members) = stored.members.take() else { return Ok(stored) };
        let keys = self.proofs.keys_for([version_of(members.get(PROOF))]).await?;
        if keys.verified_document(table::INBOX, &id(key), &mut members).is_ok() {
            stored.members = Some(members);
        } else {
            tracing::error!(key = id(key), "the proof of a document of the inbox does not verify");
        }
        Ok(stored)
    }

    async fn verified_page(&self, page: InboxPage) -> Result<InboxPage, StoreError> {
        let InboxPage { documents: stored, strays, next } = page;
        let mut documents = Vec::with_capacity(stored.len());
        for (key, document) in stored {
            documents.push((key, self.verified(&key, document).await?));
        }
        Ok(InboxPage { documents, strays, next })
    }
}

#[async_trait]
impl Inbox for Proved<dyn Inbox> {
    async fn inbox_document(&self, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError> {
        match self.inner.inbox_document(key, now).await? {
            Some(stored) => self.verified(key, stored).await.map(Some),
            None => Ok(None),
        }
    }

    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        let mut document = document.clone();
        self.proofs.keys().await?.document(table::INBOX, &id(key), &mut document)?;
        self.inner.replace_inbox_document(key, stored, &document, now, expires_at).await
    }

    async fn scan_inbox(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.verified_page(self.inner.scan_inbox(after, limit, now).await?).await
    }

    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.verified_page(self.inner.scan_waiting(after, limit, now).await?).await
    }
}
