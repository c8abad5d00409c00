use std::sync::atomic::{AtomicU64, Ordering};

use umoja_schema::{Key, Part, UserId};

use super::*;
use umoja_host::OsEntropy;

use crate::RegionStore;

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

fn store() -> (RegionStore, Arc<SetClock>) {
    let clock = Arc::new(SetClock(AtomicU64::new(1_700_000_000_000)));
    (RegionStore::in_memory("a".parse().unwrap(), Arc::clone(&clock) as _, Arc::new(OsEntropy)), clock)
}

fn message(n: u8) -> Message {
    Key::of_part(UserId::v8([n; 16]), Part::Profile).to_message()
}

/// Receives and releases until no message is visible any more.
async fn wear_out(queue: &LocalQueue) {
    loop {
        let deliveries = queue.receive(10, 60).await.unwrap();
        if deliveries.is_empty() {
            return;
        }
        for delivery in deliveries {
            queue.release(&delivery.receipt, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn redriving_a_dead_letter_twice_makes_one_message() {
    let (store, _) = store();
    let queue = store.queue("keys");
    queue.send(&message(1), 0).await.unwrap();
    wear_out(&queue).await;
    let dead = queue.receive_dead(10, 60).await.unwrap().remove(0);
    queue.redrive(&dead).await.unwrap();
    queue.redrive(&dead).await.unwrap();
    assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 1, in_flight: 0, dead: 0 }));
}

#[tokio::test]
async fn an_outdated_receipt_has_no_effect() {
    let (store, clock) = store();
    let queue = store.queue("keys");
    queue.send(&message(1), 0).await.unwrap();
    let first = queue.receive(1, 1).await.unwrap().remove(0);
    clock.0.fetch_add(1000, Ordering::Relaxed);
    let second = queue.receive(1, 60).await.unwrap().remove(0);
    queue.delete(&first.receipt).await.unwrap();
    queue.release(&first.receipt, 0).await.unwrap();
    assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 0, in_flight: 1, dead: 0 }));
    queue.delete(&second.receipt).await.unwrap();
    // It also does not affect a later message.
    queue.send(&message(2), 0).await.unwrap();
    queue.receive(1, 60).await.unwrap();
    queue.delete(&first.receipt).await.unwrap();
    queue.delete(&second.receipt).await.unwrap();
    assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 0, in_flight: 1, dead: 0 }));
}

#[tokio::test]
async fn a_receipt_stays_valid_until_the_next_delivery() {
    let (store, clock) = store();
    let queue = store.queue("keys");
    queue.send(&message(1), 0).await.unwrap();
    let late = queue.receive(1, 1).await.unwrap().remove(0);
    clock.0.fetch_add(5000, Ordering::Relaxed);
    assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 1, in_flight: 0, dead: 0 }));
    queue.delete(&late.receipt).await.unwrap();
    assert_eq!(queue.depth().await, Ok(QueueDepth::default()));
}

#[tokio::test]
async fn invalid_requests_to_a_queue_are_rejected() {
    let (store, _) = store();
    let queue = store.queue("keys");
    assert!(matches!(queue.send(&message(1), 901).await, Err(StoreError::Rejected(_))));
    assert!(matches!(queue.delete("nonsense").await, Err(StoreError::Rejected(_))));
    assert!(matches!(queue.release("1", 0).await, Err(StoreError::Rejected(_))));
    assert!(matches!(queue.release_dead("nonsense").await, Err(StoreError::Rejected(_))));
    assert_eq!(queue.receive(0, 60).await, Ok(vec![]));
    assert_eq!(queue.depth().await, Ok(QueueDepth::default()));
}

#[tokio::test]
async fn queues_in_one_file_are_independent() {
    let (store, _) = store();
    let (one, other) = (store.queue("retry-a"), store.queue("retry-b"));
    one.send(&message(1), 0).await.unwrap();
    assert_eq!(other.receive(10, 60).await, Ok(vec![]));
    let delivery = one.receive(10, 60).await.unwrap().remove(0);
    other.send(&message(2), 0).await.unwrap();
    other.receive(10, 60).await.unwrap();
    other.delete(&delivery.receipt.replace('.', ".9")).await.unwrap();
    assert_eq!(one.depth().await.unwrap().in_flight, 1);
}

async fn sql(queue: &LocalQueue, statement: &str) {
    let statement = statement.to_owned();
    queue.engine.write("test", move |tx| Ok(tx.execute_batch(&statement)?)).await.unwrap();
}

/// Receives and deletes until no message is visible any more.
async fn texts(queue: &LocalQueue) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let deliveries = queue.receive(1, 60).await.unwrap();
        if deliveries.is_empty() {
            texts.sort_unstable();
            return texts;
        }
        for delivery in deliveries {
            queue.delete(&delivery.receipt).await.unwrap();
            texts.push(delivery.text);
        }
    }
}

#[tokio::test]
async fn a_message_of_another_type_becomes_a_dead_letter_and_stops_no_other() {
    for wrong in ["body = x'00ff'", "body = x''", "received = 'x'", "received = -1", "received = 1e300", "number = 'x'"]
    {
        let (store, _) = store();
        let queue = store.queue("keys");
        for n in 1..=3 {
            queue.send(&message(n), 0).await.unwrap();
        }
        sql(&queue, &format!("UPDATE messages SET {wrong} WHERE number = 2")).await;
        let mut others = [message(1), message(3)].map(|message| message.to_text());
        others.sort_unstable();
        assert_eq!(texts(&queue).await, others, "{wrong}");
        assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 0, in_flight: 0, dead: 1 }), "{wrong}");
        let dead = queue.receive_dead(10, 60).await.unwrap();
        assert_eq!(dead.len(), 1, "{wrong}");
        queue.release_dead(&dead[0].receipt).await.unwrap();
        queue.redrive(&dead[0]).await.unwrap();
        assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 1, in_flight: 0, dead: 0 }), "{wrong}");
    }
}

#[tokio::test]
async fn a_body_that_is_a_message_as_bytes_is_redriven() {
    let (store, _) = store();
    let queue = store.queue("keys");
    queue.send(&message(1), 0).await.unwrap();
    sql(&queue, "UPDATE messages SET body = CAST(body AS BLOB)").await;
    assert!(texts(&queue).await.is_empty());
    let dead = queue.receive_dead(10, 60).await.unwrap().remove(0);
    queue.redrive(&dead).await.unwrap();
    assert_eq!(texts(&queue).await, [message(1).to_text()]);
}

#[tokio::test]
async fn no_damaged_time_hides_a_message_or_a_dead_letter() {
    for wrong in ["'x'", "x'00'", "9223372036854775807"] {
        let (store, _) = store();
        let queue = store.queue("keys");
        queue.send(&message(1), 0).await.unwrap();
        sql(&queue, &format!("UPDATE messages SET visible_at = {wrong}")).await;
        wear_out(&queue).await;
        assert_eq!(queue.depth().await.unwrap().dead, 1, "{wrong}");
        queue.receive_dead(10, 60).await.unwrap();
        assert_eq!(queue.receive_dead(10, 60).await, Ok(vec![]));
        sql(&queue, &format!("UPDATE dead_letters_hidden SET visible_at = {wrong}")).await;
        assert_eq!(queue.receive_dead(10, 60).await.unwrap().len(), 1, "{wrong}");
    }
}

#[tokio::test]
async fn a_dead_letter_of_another_type_hides_no_other() {
    for wrong in ["body = x'ff'", "received = 'x'", "number = 'x'", "number = x'00'"] {
        let (store, _) = store();
        let queue = store.queue("keys");
        for n in 1..=2 {
            queue.send(&message(n), 0).await.unwrap();
        }
        wear_out(&queue).await;
        sql(&queue, &format!("UPDATE dead_letters SET {wrong} WHERE number = 1")).await;
        let dead = queue.receive_dead(10, 60).await.unwrap();
        assert_eq!(dead.len(), 2, "{wrong}");
        for letter in &dead {
            queue.redrive(letter).await.unwrap();
        }
        assert_eq!(queue.depth().await, Ok(QueueDepth { waiting: 2, in_flight: 0, dead: 0 }), "{wrong}");
    }
}

#[tokio::test]
async fn damaged_counts_of_a_queue_are_counted_again() {
    for wrong in ["sent", "live", "dead"] {
        for value in ["'x'", "x'00'", "-1", "9223372036854775807", "0"] {
            let (store, _) = store();
            let queue = store.queue("keys");
            for n in 1..=3 {
                queue.send(&message(n), 0).await.unwrap();
            }
            sql(&queue, &format!("UPDATE queues SET {wrong} = {value}")).await;
            queue.send(&message(4), 0).await.unwrap();
            assert_eq!(texts(&queue).await.len(), 4, "{wrong} = {value}");
            // A count that can be right is believed.
            if !["9223372036854775807", "0"].contains(&value) {
                assert_eq!(queue.depth().await, Ok(QueueDepth::default()), "{wrong} = {value}");
            }
        }
    }
}
