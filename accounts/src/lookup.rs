//! A user by id or identifier, at least as new as somebody has seen it.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::Selector;
use umoja_schema::{PersonVersion, RecordVersion};
use umoja_store::group::GroupParts;
use umoja_store::ports::Parts;

use crate::{Accounts, Context, Error, People, Person, Rule};

/// Finds a person.
pub struct Lookup {
    /// Who is looked for.
    pub selector: Selector,
    /// A version that somebody has seen: what is found is no older.
    pub min_version: Option<PersonVersion>,
}

impl Rule for Lookup {
    type Read = Option<GroupParts>;
    type Done = Person;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Self::Read) -> Result<Person, Error> {
        let new_enough = |group: &GroupParts, wanted: &PersonVersion| {
            wanted.users().iter().all(|wanted| group.get(wanted.id).is_some_and(|parts| covers(parts, wanted)))
        };
        let group = match &self.min_version {
            Some(wanted) if !first.as_ref().is_some_and(|group| new_enough(group, wanted)) => {
                // Not found, somebody else, or too old: a user of the version may be erased, renamed or unmerged since,
                // or not have arrived. If all have by now (a tombstone is newer than all), what is found from now on is
                // new enough.
                accounts.not_behind(wanted).await?;
                accounts.find(context, &self.selector).await?
            }
            _ => first,
        };
        let person = match group {
            Some(group) => accounts.reader().open(group).await?,
            None => None,
        };
        person.ok_or(Error::NotFound)
    }
}

/// How many users are read at the same time.
const CONCURRENT: usize = 16;

impl People {
    /// [`Error::Behind`] while a user of a version is older here than in that version, or has not arrived.
    pub(crate) async fn not_behind(&self, wanted: &PersonVersion) -> Result<(), Error> {
        let stored: Vec<_> = wanted.users().iter().map(|wanted| self.home.own.users.parts(wanted.id)).collect();
        let stored: Vec<_> = stream::iter(stored).buffered(CONCURRENT).try_collect().await?;
        let all = stored.iter().zip(wanted.users()).all(|(parts, wanted)| covers(parts, wanted));
        if all { Ok(()) } else { Err(Error::Behind) }
    }

    /// The same for a version that need not be given.
    pub(crate) async fn at_least(&self, min_version: Option<&PersonVersion>) -> Result<(), Error> {
        match min_version {
            Some(wanted) => self.not_behind(wanted).await,
            None => Ok(()),
        }
    }
}

fn covers(parts: &Parts, wanted: &RecordVersion) -> bool {
    parts.version().is_some_and(|have| have.covers(wanted))
}
