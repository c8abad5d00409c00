//! Factors that are removed.

use umoja_schema::access::{Factor, FactorKind};

use super::super::Standing;
use super::change::{By, Change};
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
        let standing = Standing::read(self, by.user).await?.ok_or(Error::NotFound)?;
        if standing.factors().find(|factor| factor.id == id).is_none() {
            return Ok(false);
        }
        let is_recovery = |factor: &Factor| matches!(factor.kind, FactorKind::Recovery { .. });
        let is_last = !standing.factors().any(|other| other.id != id && !is_recovery(other));
        let ends = |factor: &&Factor| factor.id == id || (is_last && is_recovery(factor));
        let changes: Vec<_> = standing.factors().filter(ends).map(Change::End).collect();
        self.change_factors(&standing, by, &changes).await?;
        Ok(true)
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
            let standing = Standing::read(self, by.user).await?.ok_or(Error::NotFound)?;
            let some: Vec<&Factor> = standing.factors().take(AT_ONCE).collect();
            let changes: Vec<_> = some.iter().copied().map(Change::End).collect();
            if !changes.is_empty() {
                self.change_factors(&standing, by, &changes).await?;
            }
            ended.extend(some.iter().copied().cloned());
            if some.len() < AT_ONCE {
                return Ok(ended);
            }
        }
    }
}
