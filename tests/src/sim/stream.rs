//! A region's stream, which a run delivers late, twice, in another order, partly, or never.

use std::cell::RefCell;
use std::collections::VecDeque;

use umoja_store::Change;

/// The number of delivered records that can be delivered again.
const REMEMBERED: usize = 50;

/// The pending records of a region's stream, and the delivered ones that may be delivered again.
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
    /// Adds the writes of the region.
    pub(super) fn extend(&self, changes: Vec<Change>) {
        self.state.borrow_mut().pending.extend(changes);
    }

    /// True if no record is pending.
    pub(super) fn is_empty(&self) -> bool {
        self.state.borrow().pending.is_empty()
    }

    /// Drops the pending records. True if there were any.
    pub(super) fn trim(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let lost = !state.pending.is_empty();
        state.pending.clear();
        lost
    }

    /// Drops the records of a table.
    pub(super) fn drop_records(&self, table: &str) {
        let state = &mut *self.state.borrow_mut();
        state.pending.retain(|change| change.table != table);
        state.delivered.retain(|change| change.table != table);
    }

    /// Takes a batch. Records that are not reported as handled before the batch is dropped are pending again.
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
                // Knuth's MMIX generator. Any order is fine if it is the same each time.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                changes.swap(at, (state >> 33) as usize % (at + 1));
            }
        }
        Batch { stream: self, changes: changes.to_vec(), handled: 0, is_repeated }
    }
}

/// Records that a replicator is handling.
pub(super) struct Batch<'a> {
    stream: &'a Stream,
    /// The records, in the order of their delivery.
    pub(super) changes: Vec<Change>,
    handled: usize,
    /// True if some were delivered before.
    pub(super) is_repeated: bool,
}

impl Batch<'_> {
    /// Reports that all records before the record `failed` were handled, or all records.
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
