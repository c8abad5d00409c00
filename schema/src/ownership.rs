//! Ownerships of identifiers: the users that have an e-mail address, phone number, user name or external id.
//!
//! The item of an identifier contains every live owner. It is local derived state: a write of a user's profile in a
//! region changes the ownerships in the same transaction, so the winner is recomputed from all owners each time and
//! does not depend on the order in which writes arrived.

use std::collections::BTreeMap;

use crate::{Attributes, BlindIndex, CompanyId, IdentifierKind, Millis, Region, UserId};

/// One user's ownership of one identifier, as in the user's profile item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The kind of the identifier.
    pub kind: IdentifierKind,
    /// The version of the blind index key that made the index.
    pub key_version: u32,
    /// When the user first owned it.
    pub owned_since: Millis,
    /// The region in which the user first owned it.
    pub region: Region,
    /// True if a company that the operator trusts to verify has verified it.
    pub verified: bool,
    /// The company that the identifier belongs to; only for external ids.
    pub company: Option<CompanyId>,
    /// Attributes written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Ownership {
    fn rank<'a>(&'a self, id: &'a UserId) -> (bool, Millis, &'a Region, &'a UserId) {
        (!self.verified, self.owned_since, &self.region, id)
    }
}

/// The item of one identifier in the table `identifiers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierItem {
    /// The key of the item.
    pub index: BlindIndex,
    /// Every live owner. A write is conditional on exactly the owners that were read. The item is deleted with its last
    /// owner, so that no data of an erased person remains.
    pub owners: BTreeMap<UserId, Ownership>,
}

impl IdentifierItem {
    /// An identifier that no user owns.
    pub fn unowned(index: BlindIndex) -> Self {
        Self { index, owners: BTreeMap::new() }
    }

    /// The owner that look-ups find: the minimum of (not verified, owned since, region, user id).
    pub fn winner(&self) -> Option<(UserId, &Ownership)> {
        self.owners.iter().min_by(|(a, x), (b, y)| x.rank(a).cmp(&y.rank(b))).map(|(id, ownership)| (*id, ownership))
    }

    /// The winner over several items, those of one identifier under each live index key.
    pub fn winner_of(items: &[Self]) -> Option<(UserId, &Ownership)> {
        items.iter().filter_map(Self::winner).min_by(|(a, x), (b, y)| x.rank(a).cmp(&y.rank(b)))
    }

    /// The part of the item that shows why `user` is not found: the user's ownership, and those that look-ups prefer to
    /// it. `None` if there are none.
    pub fn lost_by(&self, user: UserId) -> Option<Self> {
        let rank = self.owners.get(&user)?.rank(&user);
        let preferred = self.owners.iter().filter(|(id, ownership)| ownership.rank(id) <= rank);
        let owners: BTreeMap<_, _> = preferred.map(|(id, ownership)| (*id, ownership.clone())).collect();
        (owners.len() > 1).then_some(Self { index: self.index, owners })
    }

    /// The item after `user` owns it (`Some`) or no longer does (`None`); `None` if the item does not change.
    pub fn with(&self, user: UserId, ownership: Option<&Ownership>) -> Option<Self> {
        if self.owners.get(&user) == ownership {
            return None;
        }
        let mut next = self.clone();
        match ownership {
            Some(ownership) => next.owners.insert(user, ownership.clone()),
            None => next.owners.remove(&user),
        };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ownership() -> impl Strategy<Value = (UserId, Ownership)> {
        (0u8..4, 0u64..3, 0u8..2, any::<bool>()).prop_map(|(user, at, region, verified)| {
            let ownership = Ownership {
                kind: IdentifierKind::Email,
                key_version: 1,
                owned_since: Millis(at),
                region: format!("r{region}").parse().unwrap(),
                verified,
                company: None,
                unknown: Attributes::new(),
            };
            (UserId::v8([user; 16]), ownership)
        })
    }

    proptest! {
        #[test]
        fn the_winner_does_not_depend_on_the_order_of_arrival(ownerships in prop::collection::btree_map(ownership().prop_map(|(u, _)| u), ownership().prop_map(|(_, c)| c), 1..4)) {
            let index = BlindIndex::new([0; 32]);
            let apply = |order: Vec<(&UserId, &Ownership)>| {
                order.into_iter().fold(IdentifierItem::unowned(index), |item, (user, ownership)| item.with(*user, Some(ownership)).unwrap_or(item))
            };
            let forward = apply(ownerships.iter().collect());
            let backward = apply(ownerships.iter().rev().collect());
            prop_assert_eq!(forward.winner().map(|(id, _)| id), backward.winner().map(|(id, _)| id));
        }
    }

    #[test]
    fn a_verified_owner_wins_over_an_earlier_unverified_one() {
        let ownership = |at, verified| Ownership {
            kind: IdentifierKind::Email,
            key_version: 1,
            owned_since: Millis(at),
            region: "a".parse().unwrap(),
            verified,
            company: None,
            unknown: Attributes::new(),
        };
        let (squatter, owner) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let item =
            IdentifierItem::unowned(BlindIndex::new([0; 32])).with(squatter, Some(&ownership(1, false))).unwrap();
        assert_eq!(item.winner().unwrap().0, squatter);
        let item = item.with(owner, Some(&ownership(9, true))).unwrap();
        assert_eq!(item.winner().unwrap().0, owner);
        let late = UserId::v8([3; 16]);
        let item = item.with(late, Some(&ownership(10, true))).unwrap();
        assert_eq!(item.lost_by(owner), None);
        assert_eq!(item.lost_by(late).unwrap().owners.into_keys().collect::<Vec<_>>(), [owner, late]);
        assert_eq!(item.lost_by(squatter), Some(item));
    }
}
