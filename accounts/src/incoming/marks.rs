//! What is remembered of users that no part remembers.

use async_trait::async_trait;
use umoja_schema::Mark;
use umoja_store::ports::StoreError;

/// What is remembered of users that no part remembers: those that the source has not described yet, and those that it
/// had erased.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The mark of a subject. It is read consistently: it is at least as new as every mark that was remembered before.
    async fn mark(&self, subject: &str) -> Result<Option<Mark>, StoreError>;

    /// Remembers a mark of a subject, unless a greater one is remembered.
    async fn remember(&self, subject: &str, mark: Mark) -> Result<(), StoreError>;
}
