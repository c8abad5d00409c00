//! The messages of a queue as Lambda delivers them, and the answer that says which of them are delivered again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_schema::Message;
use umoja_store::ports::{Delivery, Queue, QueueDepth, StoreError};

/// An event of Lambda that is neither messages of a queue nor a run of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event has records that are no messages of a queue")]
pub struct NoMessages;

/// The messages of an invocation.
#[derive(Debug, Default, Deserialize)]
pub struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: String,
}

/// A message as a topic wraps it for a queue that did not ask for raw messages (Amazon SNS Developer Guide, "Raw
/// message delivery").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    r#type: String,
    message: String,
}

impl QueueEvent {
    /// The messages of an event; `None` for a run of a schedule, which has no records.
    ///
    /// # Errors
    /// [`NoMessages`]
    pub fn read(event: Value) -> Result<Option<Self>, NoMessages> {
        if event.get("Records").is_none() {
            return Ok(None);
        }
        serde_json::from_value(event).map(Some).map_err(|_| NoMessages)
    }

    /// The answer by which all of them are delivered again.
    pub fn failed(self) -> QueueAnswer {
        QueueAnswer::of(self.records.into_iter().map(|record| record.message_id))
    }
}

/// The text of a message, also if a topic has wrapped it.
fn unwrapped(body: String) -> String {
    match serde_json::from_str::<Notification>(&body) {
        Ok(notification) if notification.r#type == "Notification" => notification.message,
        _ => body,
    }
}

/// A queue that delivers the messages of one invocation. Lambda has received them, and deletes those that the answer
/// does not name. Messages are sent and released at the queue itself.
pub struct QueueBatch {
    queue: Arc<dyn Queue>,
    unread: Mutex<VecDeque<Delivery>>,
    /// The ids of the messages that are not deleted, by their receipts.
    open: Mutex<BTreeMap<String, String>>,
}

impl QueueBatch {
    /// The messages of an invocation by `queue`.
    pub fn new(event: QueueEvent, queue: Arc<dyn Queue>) -> Self {
        let (mut unread, mut open) = (VecDeque::new(), BTreeMap::new());
        for Record { message_id, receipt_handle, body, attributes } in event.records {
            open.insert(receipt_handle.clone(), message_id);
            let received = attributes.approximate_receive_count.parse().unwrap_or(1);
            unread.push_back(Delivery { text: unwrapped(body), receipt: receipt_handle, received });
        }
        Self { queue, unread: Mutex::new(unread), open: Mutex::new(open) }
    }

    /// Deletes all messages.
    pub fn drop_all(&self) {
        locked(&self.open).clear();
    }

    /// The answer: messages that were not deleted are delivered again.
    pub fn answer(&self) -> QueueAnswer {
        QueueAnswer::of(locked(&self.open).values().cloned())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Queue for QueueBatch {
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        self.queue.send(message, delay_secs).await
    }

    async fn receive(&self, max: usize, _: u32) -> Result<Vec<Delivery>, StoreError> {
        let mut unread = locked(&self.unread);
        let received = max.min(unread.len());
        Ok(unread.drain(..received).collect())
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        locked(&self.open).remove(receipt);
        Ok(())
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

/// The answer to a batch: the messages that are delivered again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueAnswer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl QueueAnswer {
    fn of(ids: impl IntoIterator<Item = String>) -> Self {
        let failures = ids.into_iter().map(|item_identifier| Failure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionState::Serving;
    use umoja_store::inbox;

    fn record(number: u8, body: &str) -> Value {
        json!({
            "messageId": format!("id-{number}"),
            "receiptHandle": format!("receipt-{number}"),
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "3",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:umoja-ingest",
            "awsRegion": "us-east-2"
        })
    }

    fn batch(bodies: &[&str], queue: Arc<dyn Queue>) -> QueueBatch {
        let records: Vec<Value> = (1..).zip(bodies).map(|(number, body)| record(number, body)).collect();
        QueueBatch::new(QueueEvent::read(json!({ "Records": records })).unwrap().unwrap(), queue)
    }

    fn queue() -> Arc<dyn Queue> {
        Regions::new(&["eu"]).home_of(&document(&[("eu", Serving)])).own.ingest
    }

    fn ids(answer: &QueueAnswer) -> Vec<&str> {
        answer.batch_item_failures.iter().map(|failure| &*failure.item_identifier).collect()
    }

    #[tokio::test]
    async fn messages_are_read_raw_and_as_a_topic_wraps_them() {
        let text = inbox::message(&[7; 32]).to_text();
        let wrapped = json!({
            "Type": "Notification",
            "MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:umoja-accepted-events",
            "Message": text,
            "Timestamp": "2012-03-29T05:12:16.901Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService.pem",
            "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
        });
        let batch = batch(&[&text, &wrapped.to_string(), "no JSON"], queue());
        let received = batch.receive(10, 60).await.unwrap();
        assert_eq!(received.iter().map(|delivery| &*delivery.text).collect::<Vec<_>>(), [&*text, &*text, "no JSON"]);
        assert!(received.iter().all(|delivery| delivery.received == 3));
        assert_eq!(batch.receive(10, 60).await.unwrap(), []);
    }

    #[tokio::test]
    async fn only_messages_that_were_not_deleted_are_delivered_again() {
        let batch = batch(&["a", "b", "c"], queue());
        batch.delete("receipt-2").await.unwrap();
        assert_eq!(ids(&batch.answer()), ["id-1", "id-3"]);
        assert_eq!(
            serde_json::to_value(batch.answer()).unwrap(),
            json!({ "batchItemFailures": [{ "itemIdentifier": "id-1" }, { "itemIdentifier": "id-3" }] })
        );
        batch.drop_all();
        assert_eq!(batch.answer(), QueueAnswer::default());
    }

    #[test]
    fn an_event_without_records_is_a_run_of_the_schedule() {
        assert!(QueueEvent::read(json!({})).unwrap().is_none());
        assert_eq!(QueueEvent::read(json!({ "Records": [{ "eventID": "1" }] })).unwrap_err(), NoMessages);
        let event = QueueEvent::read(json!({ "Records": [record(1, "a")] })).unwrap().unwrap();
        assert_eq!(ids(&event.failed()), ["id-1"]);
    }
}
