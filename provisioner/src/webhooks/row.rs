//! The rows of webhooks in the table `due`: the events of one user, in their order.

use std::str::FromStr as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use umoja_schema::{Millis, Place, Region};

use crate::retry::{NEVER, TRIED_FOR_MS};

/// The most events of a user that wait, and the most that have failed.
const MOST: usize = 1_000;

/// The fault of events that are too many.
const TOO_MANY: &str = "too many events of one user wait";

/// What waits for one user at one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The events that are to be posted, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Entry>,
    /// How often the first of them has failed.
    #[serde(default)]
    pub failures: u32,
    /// Why it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The events that wait for an operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Entry>,
}

/// An event of a row: where it is stored, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key of its row in the table `events`.
    pub event: String,
    /// How many of its changes the webhook has accepted.
    #[serde(default)]
    pub accepted: usize,
    /// Since when it waits.
    pub since: Millis,
}

impl Entry {
    /// An event that waits from now on.
    pub(super) fn new(origin: &Region, place: Place, now: Millis) -> Self {
        Self { event: place.key(origin), accepted: 0, since: now }
    }

    /// The place of the event; `None` if the key is that of no event.
    pub(super) fn place(&self) -> Option<Place> {
        let (origin, place) = self.event.split_once('#')?;
        Region::from_str(origin).ok()?;
        place.parse().ok()
    }
}

impl Row {
    /// Reads a row. One that cannot be read is empty, which is said in the log.
    pub fn read(members: Option<&Map<String, Value>>) -> Self {
        let read = members.and_then(|members| serde_json::from_value(Value::Object(members.clone())).ok());
        read.unwrap_or_else(|| {
            tracing::error!("a row about events that wait cannot be read; `umoja webhook replay` posts them again");
            Self::default()
        })
    }

    pub(super) fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// Adds events that are not in the row yet. Those that are too many are failed at once. Returns the number of these.
    pub(super) fn add(&mut self, entries: &[Entry]) -> usize {
        let mut failed = 0;
        for entry in entries {
            if self.waiting.iter().chain(&self.failed).any(|known| known.event == entry.event) {
                continue;
            }
            if self.waiting.len() < MOST {
                self.waiting.push(entry.clone());
                continue;
            }
            failed += 1;
            self.fault = Some(TOO_MANY.to_owned());
            self.fail(entry.clone());
        }
        failed
    }

    fn fail(&mut self, entry: Entry) {
        if self.failed.len() == MOST {
            tracing::error!("an event is given up, because too many events of its user have failed");
            self.failed.remove(0);
        }
        self.failed.push(entry);
    }

    /// Notes that the webhook has accepted a change of the first event, which has this number of changes.
    pub(super) fn accepted(&mut self, event: &str, number: usize, changes: usize) {
        let Some(first) = self.waiting.first_mut().filter(|first| first.event == event && first.accepted == number)
        else {
            return;
        };
        first.accepted += 1;
        (self.failures, self.fault) = (0, None);
        if first.accepted >= changes {
            self.waiting.remove(0);
        }
    }

    /// Leaves the first event out, because there is none under its key any more.
    pub(super) fn drop_first(&mut self, event: &str) {
        if self.waiting.first().is_some_and(|first| first.event == event) {
            self.waiting.remove(0);
            (self.failures, self.fault) = (0, None);
        }
    }

    /// Notes that the first event was not accepted; a probe of a webhook that is out is not counted. All that have waited for
    /// three days are failed. Returns the number of these.
    pub(super) fn rejected(&mut self, event: &str, fault: &str, is_probe: bool, now: Millis) -> usize {
        if self.waiting.first().is_none_or(|first| first.event != event) {
            return 0;
        }
        self.failures = self.failures.saturating_add(u32::from(!is_probe));
        self.fault = Some(fault.to_owned());
        let (late, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|entry| now.since(entry.since) >= TRIED_FOR_MS);
        self.waiting = waiting;
        if !late.is_empty() {
            self.failures = 0;
        }
        let count = late.len();
        late.into_iter().for_each(|entry| self.fail(entry));
        count
    }

    /// Lets what has failed wait again, before what waits. Returns how many events that are.
    pub(super) fn redrive(&mut self, now: Millis) -> usize {
        let failed = std::mem::take(&mut self.failed);
        let count = failed.len();
        let again = failed.into_iter().map(|entry| Entry { since: now, ..entry });
        self.waiting.splice(0..0, again);
        (self.failures, self.fault) = (0, None);
        count
    }

    /// When the row is due, if what waits is due at `at`; `None` if it is empty.
    pub(super) fn due(&self, at: Millis) -> Option<Millis> {
        match (self.waiting.is_empty(), self.failed.is_empty()) {
            (false, _) => Some(at),
            (true, false) => Some(NEVER),
            (true, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32) -> Entry {
        let place = Place { epoch: 1, day: 20_000, number };
        Entry::new(&"eu-west-1".parse().unwrap(), place, Millis(0))
    }

    fn row(count: u32) -> Row {
        let mut row = Row::default();
        assert_eq!(row.add(&(0..count).map(entry).collect::<Vec<_>>()), 0);
        row
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut row = row(3);
        row.rejected(&entry(0).event, "status 500", false, Millis(5));
        assert_eq!(Row::read(Some(&row.members())), row);
        assert_eq!(row.waiting[0].place(), Some(Place { epoch: 1, day: 20_000, number: 0 }));
        assert_eq!(Row::read(None), Row::default());
    }

    #[test]
    fn an_event_is_added_once() {
        let mut row = row(3);
        assert_eq!((row.add(&[entry(2), entry(3)]), row.waiting.len()), (0, 4));
        row.rejected(&entry(0).event, "x", false, Millis(TRIED_FOR_MS));
        assert_eq!((row.waiting.len(), row.failed.len()), (0, 4));
        assert_eq!((row.add(&[entry(2)]), row.waiting.len()), (0, 0));
    }

    #[test]
    fn only_the_first_event_is_accepted_and_only_once() {
        let mut row = row(2);
        row.accepted(&entry(1).event, 0, 1);
        assert_eq!(row.waiting.len(), 2);
        row.accepted(&entry(0).event, 0, 2);
        row.accepted(&entry(0).event, 0, 2);
        assert_eq!((row.waiting.len(), row.waiting[0].accepted), (2, 1));
        row.accepted(&entry(0).event, 1, 2);
        assert_eq!(row.waiting, [entry(1)]);
    }

    #[test]
    fn what_has_waited_for_three_days_fails_and_can_be_redriven_in_order() {
        let mut row = row(2);
        row.add(&[Entry { since: Millis(10), ..entry(2) }]);
        assert_eq!(row.rejected(&entry(0).event, "x", false, Millis(TRIED_FOR_MS - 1)), 0);
        assert_eq!((row.failures, row.due(Millis(7))), (1, Some(Millis(7))));
        assert_eq!(row.rejected(&entry(0).event, "x", false, Millis(TRIED_FOR_MS)), 2);
        assert_eq!((row.waiting.len(), row.failed.len(), row.failures), (1, 2, 0));
        assert_eq!(row.redrive(Millis(9)), 2);
        let events: Vec<_> = row.waiting.iter().map(|entry| entry.event.clone()).collect();
        assert_eq!(events, [0, 1, 2].map(|number| entry(number).event));
        assert_eq!(row.waiting[0].since, Millis(9));
    }

    #[test]
    fn a_row_of_failed_events_is_never_due_and_an_empty_one_is_none() {
        let mut row = row(1);
        row.rejected(&entry(0).event, "x", false, Millis(TRIED_FOR_MS));
        assert_eq!((row.due(Millis(7)), Row::default().due(Millis(7))), (Some(NEVER), None));
    }

    #[test]
    fn a_user_with_too_many_events_does_not_grow_without_a_bound() {
        let mut row = row(1_000);
        let more: Vec<_> = (1_000..3_000).map(entry).collect();
        assert_eq!(row.add(&more), 2_000);
        assert_eq!((row.waiting.len(), row.failed.len()), (1_000, 1_000));
        assert!(serde_json::to_vec(&row).unwrap().len() < 300_000);
    }
}
