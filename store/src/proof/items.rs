//! Versioned items that are verified.

use async_trait::async_trait;
use umoja_schema::{Item, Replicated, UserId, VersionedItem};

use super::Proved;
use crate::ports::{ItemPage, Items, StoreError};
use crate::proof_keys::version_of;

impl Proved<dyn Items> {
    /// The items of a user that verify. One that does not is reported and left out.
    async fn verified_items(
        &self,
        table: &'static Replicated,
        user: UserId,
        stored: Vec<VersionedItem>,
    ) -> Result<Vec<VersionedItem>, StoreError> {
        let keys = self.proofs.keys_for(stored.iter().map(|item| version_of(&item.unknown))).await?;
        let verified = stored.into_iter().filter_map(|item| match keys.verified_item(item) {
            Ok(item) => Some(item),
            Err(error) => {
                tracing::error!(%user, table = table.name, %error, "an item does not verify");
                None
            }
        });
        Ok(verified.collect())
    }
}

#[async_trait]
impl Items for Proved<dyn Items> {
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        key: &str,
    ) -> Result<Option<VersionedItem>, StoreError> {
        let Some(stored) = self.inner.item(table, user, key).await? else { return Ok(None) };
        let keys = self.proofs.keys_for([version_of(&stored.unknown)]).await?;
        Ok(Some(keys.verified_item(stored)?))
    }

    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError> {
        let stored = self.inner.items(table, user).await?;
        self.verified_items(table, user, stored).await
    }

    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError> {
        let stored = self.inner.items_under(table, user, prefixes).await?;
        self.verified_items(table, user, stored).await
    }

    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
        self.inner.drop_items(table, user).await
    }

    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError> {
        self.inner.drop_item(item).await
    }

    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        let ItemPage { items, mut unreadable, next } = self.inner.scan_items(table, after, limit).await?;
        let versions = items.iter().map(|item| match item {
            Item::Versioned(item) => version_of(&item.unknown),
            Item::Part(_) | Item::Row(..) => None,
        });
        let keys = self.proofs.keys_for(versions).await?;
        let mut verified = Vec::with_capacity(items.len());
        for item in items {
            let user = item.user();
            match keys.verified(item) {
                Ok(item) => verified.push(item),
                Err(_) => unreadable.push(Some(user)),
            }
        }
        Ok(ItemPage { items: verified, unreadable, next })
    }
}
