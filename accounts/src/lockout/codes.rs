//! One attempt at a code of a person: it is counted before the code is compared.

use metrics::counter;
use umoja_schema::names::metric;
use umoja_schema::{Millis, UserId};
use umoja_store::ports::{Counted, StoreError};

use super::entry::logged;
use super::keys::of_codes;
use super::limits::{IDENTIFIER, LONGEST_MS};
use crate::{Error, People};

/// An attempt that may be made. Its outcome has to be reported with [`CodeAttempt::end`].
#[must_use]
pub(crate) struct CodeAttempt {
    key: [u8; 32],
    tally: umoja_store::ports::Tally,
}

impl CodeAttempt {
    /// Counts an attempt at the codes of a person, by its primary account.
    ///
    /// # Errors
    /// [`Error::Locked`] if no attempt is allowed now. If it cannot be counted, it is not made: a code is short, so without counts it could be
    /// guessed.
    pub(crate) async fn begin(people: &People, person: UserId, now: Millis) -> Result<Self, Error> {
        let key = of_codes(people, person);
        match people.home.attempts.count(&key, &IDENTIFIER, now).await {
            Ok(Counted::Let(tally)) => Ok(Self { key, tally }),
            Ok(Counted::Locked(until)) => {
                counter!(metric::LOCKED_PERSONS).increment(1);
                tracing::info!(event = metric::LOCKED_PERSONS, "a code was rejected without a check");
                let secs = until.since(now).min(LONGEST_MS).div_ceil(1000).max(1);
                Err(Error::Locked { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) })
            }
            Err(StoreError::Throttled(_)) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }

    /// Reports the outcome: the code was right, it was wrong, or it could not be compared.
    pub(crate) async fn end<T>(self, people: &People, made: &Result<Option<T>, Error>) {
        let attempts = &people.home.attempts;
        match made {
            Ok(Some(_)) => drop(logged(attempts.forget(&self.key).await)),
            Ok(None) => {
                counter!(metric::LOGIN_FAILURES).increment(1);
                tracing::info!(event = metric::LOGIN_FAILURES, "a code was wrong");
            }
            Err(_) => drop(logged(attempts.give_back(&self.key, &self.tally).await)),
        }
    }
}
