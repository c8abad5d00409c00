//! What is shown of a queue in a run that moves no message.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use umoja_store::ports::Delivery;

/// How many messages of a queue are shown at most: as many as can be received and released while they are hidden.
const SHOWN: u64 = 1000;

/// The messages that are shown of a queue, each once, although a receive returns a message again when it has been
/// hidden for long enough. Limited by the queue's depth and by `SHOWN`.
pub(crate) struct Sight {
    held_at_first: u64,
    received: u64,
    seen: BTreeSet<u64>,
    is_over: bool,
}

impl Sight {
    pub(crate) fn of(held_at_first: u64) -> Self {
        Self { held_at_first, received: 0, seen: BTreeSet::new(), is_over: false }
    }

    /// True if no new message is to be expected, or enough are shown.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The messages that were not seen yet. Every receipt is kept, to release the message.
    pub(crate) fn new_of(&mut self, deliveries: Vec<Delivery>, receipts: &mut Vec<String>) -> Vec<Delivery> {
        self.received += deliveries.len() as u64;
        receipts.extend(deliveries.iter().map(|delivery| delivery.receipt.clone()));
        let new: Vec<_> =
            deliveries.into_iter().filter(|delivery| self.seen.insert(fingerprint(&delivery.text))).collect();
        // A receive without a new message is the end, and so is the most that an operator would read.
        self.is_over = new.is_empty() || self.received >= SHOWN;
        new
    }

    /// How many messages are not shown.
    pub(crate) fn unseen(&self) -> u64 {
        self.held_at_first.saturating_sub(self.received)
    }
}

/// Distinguishes texts in little memory.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(n: u64) -> Delivery {
        Delivery { text: format!("text {n}"), receipt: n.to_string(), received: 1 }
    }

    #[test]
    fn redelivered_messages_are_shown_once() {
        let (mut sight, mut receipts) = (Sight::of(30), Vec::new());
        let mut shown = Vec::new();
        // Every batch of ten comes back after two other batches.
        for receive in 0.. {
            assert!(receive < 10, "it does not end");
            let tens = (receive % 3) * 10;
            shown.extend(sight.new_of((tens..tens + 10).map(delivery).collect(), &mut receipts));
            if sight.is_over() {
                break;
            }
        }
        assert_eq!((shown.len(), sight.unseen()), (30, 0));
    }

    #[test]
    fn a_long_queue_shows_a_thousand_messages_and_counts_the_rest() {
        let (mut sight, mut receipts, mut shown) = (Sight::of(1_000_000), Vec::new(), 0);
        while !sight.is_over() {
            let next = receipts.len() as u64;
            shown += sight.new_of((next..next + 10).map(delivery).collect(), &mut receipts).len();
        }
        assert_eq!((shown, receipts.len(), sight.unseen()), (1000, 1000, 999_000));
    }
}
