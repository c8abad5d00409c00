//! The list of users that a provider has.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::StoreError;

/// A page of the users of a pool.
#[derive(Clone, Default, PartialEq)]
pub struct PoolPage {
    /// The users in the provider's own form. They are personal data.
    pub users: Vec<Map<String, Value>>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

/// The users of a pool of an identity provider, as the provider lists them.
#[async_trait]
pub trait UserPool: Send + Sync {
    /// A page of the users of a pool, in no particular order, starting after `after`. All pages together have every
    /// user that existed before the first page was read and exists after the last one was.
    ///
    /// # Errors
    /// If the provider does not answer or rejects the call.
    async fn users(&self, pool: &str, after: Option<&str>) -> Result<PoolPage, StoreError>;
}
