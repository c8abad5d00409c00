//! Digests of a region's content: equal digests mean equal content, in whatever order it arrived. [`Digest`] covers all
//! replicated tables of a region; [`Buckets`] shows where two tables differ.

mod buckets;
mod hash;

use std::fmt;

use umoja_schema::{Item, ItemError, PartRecord, UserId};

pub use buckets::{BUCKETS, Bucket, Buckets, Fingerprint};

use self::hash::hash_item;
use crate::RegionPorts;
use crate::ports::StoreError;

/// A commutative digest over items of replicated tables (for a part: the whole stored item with its wrapped keys): the
/// sum of their SHA-256 modulo 2^256, and their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    sum: [u8; 32],
    /// The number of parts, including tombstones.
    pub parts: u64,
    /// The number of other items: rows and versioned items.
    pub rows: u64,
    /// The number of live parts that lack a wrapped key of a region.
    pub missing_keys: u64,
    /// The number of items that cannot be read, which the sum does not cover.
    pub unreadable: u64,
}

impl Digest {
    /// Adds an item. `regions` is the number of wrapped keys that a live part should have.
    pub fn add(&mut self, item: &Item, regions: usize) {
        let hash = hash_item(item, |_| true);
        let live = item.part().and_then(PartRecord::live);
        self.missing_keys += u64::from(live.is_some_and(|live| live.keys.len() < regions));
        let mut carry = 0u16;
        for (sum, byte) in self.sum.iter_mut().rev().zip(hash.iter().rev()) {
            carry += u16::from(*sum) + u16::from(*byte);
            *sum = (carry & 0xff) as u8;
            carry >>= 8;
        }
        *(if item.part().is_some() { &mut self.parts } else { &mut self.rows }) += 1;
    }

    /// The digest of the items for which `counts` is true, by one scan of each table in pages. It counts unreadable items
    /// and continues behind them. Without them, equal digests do not prove equal content.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of_those(
        ports: &RegionPorts,
        regions: usize,
        counts: impl Fn(&Item) -> bool,
    ) -> Result<Self, StoreError> {
        let mut digest = Self::default();
        for table in ports.tables {
            let mut after = None;
            loop {
                let page = ports.scan(table, after, 1000).await?;
                digest.see_unreadable(ports, table.name, &page.unreadable);
                page.items.iter().filter(|item| counts(item)).for_each(|item| digest.add(item, regions));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(digest)
    }

    /// The digest of a whole region.
    ///
    /// # Errors
    /// If the store fails, or an item is unreadable.
    pub async fn of(ports: &RegionPorts, regions: usize) -> Result<Self, StoreError> {
        let digest = Self::of_those(ports, regions, |_| true).await?;
        if digest.unreadable == 0 { Ok(digest) } else { Err(ItemError::new("item").into()) }
    }

    /// Counts unreadable items of a page, and logs their users.
    pub fn see_unreadable(&mut self, ports: &RegionPorts, table: &str, users: &[Option<UserId>]) {
        for user in users {
            let user = user.map(|user| user.to_string());
            tracing::warn!(region = %ports.name, table, user, "an item cannot be read");
        }
        self.unreadable += users.len() as u64;
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::{Hlc, Millis, Part, Version};

    #[test]
    fn a_digest_depends_on_versions_but_not_on_order() {
        let part = |user: u8, ms| {
            let version = Version { erased: true, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
            Item::from(PartRecord::tombstone(UserId::v8([user; 16]), Part::Profile, version))
        };
        let digest = |parts: &[Item]| {
            let mut digest = Digest::default();
            for part in parts {
                digest.add(part, 2);
            }
            digest
        };
        assert_eq!(digest(&[part(1, 1), part(2, 2)]), digest(&[part(2, 2), part(1, 1)]));
        assert_ne!(digest(&[part(1, 1), part(2, 2)]), digest(&[part(1, 1), part(2, 3)]));
    }
}
