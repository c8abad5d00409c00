//! Two users are one person from now on. One thing is written: the duplicate's part points at the survivor. What callers
//! see is derived from that, so merging commutes, can be repeated, and can be undone.

use std::collections::BTreeSet;

use umoja_schema::{Actor, Attribute, Log, LogRow, PartRecord, PersonVersion, UserId};
use umoja_store::group::{self, GroupError, MAX_MERGED, MergeRefused, Merging, merging};
use umoja_store::pointers::{MERGED, UNMERGED, pointer_rows};

use crate::accounts::{company_field, until_written};
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Field, People, Person, Rule};

/// Merges two users.
pub struct Merge {
    /// Whose values, credentials and status count from then on.
    pub survivor: UserId,
    /// Who is the same person.
    pub duplicate: UserId,
    /// Changes nothing, and says what the person would look like.
    pub preview: bool,
    /// Only where the region has heard of this version.
    pub min_version: Option<PersonVersion>,
}

/// What is stored of both.
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
            return Err(Error::invalid(Field::Duplicate, "A user is not merged into itself."));
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
    /// The person that the two would be; `None` if they are it already.
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
            Merging::Refused(why) => return Err(why.into()),
            Merging::Allowed => {}
        }
        let joined = survivor.pointed(Some(duplicate), self.duplicate, Some(self.survivor))?;
        joined.ok_or(Error::Broken("who is merged is live")).map(Some)
    }

    /// Writes the pointer, while everybody of both persons is as it was read: an erasure sees every pointer that was
    /// written before it, and none is written after it. `None` if somebody got in between. `why` is on whose behalf it is,
    /// in the journal, and `with` adds to its rows.
    ///
    /// # Errors
    /// [`MergeRefused::TooLarge`] if too many users are one person then: merges at the same moment do not see each other,
    /// so whoever finds too many takes its own back.
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
        // If somebody wrote over it meanwhile, they have it as they read it.
        Err(if unwritten.is_some() { MergeRefused::TooLarge.into() } else { Error::Contended })
    }
}

async fn is_small(people: &People, survivor: UserId) -> Result<bool, Error> {
    match group::read(&*people.home.own.users, survivor, &BTreeSet::new()).await {
        Ok(group) => Ok(group.is_none_or(|group| group.users().count() <= MAX_MERGED)),
        Err(GroupError::TooLarge(_)) => Ok(false),
        Err(GroupError::Store(error)) => Err(error.into()),
    }
}
