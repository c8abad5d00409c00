//! How a user stands at a company, and what is remembered of users that no part remembers.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use umoja_schema::Millis;
use umoja_store::ports::StoreError;

/// How a user stands at the company of a source. Of two that hold at the same time, the greater one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The user may log in.
    Active,
    /// The user may not log in.
    Suspended,
    /// The provider has deleted the user, who may not log in.
    Deleted,
}

/// The standing of a user since a time. The newest one is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The provider's time.
    pub at: Millis,
    /// The standing.
    pub standing: Standing,
}

/// What is remembered of users that no part remembers: those that the source has not described yet, and those that it
/// had erased.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The mark of a subject. It is read consistently: it is at least as new as every mark that was remembered before.
    async fn mark(&self, subject: &str) -> Result<Option<Mark>, StoreError>;

    /// Remembers a mark of a subject, unless a greater one is remembered.
    async fn remember(&self, subject: &str, mark: Mark) -> Result<(), StoreError>;
}
