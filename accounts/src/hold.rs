//! Holds: an operator keeps a person from being erased, with a reason and an end.
//!
//! The hold of a user is one row of the table `access`, whose newest word counts. A hold and an erasure both
//! add to the audit trail of the user, and an erasure looks for a hold after it has read where the trail ends. So within a
//! region one of the two comes first. Operators' commands write a hold in every region before they report it, so that from then on no region erases. An erasure that a
//! region had done before the hold arrived there stands, because a tombstone wins over everything.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::access::Hold;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Actor, Attributes, AuditEvent, Hlc, LogRow, Millis, UserId, VersionedItem};
use umoja_store::ports::StoreError;

use crate::accounts::until_written;
use crate::items::{over, replace_recorded};
use crate::receipt::any_erased;
use crate::{Error, People, Reason};

/// How many users' holds are read at the same time.
const CONCURRENT: usize = 16;

/// What an operator says about the hold of a user.
#[derive(Clone, Copy)]
pub enum Word<'a> {
    /// The user is held.
    Hold {
        /// Until when.
        until: Millis,
        /// Why.
        reason: &'a Reason,
    },
    /// The user is not held any more.
    Release,
}

/// A hold that is in force, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The user.
    pub user: UserId,
    /// When it ends.
    pub until: Millis,
    /// When it was set, or released.
    pub at: Millis,
    /// The role or account that decided.
    pub by: String,
    /// Why; `None` if it cannot be opened, or the hold was released.
    pub reason: Option<String>,
}

impl People {
    /// The holds of users that are in force in this region.
    ///
    /// # Errors
    /// If the store fails, or a hold cannot be read.
    pub async fn holds(&self, users: &[UserId]) -> Result<Vec<Held>, Error> {
        let now = self.home.clock.now();
        let stored = self.stored_holds(users.iter().copied()).await?;
        let mut holds = Vec::new();
        for item in stored.into_values().flatten().filter(|item| !item.version.erased) {
            let hold = Hold::from_item(&item).map_err(StoreError::from)?;
            if hold.holds(now) {
                let reason = hold.reason.as_ref();
                let reason = reason.and_then(|sealed| self.secrets.open_text(&place(self, hold.user), sealed));
                holds.push(Held { user: hold.user, until: hold.until, at: hold.at, by: hold.by, reason });
            }
        }
        Ok(holds)
    }

    /// Holds or releases a user in this region, and records it in the audit trail. False if it was so already.
    ///
    /// # Errors
    /// [`Error::Erased`] if the user was erased, also in another region; [`Error::NotFound`] if the region does not have
    /// it. If the store fails.
    pub async fn set_hold(&self, user: UserId, word: Word<'_>, by: &str, actor: &Actor) -> Result<bool, Error> {
        let parts = self.home.own.users.parts(user).await?;
        if any_erased(&parts) {
            return Err(Error::Erased);
        }
        if !parts.is_live() {
            return Err(Error::NotFound);
        }
        until_written!({
            let now = self.home.clock.now();
            let stored = self.home.own.items.item(&ACCESS, user, &Hold::key()).await?;
            if stored.as_ref().is_some_and(|stored| stored.version.erased) {
                return Err(Error::Erased);
            }
            let known = stored.as_ref().and_then(|stored| Hold::from_item(stored).ok());
            let is_held = known.as_ref().is_some_and(|known| known.holds(now));
            let (until, reason, event) = match word {
                Word::Release if !is_held => return Ok(Some(false)),
                Word::Release => (now, None, AuditEvent::Released),
                Word::Hold { until, reason } => {
                    let reason = self.secrets.seal_text(&place(self, user), reason.as_str(), &*self.home.entropy);
                    (until, Some(reason), AuditEvent::Held)
                }
            };
            let unknown = known.map_or_else(Attributes::new, |known| known.unknown);
            let hold = Hold { user, until, at: now, by: by.to_owned(), reason, unknown };
            let read = stored.as_ref().map(|stored| &stored.version);
            let item = hold.to_item(self.next_version(false, read)?);
            let rows = self.recorder().rows(actor, &[(user, event)]).await?;
            Ok(replace_recorded(self, vec![over(read, item)], rows).await?.then_some(true))
        })
    }

    /// Looks for holds of users who are about to be erased, after the ends of their audit trails were read.
    ///
    /// # Errors
    /// [`Error::Held`] if one of them is held. If the store fails, or a hold cannot be read: it may be in force.
    pub(crate) async fn not_held(&self, users: impl Iterator<Item = UserId>) -> Result<(), Error> {
        let now = self.home.clock.now();
        let stored = self.stored_holds(users).await?;
        for item in stored.values().flatten().filter(|item| !item.version.erased) {
            let hold = Hold::from_item(item).map_err(StoreError::from)?;
            if hold.holds(now) {
                return Err(Error::Held { until: hold.until });
            }
        }
        Ok(())
    }

    async fn stored_holds(
        &self,
        users: impl Iterator<Item = UserId>,
    ) -> Result<BTreeMap<UserId, Option<VersionedItem>>, Error> {
        let read = async |user| Ok::<_, Error>((user, self.home.own.items.item(&ACCESS, user, &Hold::key()).await?));
        let reads: Vec<_> = users.map(read).collect();
        stream::iter(reads).buffered(CONCURRENT).try_collect().await
    }
}

/// What the reason of a hold is sealed for: the hold of this user.
fn place(people: &People, user: UserId) -> LogRow {
    LogRow {
        user,
        key: Hold::key(),
        at: Hlc::at(Millis(0)),
        origin: people.home.own.name.clone(),
        kind: Hold::KIND.to_owned(),
        fields: Attributes::new(),
        unknown: Attributes::new(),
    }
}
