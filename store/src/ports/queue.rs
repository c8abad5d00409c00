use async_trait::async_trait;
use umoja_schema::Message;

use super::StoreError;

/// One durable queue with at-least-once delivery, visibility time-outs and dead letters (what SQS calls a standard
/// queue with a redrive policy).
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends a message. It can be received after `delay_secs` (at most 900).
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError>;

    /// Receives up to `max` messages (of SQS at most 10) and hides them for `visibility_secs`. A message that was received too
    /// often becomes a dead letter instead.
    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Deletes a received message.
    async fn delete(&self, receipt: &str) -> Result<(), StoreError>;

    /// Makes a received message visible again after `delay_secs`.
    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError>;

    /// Receives up to `max` dead letters (of SQS at most 10) and hides them for `visibility_secs`. An operator then sends each
    /// of them back with [`Queue::redrive`] or makes it visible again with [`Queue::release_dead`].
    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Sends a received dead letter back to the queue as a new message with a receive count of zero, and then deletes
    /// the dead letter. If the call is interrupted between the two steps, a second call sends the message twice. That
    /// is harmless, because every message is idempotent.
    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError>;

    /// Makes a received dead letter visible to [`Queue::receive_dead`] again.
    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError>;

    /// The number of messages in the queue (approximate on SQS).
    async fn depth(&self) -> Result<QueueDepth, StoreError>;
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The text of the message: [`Message::from_text`] reads it.
    pub text: String,
    /// The handle to delete or release the message.
    pub receipt: String,
    /// How often the message was received, including this time.
    pub received: u32,
}

/// The number of messages in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that can be received, now or after their delay.
    pub waiting: u64,
    /// Messages that were received, and neither deleted nor released.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}
