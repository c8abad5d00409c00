//! Families of refresh tokens.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::access::{ENDED_FOR_MS, Family, FamilyUses, KnownEnds, MAX_LIFE_MS};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, UserId};

use super::reuse::Use;
use super::write::random_id;
use super::{Described, FamilyState, Needed, Reuse, Standing};
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
    /// The ends of everything that were known when its session began.
    pub ends: KnownEnds,
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
    /// The family has not arrived, and neither has an end of it: the same token can be used again.
    Behind,
}

impl People {
    /// Begins a family of a user, under a new random id. Its first token has generation 0. Of those that outlive their session, the oldest one
    /// ends if the user has [`MAX_OFFLINE`](super::MAX_OFFLINE) of the client that began in this region.
    ///
    /// # Errors
    /// If the store fails, or the user is erased.
    pub async fn begin_family(&self, user: UserId, new: NewFamily) -> Result<Family, Error> {
        let family = self.begin_family_as(user, random_id(&self.home), new).await?;
        family.ok_or(Error::Broken("a random id is new"))
    }

    /// As [`People::begin_family`], under an id that follows from what the family begins with, so that every region can end
    /// it before it has arrived. A family that ends with its session needs no row. `None` if a family of this id has begun or ended.
    ///
    /// # Errors
    /// As [`People::begin_family`].
    pub async fn begin_family_as(&self, user: UserId, id: String, new: NewFamily) -> Result<Option<Family>, Error> {
        let NewFamily { client, session, scopes, jkt, ends, life_ms } = new;
        let expires_at = self.home.clock.now().plus(life_ms.min(MAX_LIFE_MS));
        let unknown = Attributes::new();
        let family = Family { user, id, client, session, scopes, jkt, expires_at, ends, unknown };
        let is_new = match family.session {
            Some(_) => self.add(|version| family.to_item(version)).await?,
            None => self.begin_outliving(&family).await?,
        };
        Ok(is_new.then_some(family))
    }

    /// Ends a family of a person. One that has ended already, or that has not arrived, is ended all the same.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn end_family(&self, user: UserId, id: &str) -> Result<(), Error> {
        let needed = Needed { family: Some(id), ..Needed::default() };
        let standing = Standing::read_needed(self, user, &needed).await?.ok_or(Error::NotFound)?;
        let known = standing.family_row(id);
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
        until_written!({
            let Some(standing) = Standing::read(self, user).await? else { return Ok(Some(Refreshed::Ended)) };
            let Some(family) = standing.family_row(id).cloned() else { return Ok(Some(Refreshed::Ended)) };
            let is_live = standing.family(id, limits).is_some();
            self.note_use(&standing, &family, generation, limits, is_live).await
        })
    }

    /// As [`People::refresh`], of a family that the token describes. Within a minute after it began it need not have arrived:
    /// the use is noted all the same, so that a second holder is found once it has. After that the holder has to come again.
    ///
    /// # Errors
    /// As [`People::refresh`].
    pub async fn refresh_described(
        &self,
        described: &Described,
        generation: u64,
        limits: Reuse,
    ) -> Result<Refreshed, Error> {
        let user = described.family.user;
        until_written!({
            let Some(standing) = Standing::read_needed(self, user, &Needed::of(described)).await? else {
                let outcome = if self.has_arrived(user).await? { Refreshed::Ended } else { Refreshed::Behind };
                return Ok(Some(outcome));
            };
            let family = standing.family_row(&described.family.id).unwrap_or(&described.family);
            let is_live = match standing.state(described, limits, self.home.clock.now()) {
                FamilyState::Live | FamilyState::Fresh => true,
                FamilyState::Ended => false,
                FamilyState::Behind => return Ok(Some(Refreshed::Behind)),
            };
            self.note_use(&standing, family, generation, limits, is_live).await
        })
    }

    /// Notes the use of a generation of a family. `None` if another write came between.
    async fn note_use(
        &self,
        standing: &Standing,
        family: &Family,
        generation: u64,
        limits: Reuse,
        is_live: bool,
    ) -> Result<Option<Refreshed>, Error> {
        let (own, now) = (&self.home.own.name, self.home.clock.now());
        let taken = limits.use_of(generation, (own, now), &standing.uses(&family.id));
        if !is_live || taken == Use::TooLate {
            if standing.is_active() {
                self.end_known_family(family).await?;
            }
            return Ok(Some(Refreshed::Ended));
        }
        let next = generation.saturating_add(1);
        let refreshed = if taken == Use::First { Refreshed::Next(next) } else { Refreshed::Retry(next) };
        let key = FamilyUses::key(&family.id, own);
        let stored = self.home.own.items.item(&ACCESS, family.user, &key).await?;
        let read =
            stored.as_ref().map(FamilyUses::from_item).transpose().map_err(umoja_store::ports::StoreError::from)?;
        let mut row = read.unwrap_or_else(|| FamilyUses {
            user: family.user,
            family: family.id.clone(),
            region: own.clone(),
            first_uses: BTreeMap::new(),
            expires_at: family.expires_at.plus(ENDED_FOR_MS),
            unknown: Attributes::new(),
        });
        if !row.note(generation, now) {
            return Ok(Some(refreshed));
        }
        let stored = stored.map(|stored| stored.version);
        let item = row.to_item(self.next_version(false, stored.as_ref())?);
        Ok(replace(self, stored.as_ref(), item).await?.then_some(refreshed))
    }
}
