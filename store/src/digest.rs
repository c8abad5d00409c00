//! A digest of what a region holds: equal digests mean equal users, whatever the order they arrived in.

use std::fmt;

use sha2::{Digest as _, Sha256};
use umoja_schema::PartRecord;

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
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(record.id.as_bytes());
        field(record.part.as_str().as_bytes());
        field(record.version.to_string().as_bytes());
        if let Some(live) = record.live() {
            live.keys.keys().for_each(|region| field(region.as_str().as_bytes()));
            self.missing_keys += u64::from(live.keys.len() < regions);
        }
        let mut carry = 0u16;
        for (sum, byte) in self.sum.iter_mut().rev().zip(hash.finalize().iter().rev()) {
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
            let page = users.scan(after, 500).await?;
            page.records.iter().for_each(|record| digest.add(record, regions));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(digest),
            }
        }
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
