//! The end of everything that a person has signed in to.

use std::collections::BTreeSet;

use umoja_schema::access::{EndOfAll, Session};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Hlc, Millis, UserId, Version, VersionedItem};
use umoja_store::ports::{Condition, ItemWrite};

use super::Standing;
use crate::accounts::until_written;
use crate::ends_all::EndsAll;
use crate::items::replace;
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
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        for (user, credentials) in EndsAll::from(standing.parts()).users {
            until_written!({
                let ending = self.end_of_all(user, credentials.as_ref()).await?;
                if ending.has_sessions {
                    self.expect_ends(user).await?;
                }
                Ok(replace(self, ending.stored.as_ref(), ending.item).await?.then_some(()))
            })?;
        }
        self.end_what_has_ended(user).await
    }

    /// The rows that end everything of these users, for a transaction, which another end at the same moment overtakes. Before it is
    /// committed, it is noted that clients have to be informed, in case the process is killed before [`People::end_what_has_ended`].
    pub(crate) async fn ends_of_all(&self, all: &EndsAll) -> Result<Vec<ItemWrite>, Error> {
        let mut writes = Vec::new();
        for (user, credentials) in all.users.iter().take(MAX_TOGETHER) {
            let ending = self.end_of_all(*user, credentials.as_ref()).await?;
            if ending.has_sessions {
                self.expect_ends(*user).await?;
            }
            let condition = ending.stored.map_or(Condition::Absent, Condition::VersionIs);
            writes.push(ItemWrite { item: ending.item, condition });
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
            if standing.is_ended_by_all(session.user, &session.ends) {
                self.announce(session.user, &standing, &session.id).await?;
                self.end(session.user, &Session::key(&session.id), Some(session.expires_at)).await?;
                self.ended(session.user, &session.id).await?;
                all.push((session.id.clone(), standing.clients_of(&session.id)));
            }
        }
        for family in standing.families() {
            if standing.is_ended_by_all(family.user, &family.ends) {
                self.end_known_family(family).await?;
            }
        }
        Ok(all)
    }

    async fn end_of_all(&self, user: UserId, credentials: Option<&Version>) -> Result<Ending, Error> {
        let (own, key) = (&self.home.own, EndOfAll::key(&self.home.own.name));
        let read = [key.clone(), Session::of_all()];
        let items = own.items.items_under(&ACCESS, user, &read).await?;
        let now = self.home.clock.now();
        let is_live = |item: &VersionedItem| !item.version.erased && !item.is_expired(now);
        let has_sessions = items.iter().any(|item| item.key != key && is_live(item));
        let stored = items.into_iter().find(|item| item.key == key);
        let version = self.next_version(false, stored.as_ref().map(|stored| &stored.version))?;
        let none = || Version { erased: false, hlc: Hlc::at(Millis(0)), origin: own.name.clone() };
        let credentials = credentials.cloned().unwrap_or_else(none);
        let unknown = stored.as_ref().and_then(|stored| EndOfAll::from_item(stored).ok()).map(|end| end.unknown);
        let new = EndOfAll::new(user, own.name.clone(), credentials, now);
        let end = EndOfAll { unknown: unknown.unwrap_or_default(), ..new };
        Ok(Ending { item: end.to_item(version), stored: stored.map(|stored| stored.version), has_sessions })
    }
}

/// An end of everything that is about to be written.
struct Ending {
    item: VersionedItem,
    /// The version that it replaces.
    stored: Option<Version>,
    /// Whether the region has a session of the user.
    has_sessions: bool,
}
