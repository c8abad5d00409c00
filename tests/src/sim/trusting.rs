//! The rule about proofs that can be disabled: see [`super::rules`].

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::{BlindIndex, IdentifierItem, Item, Key, Part, PartRecord, Region, UserId, Version};
use umoja_store::ports::{
    Commit, Etag, IdentifierPage, KeyAdded, KeyRemoved, LinkedAccountPage, Page, Parts, StoreError, Users, Writes,
};

use super::rules::Rule;

/// Proves what is written, and uses what is stored without a check.
pub(super) struct Trusting {
    proved: Arc<dyn Users>,
    raw: Arc<dyn Users>,
}

impl Trusting {
    /// The users of a region that lacks a rule.
    pub(super) fn without(rule: Option<Rule>, proved: Arc<dyn Users>, raw: Arc<dyn Users>) -> Arc<dyn Users> {
        if rule == Some(Rule::Proved) { Arc::new(Self { proved, raw }) } else { proved }
    }
}

#[async_trait]
impl Users for Trusting {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        self.raw.part(id, part).await
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        self.raw.parts(id).await
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        self.raw.ownerships(indexes).await
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.raw.linked_accounts(id).await
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        self.proved.commit(writes).await
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        self.proved.derive(id, profile, writes).await
    }

    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        self.raw.scan_identifiers(after, limit).await
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        self.raw.scan_linked_accounts(after, limit).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        self.proved.add_wrapped_key(id, part, version, region, replaced, wrapped).await
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        self.proved.remove_wrapped_key(id, part, version, region).await
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.raw.etag(key).await
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        self.proved.replace(item, etag).await
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        self.proved.drop_unreadable_identifier(index).await
    }

    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        self.raw.scan(after, limit).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.proved.probe().await
    }
}
