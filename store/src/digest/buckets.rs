//! Finds where two tables differ, with one scan of each and in constant memory.
//!
//! A hash of its key assigns an entry to a bucket. The fingerprints of one table's entries are added to their buckets,
//! those of the other table subtracted. A bucket is zero if both tables hold the same entries there. The sum does not
//! depend on an order, so any two tables can be compared, and a scan can stop and continue.
//!
//! Fingerprints and buckets are 64 bits of SHA-256, so a difference cancels out with a probability of 2^-64 for each
//! bucket that differs. The only consequence is that the difference is found later.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use umoja_schema::{BlindIndex, IdentifierItem, Item, Ownership, Region, UserId};

use super::hash::{Fields, hash_item};

/// The number of buckets: as many as fit into an item of DynamoDB, so that little has to be read again. With ten
/// million users, a bucket holds three hundred.
pub const BUCKETS: usize = 1 << BITS;

const BITS: u32 = 15;

/// A bucket: the first bits of SHA-256 of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of all items of a user.
    pub fn of_user(id: UserId) -> Self {
        Self::of(id.as_bytes())
    }

    /// The bucket of the ownerships of an identifier.
    pub fn of_identifier(index: &BlindIndex) -> Self {
        Self::of(index.as_bytes())
    }

    fn of(key: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(key).into();
        Self(u16::from_be_bytes([hash[0], hash[1]]) >> (16 - BITS))
    }
}

/// The hash that represents an entry in its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of an item of a replicated table. Wrapped keys of regions outside the deployment are ignored,
    /// because they are left over from a removed region.
    pub fn of_item(item: &Item, regions: &BTreeSet<Region>) -> Self {
        Self::of(hash_item(item, |name| regions.iter().any(|region| region.as_str() == name)))
    }

    /// The fingerprint of (identifier, user, all of the ownership).
    pub fn of_ownership(index: &BlindIndex, user: UserId, ownership: &Ownership) -> Self {
        let item = IdentifierItem { index: *index, owners: [(user, ownership.clone())].into() };
        let mut fields = Fields::default();
        // Attributes are sorted, so equal ownerships have equal texts. An ownership contains only values that JSON can
        // hold.
        fields.add(&serde_json::to_vec(&item.to_item()).unwrap_or_default());
        Self::of(fields.hash())
    }

    fn of(hash: [u8; 32]) -> Self {
        Self(hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }
}

/// The difference of two tables in each bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets(Box<[u64]>);

impl Default for Buckets {
    fn default() -> Self {
        Self(vec![0; BUCKETS].into())
    }
}

impl Buckets {
    /// Adds an entry of the first table.
    pub fn add(&mut self, bucket: Bucket, fingerprint: Fingerprint) {
        let sum = &mut self.0[usize::from(bucket.0)];
        *sum = sum.wrapping_add(fingerprint.0);
    }

    /// Subtracts an entry of the second table.
    pub fn take(&mut self, bucket: Bucket, fingerprint: Fingerprint) {
        let sum = &mut self.0[usize::from(bucket.0)];
        *sum = sum.wrapping_sub(fingerprint.0);
    }

    /// Whether the tables differ in a bucket.
    pub fn differ_in(&self, bucket: Bucket) -> bool {
        self.0[usize::from(bucket.0)] != 0
    }

    /// The number of buckets in which the tables differ.
    pub fn differing(&self) -> usize {
        self.0.iter().filter(|sum| **sum != 0).count()
    }

    /// The buckets as 256 KB to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_be_bytes()).collect()
    }

    /// Reads stored buckets; `None` if they are malformed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sums, rest) = bytes.as_chunks::<8>();
        let fits = sums.len() == BUCKETS && rest.is_empty();
        fits.then(|| Self(sums.iter().map(|sum| u64::from_be_bytes(*sum)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use umoja_schema::{Attributes, Hlc, IdentifierKind, Millis, Part, PartRecord, Version};

    fn part(user: u8, ms: u64) -> PartRecord {
        let version = Version { erased: true, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
        PartRecord::tombstone(UserId::v8([user; 16]), Part::Profile, version)
    }

    fn entry(record: &PartRecord) -> (Bucket, Fingerprint) {
        (Bucket::of_user(record.id), Fingerprint::of_item(&record.clone().into(), &BTreeSet::new()))
    }

    proptest! {
        #[test]
        fn equal_tables_differ_in_no_bucket_in_any_order(
            entries in prop::collection::btree_map(any::<u8>(), 0u64..9, 0..40),
            changed: u8,
        ) {
            let mut buckets = Buckets::default();
            for (user, ms) in &entries {
                let (bucket, fingerprint) = entry(&part(*user, *ms));
                buckets.add(bucket, fingerprint);
            }
            let kept = buckets.clone();
            for (user, ms) in entries.iter().rev() {
                let (bucket, fingerprint) = entry(&part(*user, *ms));
                buckets.take(bucket, fingerprint);
            }
            prop_assert_eq!(buckets.differing(), 0);

            // Another version of one user changes its bucket and no other.
            let mut buckets = kept;
            for (user, ms) in &entries {
                let (bucket, fingerprint) = entry(&part(*user, ms + u64::from(*user == changed)));
                buckets.take(bucket, fingerprint);
            }
            prop_assert_eq!(buckets.differing(), usize::from(entries.contains_key(&changed)));
            let (bucket, _) = entry(&part(changed, 0));
            prop_assert_eq!(buckets.differ_in(bucket), entries.contains_key(&changed));
        }
    }

    #[test]
    fn stored_buckets_are_read_back() {
        let mut buckets = Buckets::default();
        let (bucket, fingerprint) = entry(&part(7, 7));
        buckets.add(bucket, fingerprint);
        let bytes = buckets.to_bytes();
        assert!(bytes.len() < 300_000, "it has to fit into an item");
        assert_eq!(Buckets::from_bytes(&bytes), Some(buckets));
        assert_eq!(Buckets::from_bytes(&bytes[1..]), None);
        assert_eq!(Buckets::from_bytes(&bytes[8..]), None);
    }

    #[test]
    fn users_are_spread_over_all_buckets() {
        let seen: BTreeSet<Bucket> =
            (0..20_000u64).map(|n| Bucket::of_user(UserId::v7(n, [n.to_be_bytes()[7]; 10]))).collect();
        assert!(seen.len() > 14_000, "{}", seen.len());
        assert!(seen.iter().all(|bucket| usize::from(bucket.0) < BUCKETS));
    }

    #[test]
    fn every_attribute_of_an_ownership_counts() {
        let ownership = Ownership {
            kind: IdentifierKind::Email,
            key_version: 1,
            owned_since: Millis(1),
            region: "a".parse().unwrap(),
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        let index = BlindIndex::new([1; 32]);
        let of = |ownership: &Ownership, user: u8| Fingerprint::of_ownership(&index, UserId::v8([user; 16]), ownership);
        assert_eq!(of(&ownership, 1), of(&ownership, 1));
        assert_ne!(of(&ownership, 1), of(&ownership, 2));
        assert_ne!(of(&ownership, 1), of(&Ownership { verified: true, ..ownership.clone() }, 1));
        assert_ne!(
            of(&ownership, 1),
            Fingerprint::of_ownership(&BlindIndex::new([2; 32]), UserId::v8([1; 16]), &ownership)
        );
    }
}
