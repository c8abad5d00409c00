//! Factors that a person removes.

use umoja_schema::UserId;
use umoja_schema::access::{Factor, FactorKind};

use super::super::{Needed, Standing};
use crate::{Error, People};

impl People {
    /// Removes a factor of a person, and ends every other session than `session`; with the last one go the recovery codes. False if the
    /// person has no such factor. A passkey that was removed is not added again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn remove_factor(&self, (user, session): (UserId, &str), id: &str) -> Result<bool, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let Some(factor) = standing.factors().find(|factor| factor.id == id) else { return Ok(false) };
        self.end(factor.user, &Factor::key(id), None).await?;
        let is_left = |other: &&Factor| other.id != id && !matches!(other.kind, FactorKind::Recovery { .. });
        if standing.factors().find(is_left).is_none() {
            for codes in standing.factors().filter(|other| other.id != id) {
                self.end(codes.user, &Factor::key(&codes.id), None).await?;
            }
        }
        tracing::info!(%user, "a factor was removed");
        self.end_other_sessions(user, session).await?;
        Ok(true)
    }

    /// Ends every factor of a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub(crate) async fn end_factors(&self, user: UserId) -> Result<(), Error> {
        let needed = Needed { factors: true, ..Needed::default() };
        let standing = Standing::read_needed(self, user, &needed).await?.ok_or(Error::NotFound)?;
        for factor in standing.factors() {
            self.end(factor.user, &Factor::key(&factor.id), None).await?;
            tracing::info!(%user, "a factor ended with the first proof of an address");
        }
        Ok(())
    }
}
