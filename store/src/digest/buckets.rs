//! Where two tables differ, found by one scan of each and in memory that does not grow with them.
//!
//! An entry belongs to the bucket that a hash of its key names. One table adds the fingerprints of its entries to their
//! buckets, the other takes them away: what is left in a bucket is nothing if both hold the same there. Adding up does
//! not depend on an order, so any two tables can be compared, and a scan can stop and go on.
//!
//! A fingerprint is 64 bits of SHA-256 and so is a bucket: that two tables differ and cancel out in a bucket has a chance
//! of 2^-64 for each bucket that differs. Nothing is at stake but that a difference is seen later.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use umoja_schema::{BlindIndex, Claim, ClaimItem, Item, Region, UserId};

use super::hash::{Fields, hash_item};

/// How many buckets there are: as many as an item of DynamoDB can hold, which keeps what has to be read again small. Of
/// ten million users, one bucket holds three hundred.
pub const BUCKETS: usize = 1 << BITS;

const BITS: u32 = 15;

/// Where an entry belongs: the first bits of SHA-256 of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of everything about a user.
    pub fn of_user(id: UserId) -> Self {
        Self::of(id.as_bytes())
    }

    /// The bucket of the claims on an identifier.
    pub fn of_identifier(index: &BlindIndex) -> Self {
        Self::of(index.as_bytes())
    }

    fn of(key: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(key).into();
        Self(u16::from_be_bytes([hash[0], hash[1]]) >> (16 - BITS))
    }
}

/// What stands for an entry in its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of an item of a replicated table. Wrapped keys of regions that are none of the deployment's do not count: they are
    /// left over from a region that was removed.
    pub fn of_item(item: &Item, regions: &BTreeSet<Region>) -> Self {
        Self::of(hash_item(item, |region| regions.contains(region)))
    }

    /// Over (identifier, user, all of the claim).
    pub fn of_claim(index: &BlindIndex, user: UserId, claim: &Claim) -> Self {
        let item = ClaimItem { index: *index, claimants: [(user, claim.clone())].into() };
        let mut fields = Fields::default();
        // Attributes are sorted, so equal claims have equal texts; what is not text does not occur in a claim.
        fields.add(&serde_json::to_vec(&item.to_item()).unwrap_or_default());
        Self::of(fields.hash())
    }

    fn of(hash: [u8; 32]) -> Self {
        Self(hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }
}

/// What one table has more than another in each bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets(Box<[u64]>);

impl Default for Buckets {
    fn default() -> Self {
        Self(vec![0; BUCKETS].into())
    }
}

impl Buckets {
    /// Adds an entry of the one table.
    pub fn add(&mut self, bucket: Bucket, fingerprint: Fingerprint) {
        let sum = &mut self.0[usize::from(bucket.0)];
        *sum = sum.wrapping_add(fingerprint.0);
    }

    /// Takes away an entry of the other table.
    pub fn take(&mut self, bucket: Bucket, fingerprint: Fingerprint) {
        let sum = &mut self.0[usize::from(bucket.0)];
        *sum = sum.wrapping_sub(fingerprint.0);
    }

    /// Whether the tables differ in a bucket.
    pub fn differ_in(&self, bucket: Bucket) -> bool {
        self.0[usize::from(bucket.0)] != 0
    }

    /// In how many buckets the tables differ.
    pub fn differing(&self) -> usize {
        self.0.iter().filter(|sum| **sum != 0).count()
    }

    /// 256 KB, to be kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_be_bytes()).collect()
    }

    /// What was kept; nothing if it is not of this form.
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
        fn tables_that_hold_the_same_differ_nowhere_whatever_their_order(
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

            // Another version of one user shows, and in no other bucket.
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
    fn what_was_kept_is_what_was_there() {
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
    fn a_claim_counts_with_all_that_it_says() {
        let claim = Claim {
            kind: IdentifierKind::Email,
            key_version: 1,
            claimed_at: Millis(1),
            region: "a".parse().unwrap(),
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        let index = BlindIndex::new([1; 32]);
        let of = |claim: &Claim, user: u8| Fingerprint::of_claim(&index, UserId::v8([user; 16]), claim);
        assert_eq!(of(&claim, 1), of(&claim, 1));
        assert_ne!(of(&claim, 1), of(&claim, 2));
        assert_ne!(of(&claim, 1), of(&Claim { verified: true, ..claim.clone() }, 1));
        assert_ne!(of(&claim, 1), Fingerprint::of_claim(&BlindIndex::new([2; 32]), UserId::v8([1; 16]), &claim));
    }
}
