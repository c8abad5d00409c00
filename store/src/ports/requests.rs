use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use umoja_schema::{Millis, UserId};

use super::StoreError;

/// Short-lived records of requests in one region (`replays` and `idempotency`). An expired row counts as absent even
/// before it is deleted.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Remembers a hash until `expires_at`. True for exactly one of any number of callers.
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError>;

    /// Stores the outcome of an idempotency key if none is stored, and returns what is stored then.
    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError>;

    /// Replaces the outcome of an idempotency key.
    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError>;

    /// Makes an idempotency key unused again, if this outcome is still the stored one.
    async fn withdraw(&self, key: &[u8; 32], outcome: &Outcome, now: Millis) -> Result<(), StoreError>;
}

/// What is stored under an idempotency key after [`Requests::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The outcome of this request, as it is stored.
    First(Outcome),
    /// The outcome that an earlier request stored.
    Earlier(Outcome),
}

/// The record of a request with an idempotency key. It contains no personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The keyed hash of the operation and its body without passwords, unpadded base64url.
    pub request: String,
    /// A random text, which a part that the request writes keeps. A part with it shows a retry that the request was
    /// done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The status of the answer; `None` while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The user that the request was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// The version that the request made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The proof, and members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}
