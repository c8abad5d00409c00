//! What is shown of a queue while nothing is moved.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use umoja_store::ports::Delivery;

/// How many messages of a queue are shown at most: as many as come and are put down again while they are hidden.
const SHOWN: u64 = 1000;

/// What is shown of a queue: each message once, though a receive gives a message again when it has been hidden for long
/// enough. At most as many as there were, and as are shown.
pub(crate) struct Sight {
    there_were: u64,
    received: u64,
    seen: BTreeSet<u64>,
    is_over: bool,
}

impl Sight {
    pub(crate) fn of(there_were: u64) -> Self {
        Self { there_were, received: 0, seen: BTreeSet::new(), is_over: false }
    }

    /// True if nothing new is to be expected, or enough is shown.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Those that were not seen yet; every receipt is kept, to put the message down.
    pub(crate) fn new_of(&mut self, deliveries: Vec<Delivery>, receipts: &mut Vec<String>) -> Vec<Delivery> {
        self.received += deliveries.len() as u64;
        receipts.extend(deliveries.iter().map(|delivery| delivery.receipt.clone()));
        let new: Vec<_> =
            deliveries.into_iter().filter(|delivery| self.seen.insert(fingerprint(&delivery.text))).collect();
        // A receive without anything new is the end, and so is as much as anybody reads.
        self.is_over = new.is_empty() || self.received >= SHOWN;
        new
    }

    /// How many there were besides.
    pub(crate) fn unseen(&self) -> u64 {
        self.there_were.saturating_sub(self.received)
    }
}

/// Tells texts apart in little memory.
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
    fn a_queue_whose_messages_come_again_is_shown_once_and_to_an_end() {
        let (mut sight, mut receipts) = (Sight::of(30), Vec::new());
        let mut shown = Vec::new();
        // Each ten after two others.
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
    fn of_a_long_queue_a_thousand_messages_are_shown_and_the_others_counted() {
        let (mut sight, mut receipts, mut shown) = (Sight::of(1_000_000), Vec::new(), 0);
        while !sight.is_over() {
            let next = receipts.len() as u64;
            shown += sight.new_of((next..next + 10).map(delivery).collect(), &mut receipts).len();
        }
        assert_eq!((shown, receipts.len(), sight.unseen()), (1000, 1000, 999_000));
    }
}
