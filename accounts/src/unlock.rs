//! Takes the lock-out of a person away in this region.
//!
//! A company could otherwise guess passwords without end: each unlocking gives the guesses back. So the number of
//! unlockings by companies is limited for each person, and an operator's has no limit.

use umoja_schema::api::Selector;
use umoja_schema::{Actor, AuditEvent, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::{Counted, Limit, StoreError};

use crate::links::state;
use crate::lockout::forget;
use crate::{Accounts, Context, Error, People, Rule};

/// How often companies may unlock a person in an hour. Each further time waits for an hour.
const UNLOCKS: Limit =
    Limit { at_once: 3, shortest_ms: 3_600_000, longest_ms: 3_600_000, window_ms: 7_200_000, slides: true };

/// Takes the lock-out of a linked person away.
pub struct Unlock {
    /// Any user of the person.
    pub selector: Selector,
}

impl Rule for Unlock {
    type Read = Option<PersonParts>;
    /// The primary account.
    type Done = UserId;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Self::Read) -> Result<UserId, Error> {
        let person = person.ok_or(Error::NotFound)?;
        let facts = person.users().filter_map(|parts| parts.profile.as_ref()?.profile_facts());
        state(facts.filter_map(|facts| facts.links.get(&context.company.id))).ok_or(Error::NotLinked)?;
        let id = person.primary.id().ok_or(Error::NotFound)?;
        let key = accounts.secrets.request_hash(&["unlocking of a person", &id.to_string()]);
        match accounts.home.attempts.count(&key, &UNLOCKS, context.now).await {
            Ok(Counted::Let(_)) => {}
            Ok(Counted::Locked(until)) => {
                let secs = until.since(context.now).div_ceil(1000).max(1);
                return Err(Error::Locked { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) });
            }
            Err(StoreError::Throttled(_)) => return Err(Error::Contended),
            Err(error) => return Err(error.into()),
        }
        accounts.record_unlock(&context.actor, id).await?;
        forget(accounts, &person).await?;
        Ok(id)
    }
}

impl People {
    /// Takes the lock-out of a person away in this region, by any user of it. [`People::record_unlock`] records it, once for
    /// all regions. Returns the primary account.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user here. If the store fails.
    pub async fn unlock(&self, id: UserId) -> Result<UserId, Error> {
        let person = self.reader().person(id).await?.ok_or(Error::NotFound)?;
        forget(self, &person).await?;
        person.primary.id().ok_or(Error::NotFound)
    }

    /// Records that a person is unlocked.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn record_unlock(&self, actor: &Actor, primary: UserId) -> Result<(), Error> {
        Ok(self.recorder().append(actor, primary, AuditEvent::Unlocked).await?)
    }
}
