//! A region's stream as a run delivers it: late, twice, in another order, in part, or never.

use std::cell::RefCell;
use std::collections::VecDeque;

use umoja_store::Change;

/// How many delivered records can be delivered again.
const REMEMBERED: usize = 50;

/// What a region's stream has not delivered yet, and what it may deliver again.
#[derive(Default)]
pub(super) struct Stream {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    pending: VecDeque<Change>,
    delivered: VecDeque<Change>,
}

impl Stream {
    /// Takes in what the region wrote.
    pub(super) fn extend(&self, changes: Vec<Change>) {
        self.state.borrow_mut().pending.extend(changes);
    }

    /// True if everything was delivered.
    pub(super) fn is_empty(&self) -> bool {
        self.state.borrow().pending.is_empty()
    }

    /// Loses what was not delivered; true if that was anything.
    pub(super) fn trim(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let lost = !state.pending.is_empty();
        state.pending.clear();
        lost
    }

    /// Takes out a batch. What is not reported as handled before it is dropped is pending again.
    pub(super) fn batch(&self, take: u8, again: u8, order: u16) -> Batch<'_> {
        let mut state = self.state.borrow_mut();
        let count = if take == 0 { state.pending.len() } else { state.pending.len().min(take.into()) };
        let mut changes: VecDeque<Change> = state.pending.drain(..count).collect();
        let old = state.delivered.len().saturating_sub(again.into());
        let repeated: Vec<Change> = state.delivered.range(old..).cloned().collect();
        let is_repeated = !repeated.is_empty();
        changes.extend(repeated);
        let changes = changes.make_contiguous();
        if order != 0 {
            let mut state = u64::from(order);
            for at in (1..changes.len()).rev() {
                // Knuth's MMIX generator: any order will do, if it is the same each time.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                changes.swap(at, (state >> 33) as usize % (at + 1));
            }
        }
        Batch { stream: self, changes: changes.to_vec(), handled: 0, is_repeated }
    }
}

/// Records on their way through a replicator.
pub(super) struct Batch<'a> {
    stream: &'a Stream,
    /// The records, in the order of their delivery.
    pub(super) changes: Vec<Change>,
    handled: usize,
    /// True if some were delivered before.
    pub(super) is_repeated: bool,
}

impl Batch<'_> {
    /// Notes that everything before the record `failed` was handled, or everything.
    pub(super) fn handled_until(&mut self, failed: Option<&String>) {
        let position = failed.and_then(|failed| self.changes.iter().position(|change| change.sequence == *failed));
        self.handled = position.unwrap_or(self.changes.len());
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut state = self.stream.state.borrow_mut();
        for change in self.changes.drain(self.handled..).rev() {
            state.pending.push_front(change);
        }
        state.delivered.extend(self.changes.drain(..));
        let surplus = state.delivered.len().saturating_sub(REMEMBERED);
        state.delivered.drain(..surplus);
    }
}
