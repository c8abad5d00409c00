//! The invariants of users that are one person.

use std::collections::BTreeMap;

use serde_json::json;
use umoja_schema::{Part, PartRecord, UserId};

use super::answered::Answered;
use super::fleet::Fleet;
use super::plan::{By, Call};
use super::pointers::{pointer, verified_winner};
use crate::caller::Reply;

impl Fleet {
    /// An acknowledged erasure covers all users of the person.
    pub(super) fn check_covered(&self, answer: &Answered) {
        for id in &answer.person {
            let live = self.is_live(answer.at, *id);
            assert!(!live, "5: {id} was merged with {} and outlived it", answer.id);
        }
        self.erased.borrow_mut().extend(&answer.person);
        for id in self.history.borrow().erased(answer.at) {
            assert!(answer.reach.contains(id), "5: {id} was erased with {}, but is another person", answer.id);
        }
    }

    /// Checks a merge or an unmerge that met no fault.
    pub(super) fn check_merging(&self, answer: &Answered, code: &str) {
        let Answered { at, call, id, person, reply, .. } = answer;
        let history = self.history.borrow();
        let stored = history.stored(*at, *id, Part::Profile).and_then(pointer);
        match (call, reply.status) {
            (Call::Merge { preview: false, .. }, 200) => {
                let primary = history.primary(*at, *id).map(|primary| primary.to_string());
                assert_eq!(primary, Some(reply.id().clone()), "merge: the answer is not about the primary account");
                let users = reply.body["user"]["linked_accounts"]
                    .as_array()
                    .map_or(1, |linked_accounts| linked_accounts.len() + 1);
                assert_eq!(users, history.person(*at, *id).len(), "merge: the answer lacks users of the person");
            }
            (Call::Merge { preview: true, .. }, 200) => {
                assert_eq!(history.person(*at, *id), *person, "merge: a preview changed the person");
            }
            (Call::Unmerge { .. }, 200) => assert_eq!(stored, None, "merge: an unmerged user still has a pointer"),
            (Call::Unmerge { .. }, 404) => assert!(!history.is_live(*at, *id), "merge: a user was not found"),
            (_, 404 | 409 | 422 | 503) => {}
            (_, status) => panic!("merge: {call:?} was answered {status} ({code})"),
        }
    }

    /// The primary account of the person who has an identifier in a region, or an id of no user.
    pub(super) fn named_by(&self, at: usize, by: By) -> UserId {
        let primary = self.owner(at, by).and_then(|owner| self.history.borrow().primary(at, owner));
        primary.unwrap_or_else(|| UserId::v8([0xee; 16]))
    }

    /// A repeated erasure is about the user that the first one named, whichever user has the identifier now.
    pub(super) fn believe_named(&self, at: usize, idk: Option<&String>, reply: &Reply) {
        let Some((idk, id)) = idk.zip(reply.body["receipt"]["id"].as_str()) else { return };
        let id: UserId = id.parse().expect("ids are valid");
        let first = *self.named.borrow_mut().entry((at, idk.clone())).or_insert(id);
        assert_eq!(first, id, "5: a repeated erasure was about another user");
    }

    /// True if an erasure was requested of the user, or of a user that was merged with it at some time in some region.
    pub(super) fn was_asked_to_erase(&self, id: UserId) -> bool {
        let history = self.history.borrow();
        self.unnamed.get() > 0 || self.erasing.borrow().iter().any(|asked| history.were_ever_one(*asked, id))
    }

    /// The operator repeats every erasure, because another region may have merged a user with an erased one before it
    /// received the erasure. Afterwards no pointer of a live user leads to an erased one.
    pub(super) async fn erase_again(&self) {
        let mut asked: Vec<UserId> = self.erasing.borrow().iter().copied().collect();
        if self.unnamed.get() > 0 {
            asked = self.history.borrow().users().into_iter().collect();
        }
        for id in asked {
            let erased = self.history.borrow().stored(0, id, Part::Profile).is_some_and(|part| part.version.erased);
            if erased {
                let reply = self.ask(0, "erase", json!({ "id": id, "reason": "once more" })).await;
                assert_eq!(reply.status, 202, "5: an erasure cannot be repeated: {}", reply.body["code"]);
            }
        }
        self.note_changes();
        self.settle(true).await;
        let history = self.history.borrow();
        for profile in history.profiles(0) {
            let target = pointer(profile).and_then(|target| history.stored(0, target, Part::Profile));
            let erased = target.is_some_and(|target| target.version.erased);
            assert!(!erased, "5: {} is live and merged into an erased user", profile.id);
        }
    }

    /// Every user has the same primary account in every region, the one that its pointers lead to, and users that are
    /// verified to be one person, and that nothing contradicts, are merged.
    pub(super) async fn check_people(&self) {
        let users: Vec<UserId> = self.history.borrow().users().into_iter().collect();
        let primaries = self.world().check_persons(&users).await;
        let expected: BTreeMap<UserId, UserId> =
            users.iter().filter_map(|id| Some((*id, self.history.borrow().primary(0, *id)?))).collect();
        assert_eq!(primaries, expected, "merge: the primary accounts differ from the pointers");
        let open = self.unmerged(&primaries);
        for (one, other) in &open {
            let history = self.history.borrow();
            let was_left = history.have_had_emails(0, *one, *other) || history.had_a_third_owner(0, *one, *other);
            assert!(was_left, "merge: {one} and {other} are verified as one person, but not merged");
        }
        // A region has left them because they had different addresses, or because a third user could have been either
        // of them. No message says that this has ended.
        let mut open = !open.is_empty();
        for _ in 0..users.len() {
            if !open {
                return;
            }
            self.anti_entropy().await;
            open = !self.unmerged(&self.world().check_persons(&users).await).is_empty();
        }
        assert!(!open, "merge: anti-entropy does not merge users that are verified as one person");
    }

    /// The pairs of users that are verified to be one person, that nothing contradicts, and that are not merged.
    fn unmerged(&self, primaries: &BTreeMap<UserId, UserId>) -> Vec<(UserId, UserId)> {
        let history = self.history.borrow();
        let live: Vec<&PartRecord> =
            history.profiles(0).filter(|profile| primaries.contains_key(&profile.id)).collect();
        let mut open = Vec::new();
        for (number, one) in live.iter().enumerate() {
            for other in &live[number + 1..] {
                let Some(winner) = verified_winner(one, other) else { continue };
                let duplicate = if winner == one.id { other } else { one };
                // A user that is merged into another one, or was disabled, is left to the operator.
                let disabled = history.was_disabled(one.id) || history.was_disabled(other.id);
                let free = pointer(duplicate).is_none() && !disabled;
                let same = primaries[&one.id] == primaries[&other.id];
                if free
                    && !same
                    && !history.contradict(0, one.id, other.id)
                    && !history.are_ambiguous(0, one.id, other.id)
                {
                    open.push((one.id, other.id));
                }
            }
        }
        open
    }
}
