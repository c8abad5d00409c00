//! Versioned items of the table that exists only in tests, written as a service would write them.

use umoja_schema::{Hlc, Part, UserId, Version, VersionedItem};
use umoja_store::contract::sample::{self, SAMPLE};
use umoja_store::ports::{Clock as _, Condition, ItemWrite, StoreError, Writes};

use super::World;

impl World {
    /// Writes the next version of an item of a live user. `None` if the region has no such live user, or an HLC
    /// timestamp is too far ahead.
    pub async fn put_item(&self, at: usize, user: UserId, key: &str) -> Result<Option<VersionedItem>, StoreError> {
        let region = &self.regions[at];
        let own = &region.home.own;
        loop {
            let profile = own.users.part(user, Part::Profile).await?.filter(|profile| profile.live().is_some());
            let Some(profile) = profile else { return Ok(None) };
            let stored = own.items.item(&SAMPLE, user, key).await?.map(|stored| stored.version);
            let hlc = Hlc::next(region.clock.now(), stored.as_ref().map(|stored| stored.hlc));
            let Ok(hlc) = hlc else { return Ok(None) };
            let version = Version { erased: false, hlc, origin: region.name.clone() };
            let item = sample::item(user, key, version);
            let condition = stored.map_or(Condition::Absent, Condition::VersionIs);
            let writes = Writes { items: vec![ItemWrite { item: item.clone(), condition }], ..Writes::default() };
            if own.users.derive(user, Some(&profile.version), &writes).await? {
                let mut known = self.known();
                let newest = known.items.entry((user, key.to_owned())).or_insert_with(|| item.version.clone());
                *newest = item.version.clone().max(newest.clone());
                return Ok(Some(item));
            }
        }
    }

    /// A user's items that a region stores.
    pub async fn items(&self, at: usize, user: UserId) -> Vec<VersionedItem> {
        self.regions[at].tables.items.items(&SAMPLE, user).await.expect("a store can be read")
    }

    /// 3 and 5: every acknowledged item is present or dominated, and an erased user has no item.
    pub(super) async fn check_items(&self) {
        let known = self.known().items.clone();
        for ((user, key), version) in known {
            for (at, region) in self.regions.iter().enumerate() {
                let profile = self.stored(at, user, Part::Profile).await;
                let items = self.items(at, user).await;
                if profile.is_none_or(|profile| profile.version.erased) {
                    assert_eq!(items, [], "5: items of {user} are left in {} although they are erased", region.name);
                    continue;
                }
                let stored = items.into_iter().find(|item| item.key == key).map(|item| item.version);
                let is_there = stored.as_ref() >= Some(&version);
                assert!(is_there, "3: {} lost {key} of {user}: {version}, {stored:?} is stored", region.name);
            }
        }
    }
}
