//! Claims on identifiers: who says that an e-mail address, phone number, user name or external id is theirs.
//!
//! The item of an identifier holds every live claimant. It is local derived state: whoever writes a user's profile in
//! a region changes the claims in the same transaction, so the winner is recomputed from all claimants each time and
//! does not depend on the order in which writes arrived.

use std::collections::BTreeMap;

use crate::{Attributes, BlindIndex, CompanyId, IdentifierKind, Millis, Region, UserId};

/// One user's claim on one identifier, as it stands in the user's profile item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What kind of identifier it is.
    pub kind: IdentifierKind,
    /// The version of the blind index key that made the index.
    pub key_version: u32,
    /// When the user first claimed it.
    pub claimed_at: Millis,
    /// The region in which it was claimed.
    pub region: Region,
    /// True if a company that the operator trusts to verify has verified it.
    pub verified: bool,
    /// The company that the identifier belongs to; only for external ids.
    pub company: Option<CompanyId>,
    /// Attributes written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Claim {
    fn rank<'a>(&'a self, id: &'a UserId) -> (bool, Millis, &'a Region, &'a UserId) {
        (!self.verified, self.claimed_at, &self.region, id)
    }
}

/// The item of one identifier in the table `identifiers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimItem {
    /// The key of the item.
    pub index: BlindIndex,
    /// Every live claimant. A write is conditional on exactly the claimants that were read; the item is deleted with
    /// its last claimant, so that nothing of an erased person stays behind.
    pub claimants: BTreeMap<UserId, Claim>,
}

impl ClaimItem {
    /// An identifier that nobody claims.
    pub fn unclaimed(index: BlindIndex) -> Self {
        Self { index, claimants: BTreeMap::new() }
    }

    /// The claimant that look-ups find: the minimum of (not verified, claimed at, region, user id).
    pub fn winner(&self) -> Option<(UserId, &Claim)> {
        self.claimants.iter().min_by(|(a, x), (b, y)| x.rank(a).cmp(&y.rank(b))).map(|(id, claim)| (*id, claim))
    }

    /// The winner over several items: those of one identifier under each live index key.
    pub fn winner_of(items: &[Self]) -> Option<(UserId, &Claim)> {
        items.iter().filter_map(Self::winner).min_by(|(a, x), (b, y)| x.rank(a).cmp(&y.rank(b)))
    }

    /// The item as far as `user` loses it: the user's claim, and those that look-ups prefer to it. Nothing if there are
    /// none.
    pub fn lost_by(&self, user: UserId) -> Option<Self> {
        let rank = self.claimants.get(&user)?.rank(&user);
        let preferred = self.claimants.iter().filter(|(id, claim)| claim.rank(id) <= rank);
        let claimants: BTreeMap<_, _> = preferred.map(|(id, claim)| (*id, claim.clone())).collect();
        (claimants.len() > 1).then_some(Self { index: self.index, claimants })
    }

    /// The item after `user` claims it (`Some`) or no longer does (`None`); nothing if that changes nothing.
    pub fn with(&self, user: UserId, claim: Option<&Claim>) -> Option<Self> {
        if self.claimants.get(&user) == claim {
            return None;
        }
        let mut next = self.clone();
        match claim {
            Some(claim) => next.claimants.insert(user, claim.clone()),
            None => next.claimants.remove(&user),
        };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim() -> impl Strategy<Value = (UserId, Claim)> {
        (0u8..4, 0u64..3, 0u8..2, any::<bool>()).prop_map(|(user, at, region, verified)| {
            let claim = Claim {
                kind: IdentifierKind::Email,
                key_version: 1,
                claimed_at: Millis(at),
                region: format!("r{region}").parse().unwrap(),
                verified,
                company: None,
                unknown: Attributes::new(),
            };
            (UserId::v8([user; 16]), claim)
        })
    }

    proptest! {
        #[test]
        fn the_winner_does_not_depend_on_the_order_of_arrival(claims in prop::collection::btree_map(claim().prop_map(|(u, _)| u), claim().prop_map(|(_, c)| c), 1..4)) {
            let index = BlindIndex::new([0; 32]);
            let apply = |order: Vec<(&UserId, &Claim)>| {
                order.into_iter().fold(ClaimItem::unclaimed(index), |item, (user, claim)| item.with(*user, Some(claim)).unwrap_or(item))
            };
            let forward = apply(claims.iter().collect());
            let backward = apply(claims.iter().rev().collect());
            prop_assert_eq!(forward.winner().map(|(id, _)| id), backward.winner().map(|(id, _)| id));
        }
    }

    #[test]
    fn a_verified_claim_beats_an_earlier_unverified_one() {
        let claim = |at, verified| Claim {
            kind: IdentifierKind::Email,
            key_version: 1,
            claimed_at: Millis(at),
            region: "a".parse().unwrap(),
            verified,
            company: None,
            unknown: Attributes::new(),
        };
        let (squatter, owner) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let item = ClaimItem::unclaimed(BlindIndex::new([0; 32])).with(squatter, Some(&claim(1, false))).unwrap();
        assert_eq!(item.winner().unwrap().0, squatter);
        let item = item.with(owner, Some(&claim(9, true))).unwrap();
        assert_eq!(item.winner().unwrap().0, owner);
        let late = UserId::v8([3; 16]);
        let item = item.with(late, Some(&claim(10, true))).unwrap();
        assert_eq!(item.lost_by(owner), None);
        assert_eq!(item.lost_by(late).unwrap().claimants.into_keys().collect::<Vec<_>>(), [owner, late]);
        assert_eq!(item.lost_by(squatter), Some(item));
    }
}
