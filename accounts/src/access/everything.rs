//! The end of everything that a person has signed in to.

use std::collections::BTreeSet;

use umoja_schema::access::{EndOfAll, Session};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Hlc, Millis, UserId, Version, VersionedItem};
use umoja_store::ports::ItemWrite;

use super::{DescribedSession, Standing};
use crate::accounts::until_written;
use crate::ends_all::{After, EndsAll, EndsAllOf};
use crate::items::{over, replace_all};
use crate::{Error, People};

/// The users of a person that are written in one transaction with what ends everything.
const MAX_TOGETHER: usize = 60;

impl People {
    /// Ends every session and every family of a person, those that outlive their session too, and in every region those that began before
    /// this end arrives there. Returns the clients that got tokens in each session that this region knows. They are informed as by
    /// [`People::end_session`].
    ///
    /// # Errors
    /// As [`People::end_session`].
    pub async fn end_all_sessions(&self, user: UserId) -> Result<Vec<(String, BTreeSet<String>)>, Error> {
        self.end_all_but(user, None).await
    }

    /// As [`People::end_all_sessions`], of all but one session, with the families that end with it.
    ///
    /// # Errors
    /// As [`People::end_session`].
    pub async fn end_other_sessions(&self, kept: DescribedSession<'_>) -> Result<(), Error> {
        self.end_all_but(kept.user, Some(kept)).await.map(drop)
    }

    async fn end_all_but(
        &self,
        user: UserId,
        kept: Option<DescribedSession<'_>>,
    ) -> Result<Vec<(String, BTreeSet<String>)>, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        for all in standing.ends_all().users {
            until_written!({
                let end = self.end_of_all(&all, kept).await?;
                Ok(replace_all(self, vec![end]).await?.then_some(()))
            })?;
        }
        self.end_what_has_ended(user).await
    }

    /// The rows that end everything of these users but a session, for a transaction, which another end at the same moment overtakes. Before
    /// it is committed, it is noted that clients have to be informed, in case the process is killed before [`People::end_what_has_ended`].
    pub(crate) async fn ends_of_all(
        &self,
        all: &EndsAll,
        kept: Option<DescribedSession<'_>>,
    ) -> Result<Vec<ItemWrite>, Error> {
        let mut writes = Vec::new();
        for one in all.users.iter().take(MAX_TOGETHER) {
            writes.push(self.end_of_all(one, kept).await?);
        }
        Ok(writes)
    }

    /// Ends the sessions and the families by themselves that have ended because everything has: their clients learn of it, and no list
    /// shows them. A session that began in another region before the end arrived there is found once it has arrived here.
    ///
    /// # Errors
    /// As [`People::end_session`].
    pub async fn end_what_has_ended(&self, user: UserId) -> Result<Vec<(String, BTreeSet<String>)>, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let mut all = Vec::new();
        for session in standing.session_rows() {
            if standing.is_over_with_all(session) {
                self.announce(session.user, &standing, &session.id).await?;
                self.end(session.user, &Session::key(&session.id), Some(session.expires_at)).await?;
                self.ended(session.user, &session.id).await?;
                all.push((session.id.clone(), standing.clients_of(&session.id)));
            }
        }
        for family in standing.families() {
            if standing.is_ended_by_all(family.user, family.session.as_deref(), &family.ends) {
                self.end_known_family(family).await?;
            }
        }
        Ok(all)
    }

    async fn end_of_all(&self, all: &EndsAllOf, kept: Option<DescribedSession<'_>>) -> Result<ItemWrite, Error> {
        let (own, key, user) = (&self.home.own, EndOfAll::key(&self.home.own.name), all.user);
        let read = [key.clone(), Session::of_all()];
        let items = own.items.items_under(&ACCESS, user, &read).await?;
        let now = self.home.clock.now();
        let is_live = |item: &VersionedItem| !item.version.erased && !item.is_expired(now);
        if items.iter().any(|item| item.key != key && is_live(item)) {
            self.expect_ends(user).await?;
        }
        let stored = items.into_iter().find(|item| item.key == key);
        let former = stored.as_ref().and_then(|stored| EndOfAll::from_item(stored).ok());
        let is_expired = stored.as_ref().is_some_and(|stored| stored.is_expired(now));
        let stored = stored.map(|stored| stored.version);
        // What the former end has ended does not come back, because this one takes its place.
        let is_over = |kept: &DescribedSession<'_>| {
            let begun = (kept.user, Some(kept.id), kept.ends);
            former.as_ref().zip(stored.as_ref()).is_some_and(|(end, version)| end.ends(version.hlc, begun))
        };
        let kept = kept.filter(|kept| !is_over(kept)).map(|kept| kept.id.to_owned());
        let none = || Version { erased: false, hlc: Hlc::at(Millis(0)), origin: own.name.clone() };
        let credentials = all.credentials.clone().unwrap_or_else(none);
        let new = EndOfAll::new(user, own.name.clone(), credentials, now);
        let (known, unknown) = former.map(|end| (end.factors, end.unknown)).unwrap_or_default();
        // Where the factors were not read, those of the former end are still to arrive elsewhere before anyone signs in there.
        let factors = if all.factors.is_empty() { known } else { all.factors.clone() };
        let end = EndOfAll { factors, kept, unknown, ..new };
        let item = end.to_item(self.next_version(false, stored.as_ref())?);
        // An end that has expired is not read, and may be stored.
        let before = match &all.after {
            After::Read(read) if !is_expired => read.as_ref(),
            _ => stored.as_ref(),
        };
        Ok(over(before, item))
    }
}
