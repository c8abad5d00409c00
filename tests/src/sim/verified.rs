//! What contradicts that two users are one person.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{BlindIndex, CompanyId, IdentifierKind, UserId};

use super::history::History;
use super::pointers::verified_winner;

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

    /// True if the persons of two users have different e-mail addresses, different external ids of one company, or
    /// different user names beside nothing but a number.
    /// Whether an address is verified makes no difference to an automatic merge, unless a person has several.
    pub(super) fn contradict(&self, at: usize, one: UserId, other: UserId) -> bool {
        let (its, theirs) = (self.values(at, one), self.values(at, other));
        let counts = |kind| matches!(kind, IdentifierKind::Email | IdentifierKind::ExternalId);
        let differ = |(slot, own): (&(IdentifierKind, Option<CompanyId>), &BTreeSet<BlindIndex>)| {
            counts(slot.0) && theirs.get(slot).is_some_and(|theirs| own.is_disjoint(theirs))
        };
        let shares = |(slot, own): (&(IdentifierKind, Option<CompanyId>), &BTreeSet<BlindIndex>)| {
            counts(slot.0) && theirs.get(slot).is_some_and(|theirs| !own.is_disjoint(theirs))
        };
        let name = (IdentifierKind::Username, None);
        let other_name = its.get(&name).zip(theirs.get(&name)).is_some_and(|(its, theirs)| its.is_disjoint(theirs));
        its.iter().any(differ) || other_name && !its.iter().any(shares) || self.verified_emails_differ(at, one, other)
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
