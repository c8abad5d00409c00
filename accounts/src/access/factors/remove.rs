//! Factors that are removed.

use umoja_schema::access::{Factor, FactorKind};
use umoja_schema::{Actor, AuditEvent, UserId};

use super::super::{Needed, Standing};
use super::Change;
use crate::{Error, People};

impl People {
    /// Removes a factor of a person, and ends the other sessions; with the last one go the recovery codes. False if the person has no such
    /// factor. A passkey that was removed is not added again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn remove_factor(&self, change: Change<'_>, id: &str) -> Result<bool, Error> {
        let standing = Standing::read(self, change.user).await?.ok_or(Error::NotFound)?;
        let Some(factor) = standing.factors().find(|factor| factor.id == id) else { return Ok(false) };
        self.end_factor(factor, change.actor).await?;
        let is_left = |other: &&Factor| other.id != id && !matches!(other.kind, FactorKind::Recovery { .. });
        if standing.factors().find(is_left).is_none() {
            for codes in standing.factors().filter(|other| other.id != id) {
                self.end_factor(codes, change.actor).await?;
            }
        }
        self.end_sessions_after(change).await?;
        Ok(true)
    }

    /// Removes every factor of a person, and ends the other sessions. Returns the factors, as they were.
    ///
    /// # Errors
    /// As [`People::remove_factor`].
    pub async fn remove_factors(&self, change: Change<'_>) -> Result<Vec<Factor>, Error> {
        let removed = self.end_factors(change.user, change.actor).await?;
        self.end_sessions_after(change).await?;
        Ok(removed)
    }

    /// Ends every factor of a person.
    ///
    /// # Errors
    /// As [`People::remove_factor`].
    pub(crate) async fn end_factors(&self, user: UserId, actor: &Actor) -> Result<Vec<Factor>, Error> {
        let needed = Needed { factors: true, ..Needed::default() };
        let standing = Standing::read_needed(self, user, &needed).await?.ok_or(Error::NotFound)?;
        let mut ended = Vec::new();
        for factor in standing.factors() {
            self.end_factor(factor, actor).await?;
            ended.push(factor.clone());
        }
        Ok(ended)
    }

    pub(super) async fn end_factor(&self, factor: &Factor, actor: &Actor) -> Result<(), Error> {
        let event = AuditEvent::FactorRemoved(factor.kind.name());
        if self.end_recorded(factor.user, &Factor::key(&factor.id), (actor, &event)).await? {
            tracing::info!(user = %factor.user, kind = factor.kind.name(), "a factor was removed");
        }
        Ok(())
    }

    /// Ends the sessions of a person whose factors have changed (ASVS 7.4.3).
    pub(super) async fn end_sessions_after(&self, Change { user, session, .. }: Change<'_>) -> Result<(), Error> {
        match session {
            Some(kept) => self.end_other_sessions(user, kept).await,
            None => self.end_all_sessions(user).await.map(drop),
        }
    }
}
