//! When a target counts as out: a dead target is not asked for every user, and one user at whom it fails
//! keeps no other out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, UserId};

use crate::breaker::{Breaker, Pass};
use crate::targets::failure::{Code, Failure, Then};

/// How many users have to meet rejected credentials before they count as wrong.
const USERS: usize = 3;

/// The state of one target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Health {
    breaker: Breaker,
    /// The users at whom it rejected the credentials since its last other answer.
    unauthorized: BTreeSet<UserId>,
    /// The last failure of the target itself.
    code: Option<Code>,
}

impl Health {
    /// Whether a delivery may begin now.
    pub(crate) fn begin(&mut self, now: Millis) -> Option<Pass> {
        self.breaker.begin(now)
    }

    /// True if only one delivery may begin, which shows whether the target is back.
    pub(crate) fn is_out(&self) -> bool {
        self.breaker.is_out()
    }

    /// Why the target counts as out.
    pub(crate) fn out(&self) -> Option<Code> {
        let is_unauthorized = self.unauthorized.len() >= USERS;
        self.code.filter(|_| self.breaker.is_out() || is_unauthorized)
    }

    /// Ends a delivery. True if the target counts as out from now on, and did not before.
    pub(crate) fn end(&mut self, pass: Pass, user: UserId, failure: Option<Failure>, now: Millis) -> bool {
        let Some(failure) = failure.filter(|failure| failure.code.is_of_target()) else {
            // An answer about the user proves that the target is there.
            *self = Self::default();
            return false;
        };
        self.code = Some(failure.code);
        if let (Code::Throttled, Then::Again(Some(secs))) = (failure.code, failure.then) {
            self.breaker.hold(secs, now);
        }
        let mut is_out = self.breaker.end(pass, false, now);
        if failure.code == Code::Credentials {
            self.unauthorized.insert(user);
        }
        // Rejected credentials and a target that is gone need an operator and not ten more calls.
        while !self.breaker.is_out() && (failure.code == Code::Off || self.unauthorized.len() >= USERS) {
            is_out |= self.breaker.end(pass, false, now);
        }
        is_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u8) -> UserId {
        UserId::v8([n; 16])
    }

    fn end(health: &mut Health, code: Code, n: u8, at: u64) -> Option<bool> {
        let pass = health.begin(Millis(at))?;
        Some(health.end(pass, user(n), Some(Failure::from(code)), Millis(at)))
    }

    #[test]
    fn credentials_count_as_wrong_at_three_users() {
        let mut health = Health::default();
        for (n, opens) in [(1, false), (1, false), (2, false), (3, true)] {
            assert_eq!(end(&mut health, Code::Credentials, n, 0), Some(opens), "{n}");
        }
        assert_eq!((health.out(), health.begin(Millis(1))), (Some(Code::Credentials), None));
    }

    #[test]
    fn a_target_that_is_gone_is_out_at_once() {
        let mut health = Health::default();
        assert_eq!(end(&mut health, Code::Off, 1, 0), Some(true));
        assert_eq!(health.out(), Some(Code::Off));
    }

    #[test]
    fn a_user_whom_the_target_rejects_proves_that_it_answers() {
        let mut health = Health::default();
        (0..9).for_each(|n| assert_eq!(end(&mut health, Code::Unavailable, n, 0), Some(false)));
        assert_eq!(end(&mut health, Code::Rejected, 1, 0), Some(false));
        (0..9).for_each(|n| assert_eq!(end(&mut health, Code::Unavailable, n, 0), Some(false)));
        assert_eq!(end(&mut health, Code::Unavailable, 1, 0), Some(true));
    }

    #[test]
    fn a_throttled_target_is_left_alone_for_as_long_as_it_asks() {
        let mut health = Health::default();
        let pass = health.begin(Millis(0)).unwrap();
        let failure = Failure { code: Code::Throttled, then: Then::Again(Some(60)) };
        assert!(!health.end(pass, user(1), Some(failure), Millis(0)));
        assert_eq!((health.begin(Millis(59_999)), health.begin(Millis(60_000)).is_some()), (None, true));
    }
}
