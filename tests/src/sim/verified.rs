//! Pointers and verified identifiers of stored users, and what contradicts that they are one person.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{BlindIndex, CompanyId, IdentifierItem, IdentifierKind, Ownership, PartRecord, UserId};

use super::history::History;

/// The user that a profile was merged into.
pub(super) fn pointer(record: &PartRecord) -> Option<UserId> {
    record.profile_facts().and_then(|facts| facts.merged_into)
}

/// The winner of the identifiers that both users have verified, if there are any.
pub(super) fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let counts = |ownership: &&Ownership| ownership.verified && ownership.kind != IdentifierKind::ExternalId;
    let shared = one.ownerships().iter().filter_map(|(index, ownership)| {
        let (ownership, rival) = (Some(ownership).filter(counts)?, other.ownerships().get(index).filter(counts)?);
        let owners = BTreeMap::from([(one.id, ownership.clone()), (other.id, rival.clone())]);
        Some(IdentifierItem { index: *index, owners })
    });
    IdentifierItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}

/// The identifiers of one kind that a person owns, for external ids of each company.
type Values = BTreeMap<(IdentifierKind, Option<CompanyId>), BTreeSet<BlindIndex>>;

impl History {
    fn values(&self, at: usize, id: UserId) -> Values {
        let mut values = Values::new();
        let users = self.person(at, id).into_iter().filter_map(|id| self.profile(at, id));
        for (index, ownership) in users.flat_map(|profile| self.ownerships(profile)) {
            values.entry((ownership.kind, ownership.company)).or_default().insert(index);
        }
        values
    }

    /// True if the persons of two users have different e-mail addresses, or different external ids of one company.
    /// Whether an address is verified makes no difference to an automatic merge, unless a person has several.
    pub(super) fn contradict(&self, at: usize, one: UserId, other: UserId) -> bool {
        let (its, theirs) = (self.values(at, one), self.values(at, other));
        let counts = |kind| matches!(kind, IdentifierKind::Email | IdentifierKind::ExternalId);
        let differ = |(slot, own): (&(IdentifierKind, Option<CompanyId>), &BTreeSet<BlindIndex>)| {
            counts(slot.0) && theirs.get(slot).is_some_and(|theirs| own.is_disjoint(theirs))
        };
        its.iter().any(differ) || self.verified_emails_differ(at, one, other)
    }

    fn verified_emails_differ(&self, at: usize, one: UserId, other: UserId) -> bool {
        let emails = |id| -> BTreeSet<BlindIndex> {
            let users = self.person(at, id).into_iter().filter_map(|id| self.profile(at, id));
            let owned = users.flat_map(|profile| self.ownerships(profile));
            owned.filter(|(_, own)| own.kind == IdentifierKind::Email && own.verified).map(|(index, _)| index).collect()
        };
        let (its, theirs) = (emails(one), emails(other));
        !its.is_empty() && !theirs.is_empty() && its.is_disjoint(&theirs)
    }

    /// True if a third user, who has a verified identifier of one of the two, contradicts only one of them.
    pub(super) fn are_ambiguous(&self, at: usize, one: UserId, other: UserId) -> bool {
        let persons = [self.person(at, one), self.person(at, other)];
        let both = || persons.iter().flatten().filter_map(|id| self.profile(at, *id));
        let thirds = self.profiles(at).filter(|third| !persons.iter().flatten().any(|id| *id == third.id));
        let mut shared = thirds.filter(|third| both().any(|own| verified_winner(own, third).is_some()));
        shared.any(|third| self.contradict(at, one, third.id) != self.contradict(at, other, third.id))
    }
}
