//! Families of refresh tokens.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::access::{ENDED_FOR_MS, Family, FamilyUses, MAX_LIFE_MS};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, UserId};

use super::reuse::Use;
use super::write::random_id;
use super::{Reuse, Standing};
use crate::accounts::until_written;
use crate::items::replace;
use crate::{Error, People};

/// A family that begins.
#[derive(Debug, Clone)]
pub struct NewFamily {
    /// The client.
    pub client: String,
    /// The session with which it ends; `None` if it outlives it.
    pub session: Option<String>,
    /// The scopes.
    pub scopes: BTreeSet<String>,
    /// The thumbprint of the key to which it is bound.
    pub jkt: Option<String>,
    /// How long it lasts, in milliseconds; at most [`MAX_LIFE_MS`].
    pub life_ms: u64,
}

/// The outcome of a use of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// It was the first use: the generation of the token that follows.
    Next(u64),
    /// It was used shortly before, as when an answer got lost: the generation of the same token that follows.
    Retry(u64),
    /// The family has ended, or ends now because another holder has used the token.
    Ended,
}

impl People {
    /// Begins a family of a user, under a new random id. Its first token has generation 0.
    ///
    /// # Errors
    /// If the store fails, or the user is erased.
    pub async fn begin_family(&self, user: UserId, new: NewFamily) -> Result<Family, Error> {
        let NewFamily { client, session, scopes, jkt, life_ms } = new;
        let expires_at = self.home.clock.now().plus(life_ms.min(MAX_LIFE_MS));
        let (id, unknown) = (random_id(&self.home), Attributes::new());
        let family = Family { user, id, client, session, scopes, jkt, expires_at, unknown };
        let is_added = self.add(|version| family.to_item(version)).await?;
        if is_added { Ok(family) } else { Err(Error::Broken("a random id is new")) }
    }

    /// Ends a family of a person. One that has ended already, or that has not arrived, is ended all the same.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn end_family(&self, user: UserId, id: &str) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let known = standing.families().find(|family| family.id == id);
        let owner = known.map_or(user, |family| family.user);
        self.end(owner, &Family::key(id), known.map(|family| family.expires_at)).await
    }

    /// Ends a family that was read.
    pub(super) async fn end_known_family(&self, family: &Family) -> Result<(), Error> {
        self.end(family.user, &Family::key(&family.id), Some(family.expires_at)).await
    }

    /// Uses the token of a generation of a family, of a public client whose tokens are not bound to a key. A use too late
    /// after the first one ends the family; a retry within the time of [`Reuse`] never does, in any region and in any order
    /// of replication, as long as the clocks of the regions are within the allowance.
    ///
    /// # Errors
    /// If the store fails. Then the same token can be used again.
    pub async fn refresh(&self, user: UserId, id: &str, generation: u64, limits: Reuse) -> Result<Refreshed, Error> {
        let own = &self.home.own.name;
        until_written!({
            let Some(standing) = Standing::read(self, user).await? else { return Ok(Some(Refreshed::Ended)) };
            let Some(known) = standing.families().find(|family| family.id == id) else {
                return Ok(Some(Refreshed::Ended));
            };
            let now = self.home.clock.now();
            let taken = limits.use_of(generation, (own, now), &standing.uses(id));
            if standing.family(id, limits).is_none() || taken == Use::TooLate {
                if standing.is_active() {
                    self.end_known_family(known).await?;
                }
                return Ok(Some(Refreshed::Ended));
            }
            let next = generation.saturating_add(1);
            let refreshed = if taken == Use::First { Refreshed::Next(next) } else { Refreshed::Retry(next) };
            let stored = self.home.own.items.item(&ACCESS, known.user, &FamilyUses::key(id, own)).await?;
            let read =
                stored.as_ref().map(FamilyUses::from_item).transpose().map_err(umoja_store::ports::StoreError::from)?;
            let mut row = read.unwrap_or_else(|| FamilyUses {
                user: known.user,
                family: id.to_owned(),
                region: own.clone(),
                first_uses: BTreeMap::new(),
                expires_at: known.expires_at.plus(ENDED_FOR_MS),
                unknown: Attributes::new(),
            });
            if !row.note(generation, now) {
                return Ok(Some(refreshed));
            }
            let stored = stored.map(|stored| stored.version);
            let item = row.to_item(self.next_version(false, stored.as_ref())?);
            Ok(replace(self, stored.as_ref(), item).await?.then_some(refreshed))
        })
    }
}
