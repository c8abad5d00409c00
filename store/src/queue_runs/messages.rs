//! Receiving messages from a queue, and what becomes of them: deleted, released for later, or quarantined.

use umoja_schema::{ItemError, Message};

use super::runs::VISIBILITY_SECS;
use crate::Home;
use crate::ports::{Delivery, Entropy, Queue, StoreError};

/// The fewest messages that are received, if there are as many, before they are processed. Duplicates among them are coalesced.
const CHUNK: usize = 100;

/// The longest delay of a queue, in seconds.
const MAX_SECS: u32 = 900;

/// After this many receives a message is replaced by a fresh one, before its queue makes it a dead letter. Queues must
/// allow more receives than this.
const RENEW_AFTER: u32 = 4;

/// The delay of a fresh message for a dependency that does not respond. By then the dependency has been down for a
/// quarter of a minute, and the repair should follow soon after it is back. Probing limits the calls meanwhile to one
/// for each run.
const OUT_SECS: u32 = 60;

/// The delay of a fresh message that waits for an operator's repair. That may take days, and processing should follow
/// soon after it.
const BLOCKED_SECS: u32 = 120;

/// The delay after the `received`th try: doubling from 2 s, at most 15 minutes. The upper half is random, so that
/// messages that failed together do not return together.
fn delay_secs(received: u32, entropy: &dyn Entropy) -> u32 {
    let ceiling = 2u32
        .checked_shl(received.saturating_sub(1))
        .filter(|secs| *secs > 0)
        .map_or(MAX_SECS, |secs| secs.min(MAX_SECS));
    jittered(ceiling, entropy)
}

fn jittered(ceiling: u32, entropy: &dyn Entropy) -> u32 {
    let half = ceiling / 2;
    half + u32::from_be_bytes(entropy.array()) % (ceiling - half + 1)
}

/// Receives up to a chunk of messages: as many as are processed at the same time, or more. If the queue stops responding half
/// way, the messages received so far are still processed.
pub(super) async fn receive(queue: &dyn Queue, at_once: usize) -> Result<Vec<Delivery>, StoreError> {
    let (mut deliveries, most) = (Vec::new(), CHUNK.max(at_once));
    while deliveries.len() < most {
        match queue.receive(most - deliveries.len(), VISIBILITY_SECS).await {
            Ok(more) if more.is_empty() => break,
            Ok(more) => deliveries.extend(more),
            Err(error) if deliveries.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(deliveries)
}

/// Why a message cannot be processed.
#[derive(Debug)]
pub enum Unfit {
    /// A newer version of Umoja sent it. It is released for a reconciler that can read it; without one, it becomes a
    /// dead letter, unchanged.
    Newer,
    /// It cannot be read, or it is in the wrong queue.
    Unreadable(&'static str),
}

impl Unfit {
    /// Reads a message.
    ///
    /// # Errors
    /// If it cannot be processed.
    pub fn read(text: &str) -> Result<Message, Self> {
        let newer = ItemError::new("message version");
        Message::from_text(text)
            .map_err(|error| if error == newer { Self::Newer } else { Self::Unreadable("the message cannot be read") })
    }
}

/// Makes messages that all ask for `message` receivable again later. Never loses one: if a call fails here, the
/// visibility time-out makes the messages receivable again.
pub(super) async fn postpone(queue: &dyn Queue, deliveries: &[Delivery], message: &Message, entropy: &dyn Entropy) {
    let received = deliveries.iter().map(|delivery| delivery.received).max().unwrap_or(1);
    if received < RENEW_AFTER {
        release(queue, deliveries, entropy).await;
    } else {
        renew(queue, deliveries, message, jittered(OUT_SECS, entropy), entropy).await;
    }
}

/// As [`postpone`], for a problem that an operator has to repair first: one fresh message, one to two minutes later.
pub(super) async fn block(queue: &dyn Queue, deliveries: &[Delivery], message: &Message, entropy: &dyn Entropy) {
    renew(queue, deliveries, message, jittered(BLOCKED_SECS, entropy), entropy).await;
}

/// Replaces all messages by one fresh message, whose receive count starts at zero.
async fn renew(queue: &dyn Queue, deliveries: &[Delivery], message: &Message, delay_secs: u32, entropy: &dyn Entropy) {
    match queue.send(message, delay_secs).await {
        Ok(()) => delete(queue, deliveries).await,
        Err(error) => {
            tracing::warn!(%error, "a message could not be renewed");
            release(queue, deliveries, entropy).await;
        }
    }
}

/// Makes messages receivable again later. After too many receives, the queue makes them dead letters.
pub(super) async fn release(queue: &dyn Queue, deliveries: &[Delivery], entropy: &dyn Entropy) {
    for delivery in deliveries {
        if let Err(error) = queue.release(&delivery.receipt, delay_secs(delivery.received, entropy)).await {
            tracing::warn!(%error, "a message was not released; it comes back after its visibility time-out");
        }
    }
}

/// Deletes messages. A message that stays is delivered again, and processing it again changes no data.
pub(super) async fn delete(queue: &dyn Queue, deliveries: &[Delivery]) {
    for delivery in deliveries {
        if let Err(error) = queue.delete(&delivery.receipt).await {
            tracing::warn!(%error, "a processed message was not deleted; it will be processed again");
        }
    }
}

/// Where a quarantined item was found.
pub(super) struct Place {
    /// The table or queue.
    pub(super) table: String,
    /// The key, as far as it could be read.
    pub(super) key: String,
}

/// Quarantines messages that cannot be processed and then deletes them; returns how many. If they cannot be
/// quarantined, they stay in their queue.
pub(super) async fn quarantine(
    home: &Home,
    queue: &dyn Queue,
    place: Place,
    reason: &str,
    deliveries: &[Delivery],
) -> usize {
    let Place { table, key } = place;
    let (reason, region) = (reason.to_owned(), home.own.name.clone());
    tracing::error!(table, reason, "a message that cannot be processed is quarantined");
    let message = Message::Quarantined { table, sequence: String::new(), key, reason, region };
    if let Err(error) = home.quarantined.send(&message, 0).await {
        tracing::error!(%error, "a message that cannot be processed could not be quarantined");
        release(queue, deliveries, &*home.entropy).await;
        return 0;
    }
    delete(queue, deliveries).await;
    deliveries.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fixed;

    #[test]
    fn delays_grow_up_to_the_limit_of_a_queue() {
        for byte in 0..=255 {
            let delays: Vec<u32> = (0..80).map(|received| delay_secs(received, &Fixed(byte))).collect();
            assert!(delays.iter().all(|secs| (1..=MAX_SECS).contains(secs)), "{delays:?}");
            assert!(delays[10] > delays[5] && delays[5] > delays[1], "{delays:?}");
        }
    }

    /// Failure: peer throttled
    #[test]
    fn messages_that_failed_together_return_at_different_times() {
        assert_ne!(delay_secs(8, &Fixed(1)), delay_secs(8, &Fixed(2)));
    }
}
