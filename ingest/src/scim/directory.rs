//! What the server needs from the users of a company.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::{Company, IngestSource, Millis, UserId};

use super::error::ScimError;
use super::filter::Key;
use super::resource::Resource;

/// The client of a request: a company, and the source that its token belongs to.
#[derive(Debug, Clone)]
pub struct Client {
    /// The company whose users it reads and writes.
    pub company: Arc<Company>,
    /// The source.
    pub source: Arc<IngestSource>,
}

/// A user of a company.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub id: UserId,
    /// The version over all that the client sees of it.
    pub version: String,
    /// Since when the company knows it.
    pub created: Millis,
    /// The time of its last change.
    pub modified: Millis,
    /// Its attributes.
    pub user: Resource,
}

/// Some users of a company in an order that stays the same.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Their ids.
    pub ids: Vec<UserId>,
    /// Where the next page begins. `None` at the end.
    pub next: Option<String>,
}

/// The users of companies.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Makes a user, or brings back one that the client had deleted.
    ///
    /// # Errors
    /// `uniqueness` if the company has a user with the same user name.
    async fn create(&self, client: &Client, user: &Resource) -> Result<Entry, ScimError>;

    /// A user. `None` if the company has no such user, or has deleted it.
    async fn read(&self, client: &Client, id: UserId) -> Result<Option<Entry>, ScimError>;

    /// Replaces the attributes of a user.
    ///
    /// # Errors
    /// 412 if the user is no longer as in `before`.
    async fn replace(&self, client: &Client, before: &Entry, user: &Resource) -> Result<Entry, ScimError>;

    /// Deletes a user for the company, and returns whether there was one.
    async fn delete(&self, client: &Client, before: &Entry) -> Result<(), ScimError>;

    /// The users that have a key.
    async fn find(&self, client: &Client, key: &Key) -> Result<Vec<Entry>, ScimError>;

    /// The users among the next `limit` stored items after a position.
    async fn page(&self, client: &Client, after: Option<String>, limit: usize) -> Result<Page, ScimError>;
}
