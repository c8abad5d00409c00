//! Cases of [`Queue`]. Times are a few seconds, so that a test can wait for a queue with its own clock.

use std::collections::BTreeSet;

use umoja_schema::{Key, Message, Part};

use super::Queued;
use super::sample::user;
use crate::ports::{Delivery, Queue, QueueDepth};

fn message(n: u8) -> Message {
    Key::of_part(user(n), Part::Profile).to_message()
}

async fn receive(queue: &dyn Queue) -> Vec<Delivery> {
    queue.receive(10, 2).await.unwrap()
}

async fn receive_one(queue: &dyn Queue) -> Delivery {
    let mut deliveries = receive(queue).await;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

fn depth(waiting: u64, in_flight: u64, dead: u64) -> QueueDepth {
    QueueDepth { waiting, in_flight, dead }
}

pub async fn an_empty_queue_returns_no_message(q: Queued) {
    assert_eq!(receive(&*q.queue).await, []);
    assert_eq!(q.queue.depth().await, Ok(depth(0, 0, 0)));
}

pub async fn a_message_is_received_as_it_was_sent(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    let delivery = receive_one(&*q.queue).await;
    assert_eq!(Message::from_text(&delivery.text), Ok(message(1)));
    assert_eq!(delivery.received, 1);
}

pub async fn a_delayed_message_is_received_after_its_delay(q: Queued) {
    q.queue.send(&message(1), 3).await.unwrap();
    assert_eq!(receive(&*q.queue).await, []);
    assert_eq!(q.queue.depth().await, Ok(depth(1, 0, 0)));
    q.time.advance(4).await;
    receive_one(&*q.queue).await;
}

pub async fn a_received_message_is_hidden_until_its_visibility_ends(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    let first = receive_one(&*q.queue).await;
    assert_eq!(receive(&*q.queue).await, []);
    q.time.advance(3).await;
    let second = receive_one(&*q.queue).await;
    assert_eq!((second.text, second.received), (first.text, 2));
}

pub async fn a_deleted_message_does_not_come_back(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    let delivery = receive_one(&*q.queue).await;
    q.queue.delete(&delivery.receipt).await.unwrap();
    q.time.advance(3).await;
    assert_eq!(receive(&*q.queue).await, []);
    assert_eq!(q.queue.depth().await, Ok(depth(0, 0, 0)));
    assert_eq!(q.queue.delete(&delivery.receipt).await, Ok(()), "deleting again is no error");
}

pub async fn a_released_message_comes_back_after_its_delay(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    let first = receive_one(&*q.queue).await;
    q.queue.release(&first.receipt, 0).await.unwrap();
    let second = receive_one(&*q.queue).await;
    assert_eq!((&second.text, second.received), (&first.text, 2));
    q.queue.release(&second.receipt, 4).await.unwrap();
    q.time.advance(2).await;
    assert_eq!(receive(&*q.queue).await, [], "the visibility of the receive no longer counts");
    q.time.advance(3).await;
    receive_one(&*q.queue).await;
}

/// Receives the only message until it becomes a dead letter.
async fn wear_out(q: &Queued) {
    for n in 1..=q.max_receives {
        let delivery = receive_one(&*q.queue).await;
        assert_eq!(delivery.received, n);
        q.queue.release(&delivery.receipt, 0).await.unwrap();
    }
    assert_eq!(receive(&*q.queue).await, []);
}

pub async fn a_message_received_too_often_becomes_a_dead_letter(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    wear_out(&q).await;
    q.queue.send(&message(2), 0).await.unwrap();
    let neighbour = receive(&*q.queue).await;
    assert!(neighbour.iter().all(|delivery| Message::from_text(&delivery.text) == Ok(message(2))));
    assert_eq!(neighbour.len(), 1, "its neighbour can be received");
    assert_eq!(q.queue.depth().await, Ok(depth(0, 1, 1)));
}

pub async fn a_redriven_dead_letter_is_a_new_message(q: Queued) {
    assert_eq!(q.queue.receive_dead(10, 60).await, Ok(vec![]));
    q.queue.send(&message(1), 0).await.unwrap();
    wear_out(&q).await;
    let dead = q.queue.receive_dead(10, 60).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(Message::from_text(&dead[0].text), Ok(message(1)));
    q.queue.redrive(&dead[0]).await.unwrap();
    let redriven = receive_one(&*q.queue).await;
    assert_eq!((Message::from_text(&redriven.text), redriven.received), (Ok(message(1)), 1));
    assert_eq!(q.queue.depth().await, Ok(depth(0, 1, 0)));
    assert_eq!(q.queue.receive_dead(10, 60).await, Ok(vec![]));
}

pub async fn a_received_dead_letter_is_hidden_until_released_or_timed_out(q: Queued) {
    q.queue.send(&message(1), 0).await.unwrap();
    wear_out(&q).await;
    let dead = q.queue.receive_dead(10, 2).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(q.queue.receive_dead(10, 2).await, Ok(vec![]));
    assert_eq!(q.queue.depth().await, Ok(depth(0, 0, 1)));
    q.queue.release_dead(&dead[0].receipt).await.unwrap();
    assert_eq!(q.queue.receive_dead(10, 2).await.unwrap().len(), 1);
    q.time.advance(3).await;
    let last = q.queue.receive_dead(10, 2).await.unwrap();
    assert_eq!((last.len(), &last[0].text), (1, &dead[0].text));
    assert_eq!(receive(&*q.queue).await, [], "it is still a dead letter");
}

pub async fn messages_are_received_in_batches_and_none_twice(q: Queued) {
    for n in 1..=25 {
        q.queue.send(&message(n), 0).await.unwrap();
    }
    assert_eq!(q.queue.depth().await, Ok(depth(25, 0, 0)));
    let mut seen = BTreeSet::new();
    while seen.len() < 25 {
        let batch = q.queue.receive(7, 60).await.unwrap();
        assert!((1..=7).contains(&batch.len()));
        for delivery in batch {
            assert!(seen.insert(delivery.text), "received twice");
            q.queue.delete(&delivery.receipt).await.unwrap();
        }
    }
    assert_eq!(receive(&*q.queue).await, []);
}

pub async fn the_depth_counts_waiting_and_in_flight_messages(q: Queued) {
    for n in 1..=3 {
        q.queue.send(&message(n), 0).await.unwrap();
    }
    q.queue.send(&message(4), 60).await.unwrap();
    let taken = q.queue.receive(2, 60).await.unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(q.queue.depth().await, Ok(depth(2, 2, 0)));
    q.queue.release(&taken[0].receipt, 0).await.unwrap();
    q.queue.delete(&taken[1].receipt).await.unwrap();
    assert_eq!(q.queue.depth().await, Ok(depth(3, 0, 0)));
}
