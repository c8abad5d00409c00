//! A queue that is rung through an SNS topic, so that an operator's own subscribers hear of every message too.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use umoja_schema::Message;
use umoja_store::ports::{Delivery, Queue, QueueDepth, StoreError};

use crate::error;

/// A queue whose messages without a delay are published to a topic that the queue subscribes. Everything else is done
/// at the queue itself.
#[derive(Clone)]
pub struct TopicQueue {
    client: Client,
    arn: String,
    queue: Arc<dyn Queue>,
}

impl TopicQueue {
    pub(crate) fn new(client: Client, arn: &str, queue: Arc<dyn Queue>) -> Self {
        Self { client, arn: arn.to_owned(), queue }
    }
}

#[async_trait]
impl Queue for TopicQueue {
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        if delay_secs > 0 {
            return self.queue.send(message, delay_secs).await;
        }
        let published = self.client.publish().topic_arn(&self.arn).message(message.to_text()).send().await;
        published.map(|_| ()).map_err(|e| error::store("Publish", &e))
    }

    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.queue.receive(max, visibility_secs).await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        self.queue.delete(receipt).await
    }

    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        self.queue.release(receipt, delay_secs).await
    }

    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.queue.receive_dead(max, visibility_secs).await
    }

    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError> {
        self.queue.redrive(dead).await
    }

    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError> {
        self.queue.release_dead(receipt).await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.queue.depth().await
    }
}
