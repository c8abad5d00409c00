//! Reading who is one person. A part that does not open belongs to nobody: the others go on without it, whoever reads.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{Identity, PartRecord, UserId};
use umoja_store::Home;
use umoja_store::group::{self, GroupParts};
use umoja_store::ports::{KeysError, Parts};
use umoja_store::seal::{SealError, Sealer};

use super::{Person, Stored};
use crate::Error;

/// What reads people: a region, and what opens their parts.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The region.
    pub home: &'a Home,
    /// What opens.
    pub sealer: &'a Sealer,
}

/// How many parts are opened at the same time.
const CONCURRENT: usize = 16;

impl Reader<'_> {
    /// The users of a live user's person, as they are stored. If they are several, every profile part was opened: who
    /// points at whom is true. One that does not open belongs to nobody, and the others go on without it.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the user itself does not open.
    pub async fn group(&self, id: UserId) -> Result<Option<GroupParts>, Error> {
        let mut unreadable = BTreeSet::new();
        loop {
            let group = group::read(&*self.home.own.users, id, &unreadable).await?;
            let Some(group) = group else {
                return if unreadable.contains(&id) { Err(Error::Unreadable) } else { Ok(None) };
            };
            if group.members.is_empty() {
                return Ok(Some(group));
            }
            let profiles = group.users().filter_map(|parts| parts.profile.as_ref()).collect();
            let more = self.unreadable(profiles, Some(id)).await?;
            if more.is_empty() {
                return Ok(Some(group));
            }
            unreadable.extend(more);
        }
    }

    /// Whose profile parts do not open: damaged, or written by somebody who has no key. An outage is an error, and so is
    /// a key that may not be used: they say nothing about the parts.
    ///
    /// So is a part that cannot be opened here yet, of a newer format or without the key of any region that this one
    /// knows; unless `read` says which user is only read, and it is another's. Anybody who can write the table can mark a
    /// part so, and it must not take down whom it points at.
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
                tracing::warn!(user = %profile.id, %error, "a user is left out of a person until its part can be opened");
                return Ok(profile.id);
            }
            unreadable(profile, error)
        };
        failed.map(unreadable).collect()
    }

    /// True if a part is not for this region to open, as it is configured now.
    fn is_unknown(&self, part: &PartRecord, error: SealError) -> bool {
        let keys = part.live().map(|live| &live.keys);
        let has_key = keys.is_none_or(|keys| self.home.region_names().any(|region| keys.contains_key(region)));
        error == SealError::Newer || error == SealError::Keys(KeysError::Unavailable) && !has_key
    }

    /// Opens every profile part. `None` if a part is not live.
    ///
    /// # Errors
    /// If one does not open.
    pub async fn open(&self, group: GroupParts) -> Result<Option<Person>, Error> {
        let GroupParts { root, members, .. } = group;
        let opened: Vec<_> = std::iter::once(root).chain(members).map(|parts| self.open_user(parts)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).try_collect().await?;
        let mut opened = opened.into_iter();
        let Some(root) = opened.next().flatten() else { return Ok(None) };
        Ok(opened.collect::<Option<Vec<_>>>().map(|members| Person { root, members }))
    }

    /// Opens one user's profile part.
    ///
    /// # Errors
    /// If it does not open.
    pub async fn open_user(&self, parts: Parts) -> Result<Option<Stored>, Error> {
        let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else { return Ok(None) };
        if profile.live().is_none() {
            return Ok(None);
        }
        let identity = self.sealer.open::<Identity>(&profile).await?;
        Ok(Stored::new(profile, credentials, identity))
    }

    /// The person of a live user by id, opened.
    ///
    /// # Errors
    /// As [`Reader::group`] and [`Reader::open`].
    pub async fn load(&self, id: UserId) -> Result<Option<Person>, Error> {
        match self.group(id).await? {
            Some(group) => self.open(group).await,
            None => Ok(None),
        }
    }
}

/// The user of a part that does not open, for an operator to look at; an error if that is not the part's fault.
pub(crate) fn unreadable(part: &PartRecord, error: SealError) -> Result<UserId, Error> {
    match error {
        SealError::Opaque | SealError::Keys(KeysError::Refused) => {
            tracing::error!(user = %part.id, part = %part.part, %error, "a part of a merged user cannot be opened");
            Ok(part.id)
        }
        // What nobody can say yet is for nobody to guess: least of all whom to erase.
        SealError::Newer | SealError::Keys(_) => Err(error.into()),
    }
}
