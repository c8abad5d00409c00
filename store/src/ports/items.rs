use async_trait::async_trait;
use umoja_schema::{Item, ItemError, Replicated, UserId, VersionedItem};

use super::StoreError;

/// The tables of versioned items of one region. They are written with [`Users::commit`](super::Users::commit).
#[async_trait]
pub trait Items: Send + Sync {
    /// One item.
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        key: &str,
    ) -> Result<Option<VersionedItem>, StoreError>;

    /// All items about a user that can be read, in the order of their keys. One that cannot be read does not hide the others.
    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError>;

    /// The items about a user that can be read and whose key begins with one of these prefixes: prefix by prefix, in the order of their keys.
    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError>;

    /// Deletes all items of a user, including unreadable ones, and returns their number. Only for an erasure. The
    /// deletion does not appear in the region's stream.
    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError>;

    /// Deletes an item if its version is still the stored one. True if it was. Only for an item that has expired, where no
    /// database deletes it by itself. The deletion does not appear in the region's stream.
    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError>;

    /// Items of all users, in the order of the adapter, starting after `after`. The page may omit an item that is
    /// written meanwhile, and reports an unreadable one.
    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError>;
}

/// A page of a scan of a replicated table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<Item>,
    /// The users of the items that are unreadable; `None` where the key is unreadable too.
    pub unreadable: Vec<Option<UserId>>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

impl ItemPage {
    /// The page, for a caller that must not omit any item.
    ///
    /// # Errors
    /// If an item of the page is unreadable.
    pub fn whole(self) -> Result<Self, StoreError> {
        if self.unreadable.is_empty() { Ok(self) } else { Err(ItemError::new("item").into()) }
    }
}
