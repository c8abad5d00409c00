use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, UserId};

use super::StoreError;

/// What is remembered of requests for a while, in one region (`replays` and `idempotency`). Expired rows count as
/// absent even before they are deleted.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Remembers a hash until `expires_at`; true for exactly one of any number of callers.
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError>;

    /// Stores the outcome of an idempotency key if none is stored; else gives the stored one.
    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: &Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Option<Outcome>, StoreError>;

    /// Replaces the outcome of an idempotency key.
    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError>;
}

/// What is kept of a request with an idempotency key. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// SHA-256 of the operation and its body, unpadded base64url.
    pub request: String,
    /// The status of the answer; nothing while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The user that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// The version that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
