//! The rule by which regions converge. Of two copies of a part the newest wins, erasures first. Copies of one version
//! differ at most in their wrapped keys: the union of those is kept, and of two wrapped keys of one region the bytewise
//! lesser, so that all regions keep the same.

use crate::{Body, Live, PartRecord, Region};

/// What to do with an incoming copy of a part that meets the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The incoming copy is newer: write it.
    TakeIncoming,
    /// The stored copy is newer, or the same: keeping it is a success.
    KeepStored,
    /// The same version with wrapped keys that the stored copy lacks, or that win over its own: add those.
    AddKeys,
}

/// Decides between the stored copy of a part (if any) and an incoming one.
pub fn resolve(stored: Option<&PartRecord>, incoming: &PartRecord) -> Resolution {
    let Some(stored) = stored else { return Resolution::TakeIncoming };
    match incoming.version.cmp(&stored.version) {
        std::cmp::Ordering::Greater => Resolution::TakeIncoming,
        std::cmp::Ordering::Less => Resolution::KeepStored,
        std::cmp::Ordering::Equal => match (&stored.body, &incoming.body) {
            (Body::Live(have), Body::Live(new)) if new.keys.keys().any(|region| new.has_key_for(region, have)) => {
                Resolution::AddKeys
            }
            _ => Resolution::KeepStored,
        },
    }
}

impl Live {
    /// Whether this copy's wrapped key of a region wins over that of another copy of the same version.
    pub fn has_key_for(&self, region: &Region, other: &Self) -> bool {
        match (self.keys.get(region), other.keys.get(region)) {
            (Some(own), Some(other)) => own < other,
            (own, None) => own.is_some(),
            (None, Some(_)) => false,
        }
    }
}

/// The copy of both regions after they have exchanged theirs.
#[must_use]
pub fn merged(stored: Option<&PartRecord>, incoming: &PartRecord) -> PartRecord {
    match (resolve(stored, incoming), stored) {
        (Resolution::TakeIncoming, _) | (_, None) => incoming.clone(),
        (Resolution::KeepStored, Some(stored)) => stored.clone(),
        (Resolution::AddKeys, Some(stored)) => {
            let mut union = stored.clone();
            if let (Body::Live(have), Some(new)) = (&mut union.body, incoming.live()) {
                for (region, wrapped) in &new.keys {
                    if new.has_key_for(region, have) {
                        have.keys.insert(region.clone(), wrapped.clone());
                    }
                }
            }
            union
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{AccountStatus, Facts, Live, SealedData};
    use crate::{Attribute, Attributes, Part, UserId, version};
    use proptest::prelude::*;

    /// Copies of one part. As in the system, the version determines the sealed content. Any subset of the regions has a
    /// wrapped key, and two copies may hold different ones, because each wrap makes another blob.
    fn copy() -> impl Strategy<Value = PartRecord> {
        (version::tests::version(), prop::collection::btree_map(0u8..3, 0u8..3, 0..3)).prop_map(|(version, regions)| {
            let id = UserId::v8([1; 16]);
            if version.erased {
                return PartRecord::tombstone(id, Part::Credentials, version);
            }
            let data =
                SealedData(Attributes::from([("info".to_owned(), Attribute::B(version.to_string().into_bytes()))]));
            let keys = regions.into_iter().map(|(r, blob)| (format!("r{r}").parse().unwrap(), vec![blob])).collect();
            let facts = Facts::Credentials { status: AccountStatus::Active };
            let body = Body::Live(Box::new(Live { data, keys, facts }));
            PartRecord { id, part: Part::Credentials, version, body, unknown: Attributes::new() }
        })
    }

    proptest! {
        #[test]
        fn merging_is_commutative(a in copy(), b in copy()) {
            prop_assert_eq!(merged(Some(&a), &b), merged(Some(&b), &a));
        }

        #[test]
        fn merging_is_associative(a in copy(), b in copy(), c in copy()) {
            prop_assert_eq!(merged(Some(&merged(Some(&a), &b)), &c), merged(Some(&a), &merged(Some(&b), &c)));
        }

        #[test]
        fn merging_is_idempotent(a in copy()) {
            prop_assert_eq!(&merged(Some(&a), &a), &a);
        }

        #[test]
        fn versions_never_go_backwards(a in copy(), b in copy()) {
            prop_assert!(merged(Some(&a), &b).version >= a.version);
        }
    }
}
