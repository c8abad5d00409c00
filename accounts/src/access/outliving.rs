//! Families that outlive their sessions: how many of a client a person may have.

use futures_util::future::try_join_all;
use umoja_schema::access::{Family, OfflineFamilies};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, UserId, VersionedItem};
use umoja_store::ports::StoreError;

use crate::accounts::until_written;
use crate::items::{over, replace_all};
use crate::{Error, People};

/// The most families of a user and a client that outlive their sessions, of those that began in one region.
pub const MAX_OFFLINE: usize = 50;

impl People {
    /// Begins a family that outlives its session, and ends the oldest one of the user and the client if this region has begun too many. False
    /// if a family of this id has begun or ended.
    pub(super) async fn begin_outliving(&self, family: &Family) -> Result<bool, Error> {
        let (own, user) = (&self.home.own, family.user);
        let key = OfflineFamilies::key(&family.client, &own.name);
        until_written!({
            let stored = own.items.item(&ACCESS, user, &key).await?;
            let read = stored.as_ref().map(OfflineFamilies::from_item).transpose().map_err(StoreError::from)?;
            let mut row = read.unwrap_or_else(|| OfflineFamilies {
                user,
                client: family.client.clone(),
                region: own.name.clone(),
                families: Vec::new(),
                expires_at: family.expires_at,
                unknown: Attributes::new(),
            });
            if row.families.len() >= MAX_OFFLINE {
                row.families = self.with_room(user, &row.families).await?;
            }
            row.families.push(family.id.clone());
            row.expires_at = row.expires_at.max(family.expires_at);
            let stored = stored.map(|stored| stored.version);
            let begun = over(None, family.to_item(self.next_version(false, None)?));
            let noted = over(stored.as_ref(), row.to_item(self.next_version(false, stored.as_ref())?));
            if replace_all(self, vec![begun, noted]).await? {
                return Ok(Some(true));
            }
            let known = own.items.item(&ACCESS, user, &Family::key(&family.id)).await?;
            Ok(known.map(|_| false))
        })
    }

    /// The families of these that live, with room for one more: the oldest ones end.
    async fn with_room(&self, user: UserId, families: &[String]) -> Result<Vec<String>, Error> {
        let (items, now) = (&self.home.own.items, self.home.clock.now());
        let keys: Vec<String> = families.iter().map(|id| Family::key(id)).collect();
        let stored = try_join_all(keys.iter().map(|key| items.item(&ACCESS, user, key))).await?;
        let is_live = |item: &Option<VersionedItem>| {
            item.as_ref().is_some_and(|item| !item.version.erased && !item.is_expired(now))
        };
        let mut live: Vec<String> =
            families.iter().zip(&stored).filter(|(_, item)| is_live(item)).map(|(id, _)| id.clone()).collect();
        while live.len() >= MAX_OFFLINE {
            self.end(user, &Family::key(&live.remove(0)), None).await?;
        }
        Ok(live)
    }
}
