//! The users of a person, computed from the pointers that a region stores, independently of the product's code.

use std::collections::BTreeSet;

use umoja_schema::{AccountStatus, CompanyId, LinkState, Part, PartRecord, ProfileFacts, UserId};

use super::history::{History, Passwords};
use super::pointers::pointer;

impl History {
    /// True if both parts of a user are stored and live.
    pub(super) fn is_live(&self, at: usize, id: UserId) -> bool {
        Part::ALL.into_iter().all(|part| self.stored(at, id, part).is_some_and(|record| record.live().is_some()))
    }

    /// True if a user may log in, by its own status.
    pub(super) fn is_active(&self, at: usize, id: UserId) -> bool {
        let status = self.stored(at, id, Part::Credentials).and_then(PartRecord::status);
        status == Some(AccountStatus::Active)
    }

    /// True if a user's person may log in at a company: its primary account is active, and not all of its links to the
    /// company are suspended.
    pub(super) fn may_log_in(&self, at: usize, id: UserId, company: &CompanyId) -> bool {
        let links = self.person(at, id).into_iter().filter_map(|id| self.facts(at, id)?.links.get(company));
        let states: Vec<LinkState> = links.map(|link| link.state).collect();
        let is_suspended = !states.is_empty() && states.iter().all(|state| *state == LinkState::Suspended);
        !is_suspended && self.primary(at, id).is_some_and(|primary| self.is_active(at, primary))
    }

    fn facts(&self, at: usize, id: UserId) -> Option<&ProfileFacts> {
        self.stored(at, id, Part::Profile).filter(|_| self.is_live(at, id))?.profile_facts()
    }

    /// The user to which the pointers of a live user lead: one without a pointer to a live user, or in a cycle the one
    /// that was registered first.
    pub(super) fn primary(&self, at: usize, id: UserId) -> Option<UserId> {
        let mut path = vec![(self.facts(at, id)?.created_at, id)];
        loop {
            let (_, last) = path[path.len() - 1];
            let next = self.facts(at, last)?.merged_into;
            let Some((next, facts)) = next.and_then(|next| Some((next, self.facts(at, next)?))) else {
                return Some(last);
            };
            if let Some(from) = path.iter().position(|(_, passed)| *passed == next) {
                return path[from..].iter().min().map(|(_, id)| *id);
            }
            path.push((facts.created_at, next));
        }
    }

    /// All users of a live user's person: the primary account, and then the others in the order of their registration.
    /// Empty if the user is not live.
    pub(super) fn person(&self, at: usize, id: UserId) -> Vec<UserId> {
        let Some(primary) = self.primary(at, id) else { return Vec::new() };
        let others =
            self.users().into_iter().filter(|other| *other != primary && self.primary(at, *other) == Some(primary));
        let mut others: Vec<UserId> = others.collect();
        others.sort_by_key(|id| (self.facts(at, *id).map(|facts| facts.created_at), *id));
        std::iter::once(primary).chain(others).collect()
    }

    /// The possible passwords of a person: those of the primary account or, while it has none, those of the first
    /// active linked account that has any. `None` if the password of one of them is not known.
    pub(super) fn passwords_of_person(&self, at: usize, id: UserId) -> Option<Passwords> {
        let mut possible = Passwords::from([None]);
        for (number, user) in self.person(at, id).into_iter().enumerate() {
            if number > 0 && !self.is_active(at, user) {
                continue;
            }
            possible.remove(&None);
            possible.extend(self.passwords(at, user)?.iter().cloned());
            if !possible.contains(&None) {
                break;
            }
        }
        Some(possible)
    }

    /// All users that an erasure of a user in a region may reach: those connected by pointers that the region stores,
    /// and by the last pointers of erased users in any region. (Receipts name the users that another region erased
    /// together.)
    pub(super) fn reach(&self, at: usize, id: UserId) -> BTreeSet<UserId> {
        let is_erased = |id: UserId| self.stored(at, id, Part::Profile).is_none_or(|record| record.live().is_none());
        let own = |id: UserId| self.stored(at, id, Part::Profile).and_then(pointer);
        let of = |user: UserId| -> BTreeSet<(UserId, UserId)> {
            let all = self.pointers().filter(|(from, _)| *from == user && is_erased(user));
            all.chain(own(user).map(|target| (user, target))).collect()
        };
        let edges: BTreeSet<_> = self.users().into_iter().flat_map(of).collect();
        connected(&edges.into_iter().collect::<Vec<_>>(), id)
    }

    /// True if pointers that any region stored at any time connect two users.
    pub(super) fn were_ever_one(&self, one: UserId, other: UserId) -> bool {
        one == other || connected(&self.pointers().collect::<Vec<_>>(), one).contains(&other)
    }
}

fn connected(edges: &[(UserId, UserId)], start: UserId) -> BTreeSet<UserId> {
    let mut found = BTreeSet::from([start]);
    loop {
        let before = found.len();
        for (one, other) in edges {
            if found.contains(one) || found.contains(other) {
                found.extend([*one, *other]);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
