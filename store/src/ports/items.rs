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

    /// All items about a user, in the order of their keys.
    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError>;

    /// Deletes all items about a user, those too that cannot be read; gives how many. For an erasure, and for nothing else.
    /// It does not appear in the region's stream.
    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError>;

    /// Items of all users in the order of the adapter, from after `after` on. One that is written meanwhile may be left out;
    /// one that cannot be read is told.
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
    /// Whose items were left out because they cannot be read; nothing where the key cannot be read either.
    pub unreadable: Vec<Option<UserId>>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

impl ItemPage {
    /// The page, for those who must not leave anything out.
    ///
    /// # Errors
    /// If something of it cannot be read.
    pub fn whole(self) -> Result<Self, StoreError> {
        if self.unreadable.is_empty() { Ok(self) } else { Err(ItemError::new("item").into()) }
    }
}
