//! Reads which users are one person. A user whose part cannot be decrypted belongs to no person: every reader leaves it
//! out and continues with the other users.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{Identity, PartRecord, UserId};
use umoja_store::Home;
use umoja_store::person::{self, PersonParts};
use umoja_store::ports::{KeysError, Parts};
use umoja_store::seal::{SealError, Sealer};

use super::{Person, Stored};
use crate::Error;

/// A reader of people: a region, and the sealer that opens their parts.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The region.
    pub home: &'a Home,
    /// The sealer that opens parts.
    pub sealer: &'a Sealer,
}

/// The number of parts that are opened at the same time.
const CONCURRENT: usize = 16;

impl Reader<'_> {
    /// The stored users of a live user's person. If there are several, every profile part was opened, so the pointers
    /// are genuine. A user whose part cannot be decrypted is left out.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the part of the user itself cannot be decrypted.
    pub async fn person(&self, id: UserId) -> Result<Option<PersonParts>, Error> {
        let mut unreadable = BTreeSet::new();
        loop {
            let person = person::read(&*self.home.own.users, id, &unreadable).await?;
            let Some(person) = person else {
                return if unreadable.contains(&id) { Err(Error::Unreadable) } else { Ok(None) };
            };
            if person.linked_accounts.is_empty() {
                return Ok(Some(person));
            }
            let profiles = person.users().filter_map(|parts| parts.profile.as_ref()).collect();
            let more = self.unreadable(profiles, Some(id)).await?;
            if more.is_empty() {
                return Ok(Some(person));
            }
            unreadable.extend(more);
        }
    }

    /// The users whose profile parts cannot be decrypted, because they are damaged or were written without a key. An
    /// outage is an error, and so is a key that may not be used, because they prove no damage of the parts.
    ///
    /// A part that cannot be opened here yet is an error too: it has a newer format, or no wrapped key of a region that
    /// this one knows. The exception is a part of another user than `read`, the user that is only read. An attacker who
    /// can write the table can make a part look like that, which must not make the user that it points at unavailable.
    pub(crate) async fn unreadable(
        &self,
        profiles: Vec<&PartRecord>,
        read: Option<UserId>,
    ) -> Result<BTreeSet<UserId>, Error> {
        let opened: Vec<_> = profiles.iter().map(|profile| self.sealer.open::<Identity>(profile)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).collect().await;
        let failed = profiles.into_iter().zip(opened).filter_map(|(profile, opened)| Some((profile, opened.err()?)));
        let is_foreign = |profile: &PartRecord| read.is_some_and(|id| id != profile.id);
        let unreadable = |(profile, error): (&PartRecord, SealError)| {
            if is_foreign(profile) && self.is_unknown(profile, error) {
                tracing::warn!(user = %profile.id, %error, "a user is left out because its part cannot be opened yet");
                return Ok(profile.id);
            }
            unreadable(profile, error)
        };
        failed.map(unreadable).collect()
    }

    /// True if this region, as it is configured now, has no means to open a part.
    fn is_unknown(&self, part: &PartRecord, error: SealError) -> bool {
        let keys = part.live().map(|live| &live.keys);
        let has_key = keys.is_none_or(|keys| self.home.region_names().any(|region| keys.contains_key(region)));
        error == SealError::Newer || error == SealError::Keys(KeysError::Unavailable) && !has_key
    }

    /// Opens every profile part. `None` if a part is not live.
    ///
    /// # Errors
    /// If one of them cannot be opened.
    pub async fn open(&self, person: PersonParts) -> Result<Option<Person>, Error> {
        let PersonParts { primary, linked_accounts, .. } = person;
        let opened: Vec<_> =
            std::iter::once(primary).chain(linked_accounts).map(|parts| self.open_user(parts)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).try_collect().await?;
        let mut opened = opened.into_iter();
        let Some(primary) = opened.next().flatten() else { return Ok(None) };
        Ok(opened.collect::<Option<Vec<_>>>().map(|linked_accounts| Person { primary, linked_accounts }))
    }

    /// Opens the profile part of one user. `None` if a part is not live.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open_user(&self, parts: Parts) -> Result<Option<Stored>, Error> {
        let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else { return Ok(None) };
        if profile.live().is_none() {
            return Ok(None);
        }
        let identity = self.sealer.open::<Identity>(&profile).await?;
        Ok(Stored::new(profile, credentials, identity))
    }

    /// Reads and opens the person of a live user.
    ///
    /// # Errors
    /// As [`Reader::person`] and [`Reader::open`].
    pub async fn load(&self, id: UserId) -> Result<Option<Person>, Error> {
        match self.person(id).await? {
            Some(person) => self.open(person).await,
            None => Ok(None),
        }
    }
}

/// The user of a part that cannot be decrypted, which is logged for an operator. An error if the part itself is not the
/// cause.
pub(crate) fn unreadable(part: &PartRecord, error: SealError) -> Result<UserId, Error> {
    match error {
        SealError::Opaque | SealError::Keys(KeysError::Rejected) => {
            tracing::error!(user = %part.id, part = %part.part, %error, "a part of a merged user cannot be decrypted");
            Ok(part.id)
        }
        // It is unknown yet whether the part is genuine, and a guess could erase the wrong users.
        SealError::Newer | SealError::Keys(_) => Err(error.into()),
    }
}
