//! [`Queue`] on SQS: a standard queue whose redrive policy moves messages that were received too often to its
//! dead-letter queue.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use umoja_schema::Message;
use umoja_store::ports::{Delivery, Queue, QueueDepth, StoreError};

use crate::error;

/// Long polling queries all servers of a queue. Short polling queries some, and can miss messages (Amazon SQS Developer
/// Guide, "Short and long polling").
const WAIT_SECS: i32 = 1;

/// One queue and its dead-letter queue.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letter_url: String,
}

impl SqsQueue {
    pub(crate) fn new(client: Client, url: &str, dead_letter_url: &str) -> Self {
        Self { client, url: url.to_owned(), dead_letter_url: dead_letter_url.to_owned() }
    }

    /// The numbers of waiting and in-flight messages.
    async fn counts(&self, url: &str) -> Result<(u64, u64), StoreError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let names = Some(vec![Visible, Delayed, InFlight]);
        let answer = self.client.get_queue_attributes().queue_url(url).set_attribute_names(names).send().await;
        let answer = answer.map_err(|e| error::store("GetQueueAttributes", &e))?;
        let count = |name| {
            let text = answer.attributes.as_ref().and_then(|attributes| attributes.get(&name));
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
        };
        Ok((count(Visible) + count(Delayed), count(InFlight)))
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        self.send_text(&message.to_text(), delay_secs).await
    }

    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.receive_from(&self.url, max, visibility_secs).await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        self.delete_from(&self.url, receipt).await
    }

    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        self.release_to(&self.url, receipt, delay_secs).await
    }

    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.receive_from(&self.dead_letter_url, max, visibility_secs).await
    }

    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError> {
        self.send_text(&dead.text, 0).await?;
        self.delete_from(&self.dead_letter_url, &dead.receipt).await
    }

    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError> {
        self.release_to(&self.dead_letter_url, receipt, 0).await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let (waiting, in_flight) = self.counts(&self.url).await?;
        let (dead, dead_in_flight) = self.counts(&self.dead_letter_url).await?;
        Ok(QueueDepth { waiting, in_flight, dead: dead + dead_in_flight })
    }
}

impl SqsQueue {
    async fn send_text(&self, text: &str, delay_secs: u32) -> Result<(), StoreError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(text);
        let sent = request.delay_seconds(seconds(delay_secs, 900)).send().await;
        sent.map(|_| ()).map_err(|e| error::store("SendMessage", &e))
    }

    async fn receive_from(&self, url: &str, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max.clamp(1, 10)).unwrap_or(10))
            .visibility_timeout(seconds(visibility_secs, MAX_VISIBILITY))
            .wait_time_seconds(WAIT_SECS)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|e| error::store("ReceiveMessage", &e))?;
        let delivery = |message: aws_sdk_sqs::types::Message| {
            let count = message.attributes?.remove(&MessageSystemAttributeName::ApproximateReceiveCount)?;
            Some(Delivery { text: message.body?, receipt: message.receipt_handle?, received: count.parse().ok()? })
        };
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(delivery).collect())
    }

    async fn delete_from(&self, url: &str, receipt: &str) -> Result<(), StoreError> {
        let deleted = self.client.delete_message().queue_url(url).receipt_handle(receipt).send().await;
        deleted.map(|_| ()).map_err(|e| error::store("DeleteMessage", &e))
    }

    async fn release_to(&self, url: &str, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        let change = self.client.change_message_visibility().queue_url(url).receipt_handle(receipt);
        let changed = change.visibility_timeout(seconds(delay_secs, MAX_VISIBILITY)).send().await;
        changed.map(|_| ()).map_err(|e| error::store("ChangeMessageVisibility", &e))
    }
}

/// Twelve hours (Amazon SQS API Reference).
const MAX_VISIBILITY: u32 = 43_200;

fn seconds(secs: u32, max: u32) -> i32 {
    i32::try_from(secs.min(max)).unwrap_or(i32::MAX)
}
