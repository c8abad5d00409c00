use async_trait::async_trait;
use umoja_schema::Message;

use super::StoreError;

/// One durable queue with at-least-once delivery, visibility time-outs and dead letters (what SQS calls a standard
/// queue with a redrive policy).
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts a message in; it can be received after `delay_secs` (at most 900).
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError>;

    /// Takes out up to `max` (at most 10) messages and hides them for `visibility_secs`. A message that was received
    /// too often goes to the dead letters instead.
    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Removes a received message for good.
    async fn delete(&self, receipt: &str) -> Result<(), StoreError>;

    /// Makes a received message visible again after `delay_secs`.
    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError>;

    /// Takes out up to `max` (at most 10) dead letters and hides them for `visibility_secs`: for an operator, who sends
    /// them back with [`Queue::redrive`] or puts them down again with [`Queue::release_dead`].
    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Sends a received dead letter back to the queue as a new message, whose receives are counted anew, and then removes
    /// it from the dead letters. One that is interrupted between the two has done the first: doing it again sends the
    /// message twice, and what a message asks for is done twice as once.
    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError>;

    /// Makes a received dead letter visible to [`Queue::receive_dead`] again.
    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError>;

    /// How much is in it (approximate on SQS).
    async fn depth(&self) -> Result<QueueDepth, StoreError>;
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The text of the message: [`Message::from_text`] reads it.
    pub text: String,
    /// What to delete or release it by.
    pub receipt: String,
    /// How often it has been received, this time included.
    pub received: u32,
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that can be received, or will be after their delay.
    pub waiting: u64,
    /// Messages that were received and neither deleted nor released.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}
