//! The brake on mass removals: a wrong scope or a faulty source must not take the accounts of thousands of people away
//! before an operator has looked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umoja_schema::Millis;

/// The removals that are always allowed within an hour.
pub(crate) const LEAST: u64 = 20;
/// The part of all accounts that may be removed within an hour: one in this number (5 %).
pub(crate) const ONE_IN: u64 = 20;

const MINUTE_MS: u64 = 60_000;
/// For how many minutes a removal counts.
const COUNTED_MINUTES: u64 = 60;

/// The removals at one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brake {
    /// The removals of each minute of the last hour. So the state has at most 60 numbers, whatever is removed.
    removed: BTreeMap<u64, u64>,
    /// When it began to hold. It holds until an operator says that removals may continue.
    held_since: Option<Millis>,
}

impl Brake {
    /// Counts a removal, and returns whether it may be done. `accounts` is the number of accounts at the target, and
    /// until `allowed_until` an operator lets every removal through.
    pub(crate) fn may_remove(&mut self, accounts: u64, allowed_until: Option<Millis>, now: Millis) -> bool {
        let this_minute = now.0 / MINUTE_MS;
        self.removed.retain(|minute, _| minute.abs_diff(this_minute) < COUNTED_MINUTES);
        if allowed_until.is_some_and(|until| now < until) {
            self.held_since = None;
            self.removed.clear();
            return true;
        }
        // What an operator let through before does not count for what follows.
        let limit = LEAST.max(accounts / ONE_IN);
        if self.held_since.is_none() && self.removed.values().sum::<u64>() >= limit {
            self.held_since = Some(now);
        }
        if self.held_since.is_some() {
            return false;
        }
        *self.removed.entry(this_minute).or_default() += 1;
        true
    }

    /// Since when removals are held.
    pub(crate) const fn held_since(&self) -> Option<Millis> {
        self.held_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = COUNTED_MINUTES * MINUTE_MS;

    fn removed(brake: &mut Brake, accounts: u64, times: u64, from: u64) -> u64 {
        (0..times).filter(|n| brake.may_remove(accounts, None, Millis(from + n))).count() as u64
    }

    #[test]
    fn twenty_removals_or_five_percent_are_done_and_the_next_one_is_held() {
        for (accounts, limit) in [(0, 20), (100, 20), (400, 20), (1000, 50), (10_000, 500)] {
            let mut brake = Brake::default();
            assert_eq!(removed(&mut brake, accounts, limit + 5, 1_000), limit, "{accounts}");
            assert!(brake.held_since().is_some());
        }
    }

    #[test]
    fn removals_that_are_spread_are_not_held() {
        let mut brake = Brake::default();
        for hour in 0..10 {
            assert_eq!(removed(&mut brake, 0, 20, hour * HOUR_MS), 20);
        }
        assert_eq!(brake.held_since(), None);
    }

    #[test]
    fn time_alone_does_not_end_the_hold() {
        let mut brake = Brake::default();
        removed(&mut brake, 0, 21, 0);
        assert!(!brake.may_remove(0, None, Millis(100 * HOUR_MS)));
    }

    #[test]
    fn an_operator_ends_the_hold_for_a_time() {
        let mut brake = Brake::default();
        removed(&mut brake, 0, 21, 0);
        let until = Some(Millis(HOUR_MS));
        assert!((0..100).all(|n| brake.may_remove(0, until, Millis(100 + n))));
        assert_eq!(removed(&mut brake, 0, 21, HOUR_MS), 20, "the limit counts again");
    }

    #[test]
    fn many_removals_fit_a_checkpoint() {
        let mut brake = Brake::default();
        for minute in 0..180 {
            assert_eq!(removed(&mut brake, 10_000_000, 5_000, minute * MINUTE_MS), 5_000);
        }
        assert!(serde_json::to_string(&brake).unwrap().len() < 2_000);
    }

    #[test]
    fn a_brake_round_trips_through_its_checkpoint() {
        let mut brake = Brake::default();
        removed(&mut brake, 0, 21, 7);
        let text = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Brake>(&text).unwrap(), brake);
    }
}
