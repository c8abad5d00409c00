//! What has to hold of users that are one person.

use std::collections::BTreeMap;

use serde_json::json;
use umoja_schema::{Part, PartRecord, UserId};

use super::answered::Answered;
use super::fleet::Fleet;
use super::plan::Call;
use super::verified::{pointer, verified_winner};

impl Fleet {
    /// An acknowledged erasure covers everybody who was one person with who was asked for.
    pub(super) fn check_covered(&self, answer: &Answered) {
        for id in &answer.person {
            let live = self.is_live(answer.at, *id);
            assert!(!live, "5: {id} was merged with {} and outlived it", answer.id);
        }
        self.erased.borrow_mut().extend(&answer.person);
        for id in self.history.borrow().erased(answer.at) {
            assert!(answer.reach.contains(id), "5: {id} was erased with {}, and is somebody else", answer.id);
        }
    }

    /// A merge or an unmerge that nothing disturbed.
    pub(super) fn check_merging(&self, answer: &Answered, code: &str) {
        let Answered { at, call, id, person, reply, .. } = answer;
        let history = self.history.borrow();
        let stored = history.stored(*at, *id, Part::Profile).and_then(pointer);
        match (call, reply.status) {
            (Call::Merge { preview: false, .. }, 200) => {
                let root = history.root(*at, *id).map(|root| root.to_string());
                assert_eq!(root, Some(reply.id().clone()), "merge: the answer is not about the root");
                let users = reply.body["user"]["members"].as_array().map_or(1, |members| members.len() + 1);
                assert_eq!(users, history.person(*at, *id).len(), "merge: the answer is not about everybody");
            }
            (Call::Merge { preview: true, .. }, 200) => {
                assert_eq!(history.person(*at, *id), *person, "merge: a preview changed something");
            }
            (Call::Unmerge { .. }, 200) => assert_eq!(stored, None, "merge: an unmerged user points at somebody"),
            (Call::Unmerge { .. }, 404) => assert!(!history.is_live(*at, *id), "merge: a user was not found"),
            (_, 404 | 409 | 422 | 503) => {}
            (_, status) => panic!("merge: {call:?} was answered {status} ({code})"),
        }
    }

    /// True if somebody asked to erase the user, or a user that was merged with it at some time in some region.
    pub(super) fn was_asked_to_erase(&self, id: UserId) -> bool {
        let history = self.history.borrow();
        self.erasing.borrow().iter().any(|asked| history.were_ever_one(*asked, id))
    }

    /// An operator asks once more for every erasure: who was merged with an erased user in another region before that
    /// heard of it is the same person, and could not be known. Afterwards nobody live points at anybody erased.
    pub(super) async fn erase_again(&self) {
        let asked: Vec<UserId> = self.erasing.borrow().iter().copied().collect();
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
            assert!(!erased, "5: {} is merged into somebody erased, and lives", profile.id);
        }
    }

    /// Every user has the same root everywhere, the one that its pointers lead to; and who is verified to be one person
    /// is one.
    pub(super) async fn check_people(&self) {
        let users: Vec<UserId> = self.history.borrow().users().into_iter().collect();
        let roots = self.world().check_groups(&users).await;
        let history = self.history.borrow();
        let expected: BTreeMap<UserId, UserId> =
            users.iter().filter_map(|id| Some((*id, history.root(0, *id)?))).collect();
        assert_eq!(roots, expected, "merge: the roots are not those that the pointers lead to");
        let live: Vec<&PartRecord> = history.profiles(0).filter(|profile| roots.contains_key(&profile.id)).collect();
        for (number, one) in live.iter().enumerate() {
            for other in &live[number + 1..] {
                let Some(winner) = verified_winner(one, other) else { continue };
                let duplicate = if winner == one.id { other } else { one };
                // Who is merged into somebody else, or was disabled, is left to people.
                let disabled = history.was_disabled(one.id) || history.was_disabled(other.id);
                let free = pointer(duplicate).is_none() && !disabled;
                let same = roots[&one.id] == roots[&other.id];
                assert!(same || !free, "merge: {} and {} are verified to be one person", one.id, other.id);
            }
        }
    }
}
