//! Factors that are removed.

use umoja_schema::access::{Factor, FactorKind};

use super::super::Standing;
use super::change::{By, Change, Decided};
use crate::{Error, People};

/// The factors that end in one transaction, each with its row in the audit trail, beside what ends everything of the person.
const AT_ONCE: usize = 20;

impl People {
    /// Removes a factor of a person, and ends everything of it but the session that is kept, as [`People::end_other_sessions`] does; with the
    /// last one go the recovery codes. False if the person has no such factor. A passkey that was removed is not added again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn remove_factor(&self, by: By<'_>, id: &str) -> Result<bool, Error> {
        let decide = |standing: &Standing| {
            if standing.factors().all(|factor| factor.id != id) {
                return Decided::nothing(false);
            }
            let is_recovery = |factor: &Factor| matches!(factor.kind, FactorKind::Recovery { .. });
            let is_last = !standing.factors().any(|other| other.id != id && !is_recovery(other));
            let ends = |factor: &&Factor| factor.id == id || (is_last && is_recovery(factor));
            Decided { changes: standing.factors().filter(ends).cloned().map(Change::End).collect(), done: true }
        };
        Ok(self.change_factors(by, decide).await?.unwrap_or_default())
    }

    /// Removes every factor of a person, as [`People::remove_factor`] does. Returns the factors, as they were. Of a person without any,
    /// everything but the session that is kept ends too.
    ///
    /// # Errors
    /// As [`People::remove_factor`].
    pub async fn remove_factors(&self, by: By<'_>) -> Result<Vec<Factor>, Error> {
        let removed = self.end_factors(by).await?;
        if removed.is_empty() {
            match by.kept {
                Some(kept) => self.end_other_sessions(kept).await?,
                None => drop(self.end_all_sessions(by.user).await?),
            }
        }
        Ok(removed)
    }

    /// Ends every factor of a person, and with them everything but the session that is kept. Returns the factors, as they were.
    ///
    /// # Errors
    /// As [`People::remove_factor`].
    pub(crate) async fn end_factors(&self, by: By<'_>) -> Result<Vec<Factor>, Error> {
        let mut ended = Vec::new();
        loop {
            let decide = |standing: &Standing| {
                let some: Vec<Factor> = standing.factors().take(AT_ONCE).cloned().collect();
                Decided { changes: some.iter().cloned().map(Change::End).collect(), done: some }
            };
            let some = self.change_factors(by, decide).await?.unwrap_or_default();
            let are_more = some.len() == AT_ONCE;
            ended.extend(some);
            if !are_more {
                return Ok(ended);
            }
        }
    }
}
