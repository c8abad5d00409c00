//! Finds a user by id or identifier, in at least the version that the caller has seen.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::Selector;
use umoja_schema::{PersonVersion, RecordVersion, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::Parts;

use crate::{Accounts, Context, Error, People, Person, Rule};

/// Finds a person.
pub struct Lookup {
    /// The id or identifier of the user.
    pub selector: Selector,
    /// A version that the caller has seen. The result is not older.
    pub min_version: Option<PersonVersion>,
}

impl Rule for Lookup {
    type Read = Option<PersonParts>;
    type Done = Person;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Self::Read) -> Result<Person, Error> {
        let person = match &self.min_version {
            Some(wanted) if !first.as_ref().is_some_and(|person| covers_person(person, wanted)) => {
                // The user is not found, is another one, or is too old. A user of the wanted version may have been
                // erased, renamed or unmerged since, or may not have arrived. If all of them have arrived by now (a
                // tombstone is newer than every version), a new search finds a user that is new enough.
                accounts.not_behind(wanted).await?;
                accounts.find(context, &self.selector).await?
            }
            _ => first,
        };
        let person = match person {
            Some(person) => accounts.reader().open(person).await?,
            None => None,
        };
        person.ok_or(Error::NotFound)
    }
}

/// How often a region that is behind looks again.
const POLL: Duration = Duration::from_millis(50);

/// How many users are read at the same time.
const CONCURRENT: usize = 16;

impl People {
    /// Fails with [`Error::Behind`] while a user of a version is older here than in that version, or has not arrived.
    pub(crate) async fn not_behind(&self, wanted: &PersonVersion) -> Result<(), Error> {
        let stored: Vec<_> = wanted.users().iter().map(|wanted| self.home.own.users.parts(wanted.id)).collect();
        let stored: Vec<_> = stream::iter(stored).buffered(CONCURRENT).try_collect().await?;
        let all = stored.iter().zip(wanted.users()).all(|(parts, wanted)| covers(parts, wanted));
        if all { Ok(()) } else { Err(Error::Behind) }
    }

    /// Waits until the users of a version are here in that version or a later one, for this time at most. False if they are
    /// not by then.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn caught_up(&self, wanted: &PersonVersion, wait: Duration) -> Result<bool, Error> {
        let arrival = tokio::time::timeout(wait, async {
            loop {
                match self.not_behind(wanted).await {
                    Err(Error::Behind) => tokio::time::sleep(POLL).await,
                    other => return other,
                }
            }
        });
        match arrival.await {
            Ok(arrived) => arrived.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// True if something of a user is stored in this region: it is live, or it was erased.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn has_arrived(&self, user: UserId) -> Result<bool, Error> {
        let parts = self.home.own.users.parts(user).await?;
        Ok(parts.profile.is_some() || parts.credentials.is_some())
    }

    /// [`People::not_behind`] for an optional version.
    pub(crate) async fn at_least(&self, min_version: Option<&PersonVersion>) -> Result<(), Error> {
        match min_version {
            Some(wanted) => self.not_behind(wanted).await,
            None => Ok(()),
        }
    }
}

/// True if a person has every user of a version, at least as that says.
pub(crate) fn covers_person(person: &PersonParts, wanted: &PersonVersion) -> bool {
    wanted.users().iter().all(|wanted| person.get(wanted.id).is_some_and(|parts| covers(parts, wanted)))
}

fn covers(parts: &Parts, wanted: &RecordVersion) -> bool {
    parts.version().is_some_and(|have| have.covers(wanted))
}
