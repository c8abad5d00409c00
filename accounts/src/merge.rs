//! Makes two users one person. A merge writes only a pointer from the duplicate's part to the survivor. The view of
//! callers is derived from the pointers, so merges commute, can be repeated, and can be undone.

use std::collections::BTreeSet;

use umoja_schema::{Actor, Attribute, Log, LogRow, PartRecord, PersonVersion, UserId};
use umoja_store::person::{self, MAX_MERGED, MergeError, Merging, PersonError, merging};
use umoja_store::pointers::{MERGED, UNMERGED, pointer_rows};

use crate::accounts::{company_field, until_written};
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Field, People, Person, Rule};

/// Merges two users.
pub struct Merge {
    /// The user whose values, credentials and status count from then on.
    pub survivor: UserId,
    /// The user that is the same person.
    pub duplicate: UserId,
    /// True to return the merged person without a write.
    pub preview: bool,
    /// The version that has to have arrived in the region.
    pub min_version: Option<PersonVersion>,
}

/// The persons of the survivor and of the duplicate.
type Both = (Option<Person>, Option<Person>);

impl Merge {
    async fn both(&self, people: &People) -> Result<Both, Error> {
        let reader = people.reader();
        tokio::try_join!(reader.load(self.survivor), reader.load(self.duplicate))
    }
}

impl Rule for Merge {
    type Read = Both;
    type Done = Person;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Both, Error> {
        if self.survivor == self.duplicate {
            return Err(Error::invalid(Field::Duplicate, "Give another user than the survivor."));
        }
        accounts.at_least(self.min_version.as_ref()).await?;
        self.both(accounts).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Both) -> Result<Person, Error> {
        let mut first = Some(first);
        until_written!({
            let (survivor, duplicate) = match first.take() {
                Some(read) => read,
                None => self.both(accounts).await?,
            };
            let survivor = survivor.ok_or(Error::NotFoundAs(Field::Survivor))?;
            let duplicate = duplicate.ok_or(Error::NotFoundAs(Field::Duplicate))?;
            let pointing = Pointing { survivor: self.survivor, duplicate: self.duplicate };
            let Some(joined) = pointing.joined(accounts, &survivor, &duplicate).await? else {
                return Ok(Some(survivor));
            };
            if self.preview {
                return Ok(Some(joined));
            }
            let why = company_field(context);
            pointing.write(accounts, &context.actor, &joined, &why, |row| row).await
        })
    }
}

/// A pointer from one user to another.
#[derive(Clone, Copy)]
pub(crate) struct Pointing {
    pub(crate) survivor: UserId,
    pub(crate) duplicate: UserId,
}

impl Pointing {
    /// The person that the two would be. `None` if they are one person already.
    ///
    /// # Errors
    /// [`Error::Merge`] if they may not be merged in this way.
    pub(crate) async fn joined(
        self,
        people: &People,
        survivor: &Person,
        duplicate: &Person,
    ) -> Result<Option<Person>, Error> {
        let (its, theirs) = (survivor.pointers(), duplicate.pointers());
        let users = &*people.home.own.users;
        match merging(users, (self.survivor, &its), (self.duplicate, &theirs)).await? {
            Merging::Done => return Ok(None),
            Merging::Rejected(why) => return Err(why.into()),
            Merging::Allowed => {}
        }
        let joined = survivor.pointed(Some(duplicate), self.duplicate, Some(self.survivor))?;
        joined.ok_or(Error::Broken("a merged user is live")).map(Some)
    }

    /// Writes the pointer if all users of both persons are as they were read. An erasure therefore sees every pointer
    /// that was written before it, and no pointer is written after it. `None` if another write got in between. `why` is
    /// the field of the journal rows that names the company or the operator, and `with` adds to these rows.
    ///
    /// # Errors
    /// [`MergeError::TooLarge`] if too many users are one person then. Concurrent merges do not see each other, so a
    /// merge that finds too many users undoes itself.
    pub(crate) async fn write(
        self,
        people: &People,
        actor: &Actor,
        joined: &Person,
        why: &(String, Attribute),
        with: impl Fn(LogRow) -> LogRow,
    ) -> Result<Option<Person>, Error> {
        let rows = |kind: &str, part: &PartRecord| {
            let origin = &people.home.own.name;
            let rows = pointer_rows(origin, kind, &part.version, self.survivor, self.duplicate, why);
            rows.into_iter().map(|(log, row)| (log, with(row))).collect::<Vec<(Log, LogRow)>>()
        };
        let rules = Rules { all_as_read: true, ..Rules::of(actor) };
        let change = joined.pointing(self.duplicate, Some(self.survivor))?;
        let written = people.write_profiles(joined, &[change], &rules, |part| rows(MERGED, part)).await?;
        let Some(merged) = written else { return Ok(None) };
        if is_small(people, self.survivor).await? {
            return Ok(Some(merged));
        }
        let change = merged.pointing(self.duplicate, None)?;
        let unwritten =
            people.write_profiles(&merged, &[change], &Rules::of(actor), |part| rows(UNMERGED, part)).await?;
        // If the undo was overtaken, the other write had read the merged person.
        Err(if unwritten.is_some() { MergeError::TooLarge.into() } else { Error::Contended })
    }
}

async fn is_small(people: &People, survivor: UserId) -> Result<bool, Error> {
    match person::read(&*people.home.own.users, survivor, &BTreeSet::new()).await {
        Ok(person) => Ok(person.is_none_or(|person| person.users().count() <= MAX_MERGED)),
        Err(PersonError::TooLarge(_)) => Ok(false),
        Err(PersonError::Store(error)) => Err(error.into()),
    }
}
