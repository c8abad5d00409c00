//! Digests of what a region holds: equal digests mean equal content, whatever the order it arrived in. [`Digest`] is one
//! over all users of a region, [`Buckets`] says where two tables differ.

mod buckets;

use std::fmt;

use sha2::{Digest as _, Sha256};
use umoja_schema::{PartRecord, Region};

pub use buckets::{BUCKETS, Bucket, Buckets, Fingerprint};

use crate::ports::{StoreError, Users};

/// A commutative digest over (user, part, version, wrapped regions): the sum of their SHA-256 modulo 2^256, and their
/// number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    sum: [u8; 32],
    /// How many parts there are, tombstones included.
    pub parts: u64,
    /// How many live parts lack a wrapped key for some region.
    pub missing_keys: u64,
}

impl Digest {
    /// Adds a part; `regions` is how many wrapped keys a live part should have.
    pub fn add(&mut self, record: &PartRecord, regions: usize) {
        let hash = hash_part(record, |_| true);
        self.missing_keys += u64::from(record.live().is_some_and(|live| live.keys.len() < regions));
        let mut carry = 0u16;
        for (sum, byte) in self.sum.iter_mut().rev().zip(hash.iter().rev()) {
            carry += u16::from(*sum) + u16::from(*byte);
            *sum = (carry & 0xff) as u8;
            carry >>= 8;
        }
        self.parts += 1;
    }

    /// The digest of a whole region, by one scan in pages.
    pub async fn of(users: &dyn Users, regions: usize) -> Result<Self, StoreError> {
        let mut digest = Self::default();
        let mut after = None;
        loop {
            let page = users.scan(after, 500).await?.whole()?;
            page.records.iter().for_each(|record| digest.add(record, regions));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(digest),
            }
        }
    }
}

/// SHA-256 of fields, none of which can be taken for a part of its neighbour.
#[derive(Default)]
struct Fields(Sha256);

impl Fields {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn hash(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Over user, part, version, and those wrapped keys whose region counts.
fn hash_part(record: &PartRecord, counts: impl Fn(&Region) -> bool) -> [u8; 32] {
    let mut fields = Fields::default();
    fields.add(record.id.as_bytes());
    fields.add(record.part.as_str().as_bytes());
    fields.add(record.version.to_string().as_bytes());
    let keys = record.live().into_iter().flat_map(|live| live.keys.keys());
    keys.filter(|region| counts(region)).for_each(|region| fields.add(region.as_str().as_bytes()));
    fields.hash()
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::{Hlc, Millis, Part, UserId, Version};

    #[test]
    fn the_order_of_parts_does_not_matter_and_their_versions_do() {
        let part = |user: u8, ms| {
            let version = Version { erased: true, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
            PartRecord::tombstone(UserId::v8([user; 16]), Part::Profile, version)
        };
        let digest = |parts: &[PartRecord]| {
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
