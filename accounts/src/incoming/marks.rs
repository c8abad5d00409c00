//! What is remembered of users that no part remembers.

use async_trait::async_trait;
use umoja_schema::{Mark, Marked};
use umoja_store::ports::StoreError;

/// What is remembered of users that no part remembers: those that the source has not described yet, and those that it
/// had erased.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The marks of a subject. They are read consistently, with every mark that was remembered before.
    async fn marked(&self, subject: &str) -> Result<Option<Marked>, StoreError>;

    /// Remembers a mark of a subject beside those before.
    async fn remember(&self, subject: &str, mark: Mark) -> Result<(), StoreError>;
}
