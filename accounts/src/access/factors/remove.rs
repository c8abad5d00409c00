//! Factors that a person removes.

use umoja_schema::UserId;
use umoja_schema::access::{Factor, FactorKind};

use super::super::{DescribedSession, Standing};
use super::change::Change;
use crate::{Error, People};

impl People {
    /// Removes a factor of a person, and ends everything of it but the session that is kept, as [`People::end_other_sessions`] does; with the
    /// last one go the recovery codes. False if the person has no such factor. A passkey that was removed is not added again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn remove_factor(
        &self,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        id: &str,
    ) -> Result<bool, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        if standing.factors().find(|factor| factor.id == id).is_none() {
            return Ok(false);
        }
        let is_recovery = |factor: &Factor| matches!(factor.kind, FactorKind::Recovery { .. });
        let is_last = !standing.factors().any(|other| other.id != id && !is_recovery(other));
        let ends = |factor: &&Factor| factor.id == id || (is_last && is_recovery(factor));
        let changes: Vec<_> = standing.factors().filter(ends).map(Change::End).collect();
        self.change_factors(&standing, (user, kept), &changes).await?;
        tracing::info!(%user, "a factor was removed");
        Ok(true)
    }

    /// Ends every factor of a person, and everything that began before.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub(crate) async fn end_factors(&self, user: UserId) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let changes: Vec<_> = standing.factors().map(Change::End).collect();
        if !changes.is_empty() {
            self.change_factors(&standing, (user, None), &changes).await?;
            tracing::info!(%user, "the factors of a person ended with the first proof of an address");
        }
        Ok(())
    }
}
