//! What a region knew when a session began, and what that means for the session.

use std::collections::BTreeMap;

use umoja_schema::replicated::ACCESS;
use umoja_schema::{UserId, Version};

use crate::sim::fleet::Fleet;
use crate::sim::history::Passwords;
use crate::sim::signing::SessionOf;

/// The beginning of the keys of the rows that end everything.
pub(super) const ALL: &str = "all#";

impl Fleet {
    /// The rows of a region that end everything of one user.
    pub(super) async fn ends_of(&self, at: usize, user: UserId) -> BTreeMap<String, Version> {
        // While the region cannot verify rows, what they say is not known.
        let items = self.region(at).tables.items.items(&ACCESS, user).await.unwrap_or_default();
        let ends = items.into_iter().filter(|item| item.key.starts_with(ALL));
        ends.map(|item| (item.key, item.version)).collect()
    }

    /// The rows of a region that end everything of a person.
    pub(super) async fn ends_of_all(&self, at: usize, user: UserId) -> BTreeMap<(UserId, String), Version> {
        let mut ends = BTreeMap::new();
        let person = self.history.borrow().person(at, user);
        for user in person.into_iter().chain([user]) {
            ends.extend(self.ends_of(at, user).await.into_iter().map(|(key, version)| ((user, key), version)));
        }
        ends
    }

    /// The possible passwords of a person who was never merged with another one, as a region has them.
    pub(super) fn password_of(&self, at: usize, user: UserId) -> Option<Passwords> {
        let history = self.history.borrow();
        let is_one = history.users().iter().all(|other| *other == user || !history.were_ever_one(user, *other));
        is_one.then(|| history.passwords_of_person(at, user)).flatten().filter(|known| !known.contains(&None))
    }

    /// The end of everything of a user is acknowledged: this number of sessions had begun before.
    pub(in crate::sim) fn note_end_of_all(&self, user: UserId, begun: usize) {
        for session in self.signing.sessions.borrow_mut().iter_mut().take(begun) {
            session.is_over_with_all |= session.user == user;
        }
    }

    /// True if a region had ended everything of the person when the session began, and the region of the session had not heard of it, or has
    /// since.
    pub(super) fn may_have_ended_with_all(&self, session: &SessionOf) -> bool {
        let history = self.history.borrow();
        self.signing.rows.borrow().iter().any(|((_, user, key), version)| {
            key.starts_with(ALL)
                && history.were_ever_one(*user, session.user)
                && session.known.get(&(*user, key.clone())).is_none_or(|known| known < version)
        })
    }

    /// True if the session began by a password that was replaced since. Of a user whose credentials two regions wrote at once, the password of
    /// the earlier write can come back.
    pub(super) fn is_of_former_password(&self, session: &SessionOf) -> bool {
        let Some(begun_by) = &session.passwords else { return false };
        let is_overtaken = self.history.borrow().was_overtaken(session.user);
        let now: Vec<_> = (0..self.signing.people.len()).map(|at| self.password_of(at, session.user)).collect();
        !is_overtaken && now.iter().all(|now| now.as_ref().is_some_and(|now| now.is_disjoint(begun_by)))
    }
}
