//! The comparisons of passwords that a region should have counted, computed independently of the product's code.

use std::collections::BTreeMap;

use umoja_schema::{Millis, UserId};

/// SECURITY.md, attempts at a password: the fifth failure starts a lock-out of 2 seconds, and each further one a
/// lock-out twice as long, up to 15 minutes. All is forgotten an hour after the last one.
const FREE: usize = 5;
const SHORTEST_MS: u64 = 2_000;
const LONGEST_MS: u64 = 15 * 60 * 1000;
const FORGOTTEN_MS: u64 = 60 * 60 * 1000;

/// The failed attempts at users by their ids. They are never more than the regions have counted.
#[derive(Default)]
pub(super) struct Guesses {
    /// How many failed in each region, and when the last one did.
    failed: BTreeMap<(usize, UserId), (usize, Millis)>,
    /// The regions of the requests that have no answer yet.
    unanswered: Vec<usize>,
}

impl Guesses {
    /// A request is sent.
    pub(super) fn send(&mut self, at: usize, operation: &str) {
        if is_about_passwords(operation) {
            self.unanswered.push(at);
        }
    }

    /// A request was answered.
    pub(super) fn answer(&mut self, at: usize, operation: &str) {
        if is_about_passwords(operation)
            && let Some(place) = self.unanswered.iter().position(|other| *other == at)
        {
            self.unanswered.swap_remove(place);
        }
    }

    /// Forgets the regions where requests got no answer, because these may have reset counts.
    pub(super) fn forget_unanswered(&mut self) {
        for at in std::mem::take(&mut self.unanswered) {
            self.forget(at);
        }
    }

    /// Forgets what is not known for certain any more in a region.
    pub(super) fn forget(&mut self, at: usize) {
        self.failed.retain(|(region, _), _| *region != at);
    }

    /// Adds an attempt that failed after its password was compared.
    ///
    /// # Panics
    /// If it came too early.
    pub(super) fn fail(&mut self, at: usize, id: UserId, now: Millis) {
        let (count, last) = self.failed.entry((at, id)).or_insert((0, now));
        if now.since(*last) >= FORGOTTEN_MS {
            *count = 0;
        }
        let wait = match count.checked_sub(FREE) {
            None => 0,
            Some(more) => SHORTEST_MS.saturating_mul(1 << more.min(32)).min(LONGEST_MS),
        };
        assert!(now.since(*last) >= wait, "attempts: a password was compared after {count} failures, without a wait");
        (*count, *last) = (*count + 1, now);
    }
}

/// True if an operation may reset counts.
fn is_about_passwords(operation: &str) -> bool {
    matches!(operation, "authenticate" | "register" | "password/change" | "password/reset/finish")
}
