//! Factors that are removed.

use umoja_schema::CompanyId;
use umoja_schema::access::{Factor, FactorKind};

use super::super::Standing;
use super::change::{By, Change, Decided};
use crate::accounts::until_written;
use crate::{Error, People};

/// The factors that end in one transaction, each with its row in the audit trail, beside what ends everything of the person.
const AT_ONCE: usize = 20;

/// What came of the wish of a person to remove something by which it proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is no longer the person's.
    Removed,
    /// The person could not sign in any more, and keeps it.
    Last,
    /// The person has no such thing.
    Absent,
}

impl People {
    /// As [`People::remove_factor`], but for the last passkey of a person that could not sign in without it: it has no password and no login
    /// at the provider of one of the companies in `logins`.
    ///
    /// # Errors
    /// As [`People::remove_factor`].
    pub async fn remove_factor_but_last_way(
        &self,
        by: By<'_>,
        id: &str,
        logins: &[CompanyId],
    ) -> Result<Removal, Error> {
        until_written!({
            let standing = Standing::read(self, by.user).await?.ok_or(Error::NotFound)?;
            let person = standing.person(self).await?.ok_or(Error::NotFound)?;
            let has_other_way = self.signs_in_without_passkey(&person, logins).await?;
            let decide = |current: &Standing| {
                if current.person_version() != Some(person.version()) {
                    return Decided::nothing(None);
                }
                let is_passkey = current.passkeys().any(|(factor, _)| factor.id == id);
                if is_passkey && !has_other_way && current.passkeys().all(|(factor, _)| factor.id == id) {
                    return Decided::nothing(Some(Removal::Last));
                }
                let Decided { changes, done } = without(current, id);
                Decided { changes, done: Some(if done { Removal::Removed } else { Removal::Absent }) }
            };
            Ok(self.change_factors(by, decide).await?.unwrap_or(Some(Removal::Absent)))
        })
    }

    /// Removes a factor of a person, and ends everything of it but the session that is kept, as [`People::end_other_sessions`] does; with the
    /// last one go the recovery codes. False if the person has no such factor. A passkey that was removed is not added again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn remove_factor(&self, by: By<'_>, id: &str) -> Result<bool, Error> {
        Ok(self.change_factors(by, |standing| without(standing, id)).await?.unwrap_or_default())
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

/// The end of a factor, and with the last one that of the recovery codes. False if the person has no such factor.
fn without(standing: &Standing, id: &str) -> Decided<bool> {
    if standing.factors().all(|factor| factor.id != id) {
        return Decided::nothing(false);
    }
    let is_recovery = |factor: &Factor| matches!(factor.kind, FactorKind::Recovery { .. });
    let is_last = !standing.factors().any(|other| other.id != id && !is_recovery(other));
    let ends = |factor: &&Factor| factor.id == id || (is_last && is_recovery(factor));
    Decided { changes: standing.factors().filter(ends).cloned().map(Change::End).collect(), done: true }
}
