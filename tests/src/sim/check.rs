//! The checks of each answer that met no fault, and of the whole deployment once messages have stopped. The numbers are
//! those of the design's list of invariants.

use serde_json::{Value, json};
use umoja_schema::{IdentifierItem, Part, PartRecord, PersonVersion, UserId};
use umoja_store::ports::Clock as _;

use super::answered::Answered;
use super::fleet::Fleet;
use super::names::{company, email};
use super::plan::{By, Call, IDENTIFIERS};
use crate::caller::Reply;

/// The maximum that a clock may have been ahead.
const WRONGEST_CLOCK_MS: u64 = 10 * 60 * 1000;

/// The time after which no login attempt counts.
const ATTEMPTS_FORGOTTEN_MS: u64 = 60 * 60 * 1000;

impl Fleet {
    /// Checks the answers of a step. If it ran `alone`, to its end, and met no fault and no item that an attacker changed,
    /// they must be exactly right.
    pub(super) fn check_answers(&self, alone: bool, calm: bool, unharmed: bool) {
        // The answers are compared with the state of the regions after the step.
        if !self.answers.borrow().is_empty() {
            self.note_changes();
        }
        self.guesses.borrow_mut().forget_unanswered();
        for answer in self.answers.take() {
            check_read_your_writes(&answer);
            self.check_forged(&answer);
            if answer.call == Call::Guess {
                Self::check_other_password(&answer);
            }
            self.check_guess(&answer, alone);
            self.check_key(&answer, alone && calm && unharmed);
            if answer.right == Some(false) && matches!(answer.call, Call::Authenticate { .. }) {
                let accepted = answer.reply.body["authenticated"] == json!(true);
                assert!(!accepted, "answer: a password that no caller set was accepted");
            }
            if alone && answer.right == Some(false) && matches!(answer.call, Call::ResetFinish { .. }) {
                assert_ne!(answer.reply.status, 200, "answer: an invalid token set a password");
            }
            let named = &answer.reply.body["receipt"]["id"];
            // The pointer of a part that an attacker has damaged is not followed.
            if alone && unharmed && matches!(answer.call, Call::Erase { .. }) && *named == json!(answer.id) {
                self.check_covered(&answer);
            }
            if alone && calm && unharmed {
                self.check_calm(&answer);
            }
        }
    }

    /// Adds an answer about a password.
    fn check_guess(&self, answer: &Answered, alone: bool) {
        let Answered { at, call, id, reply, .. } = answer;
        let guesses = &mut *self.guesses.borrow_mut();
        let by_id = match call {
            Call::Authenticate { by, .. } => *by == By::Id,
            Call::Password { .. } => true,
            Call::Guess if alone && self.was_compared(answer) => {
                return guesses.fail(*at, *id, self.region(*at).clock.now());
            }
            Call::Register { .. } | Call::Guess | Call::ResetFinish { .. } | Call::Repeat | Call::Corrected => false,
            _ => return,
        };
        let failed = ["authenticated", "changed"].iter().any(|name| reply.body.get(name) == Some(&json!(false)));
        let rejected = (400..500).contains(&reply.status);
        match (alone, by_id) {
            (true, true) if failed => guesses.fail(*at, *id, self.region(*at).clock.now()),
            (true, _) if failed || rejected => {}
            _ => guesses.forget(*at),
        }
    }

    /// A request that was rejected leaves its idempotency key unused.
    fn check_key(&self, answer: &Answered, calm: bool) {
        let Answered { user, idk, is_unused, reply, .. } = answer;
        let rejected = (400..500).contains(&reply.status) || reply.body.get("changed") == Some(&json!(false));
        if calm && *is_unused && rejected {
            assert_ne!(reply.body["code"], "idempotency_key_reused", "answer: a rejected request kept its key");
            self.set_open(*user, idk.as_ref(), false);
        }
    }

    fn check_calm(&self, answer: &Answered) {
        let Answered { at, call, id, reply, .. } = answer;
        let code = reply.body["code"].as_str().unwrap_or_default();
        let live = self.is_live(*at, *id);
        if reply.status == 503 {
            let behind = code == "behind" && !matches!(call, Call::Authenticate { .. } | Call::Status { .. });
            let is_retired = code == "unreadable" && answer.idk.is_some() && self.has_retired.get();
            assert!(
                behind || is_retired || self.is_captured(*at) || self.is_forged(answer),
                "answer: {call:?} was rejected ({code}) without a fault"
            );
        }
        match call {
            Call::Lookup { by, .. } => self.check_lookup(answer, *by, code),
            Call::Authenticate { by, .. } if reply.status == 200 => {
                let history = self.history.borrow();
                let primary = history.primary(*at, *id);
                let found = || self.owner(*at, *by).and_then(|owner| history.primary(*at, owner));
                let means_user = *by == By::Id || primary.is_some() && found() == primary;
                if let Some(right) = answer.right.filter(|_| means_user) {
                    let expected = right && history.may_log_in(*at, *id, &answer.company);
                    let accepted = reply.body["authenticated"] == json!(true);
                    assert_eq!(accepted, expected, "answer: the right password ({right}) was answered {accepted}");
                }
            }
            Call::Export | Call::Status { .. } | Call::Password { .. } => {
                self.check_change(answer);
                let found = reply.status == 200;
                let locked = matches!(call, Call::Password { .. }) && reply.status == 429;
                assert!(
                    found == live || reply.status == 503 || locked,
                    "answer: {call:?} was answered {}",
                    reply.status
                );
            }
            Call::Provision { .. } if reply.status != 503 => {
                let expected: &[u16] = match (answer.company == company(0), live) {
                    (true, true) => &[200, 403],
                    (true, false) => &[404],
                    (false, _) => &[422],
                };
                assert!(expected.contains(&reply.status), "answer: {call:?} was answered {} ({code})", reply.status);
            }
            Call::Why | Call::Unlock if ![429, 503].contains(&reply.status) => {
                assert_eq!(reply.status != 404, live, "answer: {call:?} was answered {} ({code})", reply.status);
            }
            Call::Rejected if reply.status != 503 => {
                assert_eq!(code, "request_not_found", "answer: a request that was never made was found");
            }
            Call::Events => assert_eq!(reply.status, 200, "answer: events were not listed ({code})"),
            Call::ResetStart { by } => self.check_reset_start(answer, *by, code),
            Call::ResetFinish { .. } => {
                let set = [200, 503].contains(&reply.status);
                assert!(set || answer.right != Some(true), "answer: a token was answered {} ({code})", reply.status);
            }
            Call::Merge { .. } | Call::Unmerge { .. } => self.check_merging(answer, code),
            Call::Erase { by, .. } if *by != By::Id => match reply.status {
                202 => assert_eq!(reply.body["receipt"]["id"], json!(id), "5: {by:?} erased another person"),
                404 => assert!(answer.person.is_empty(), "5: {by:?} did not find the person to erase"),
                _ => {}
            },
            _ => {}
        }
    }

    /// Only the right password of an active user changes it.
    fn check_change(&self, answer: &Answered) {
        let Answered { at, id, right, reply, .. } = answer;
        if let Some((changed, right)) = reply.body.get("changed").zip(*right) {
            let history = self.history.borrow();
            let active = history.may_log_in(*at, *id, &answer.company);
            assert_eq!(*changed, json!(right && active), "answer: the right password ({right}) was answered {changed}");
        }
    }

    /// Only an active user gets a token.
    fn check_reset_start(&self, answer: &Answered, by: By, code: &str) {
        let Answered { at, id, reply, .. } = answer;
        let meant = if by == By::Id { Some(*id) } else { self.owner(*at, by) };
        let history = self.history.borrow();
        let primary = meant.and_then(|id| history.primary(*at, id));
        let active = meant.is_some_and(|id| history.may_log_in(*at, id, &answer.company));
        match reply.status {
            200 => assert_eq!((active, &reply.body["id"]), (true, &json!(primary)), "answer: a token for another user"),
            503 => {}
            status => assert!(!active, "answer: an active user got no token: {status} ({code})"),
        }
    }

    fn check_lookup(&self, answer: &Answered, by: By, code: &str) {
        let Answered { at, id, reply, min_version, .. } = answer;
        let meant = if by == By::Id { Some(*id) } else { self.owner(*at, by) };
        let expected = meant.map(|id| self.history.borrow().person(*at, id)).unwrap_or_default();
        match reply.status {
            200 => {
                let version: PersonVersion = reply.version().parse().expect("a version");
                let found: Vec<UserId> = version.users().iter().map(|version| version.id).collect();
                assert_eq!(found, expected, "answer: {by:?} found another user");
                for version in version.users() {
                    let answered = [Some(version.profile.clone()), Some(version.credentials.clone())];
                    assert_eq!(answered, self.version_at(*at, version.id), "answer: an older record");
                }
            }
            404 => assert!(expected.is_empty(), "answer: {by:?} did not find an existing user"),
            _ => {
                let wanted = min_version.as_ref().expect("behind what?");
                let covered = wanted.users().iter().all(|wanted| {
                    let [profile, credentials] = self.version_at(*at, wanted.id);
                    profile >= Some(wanted.profile.clone()) && credentials >= Some(wanted.credentials.clone())
                });
                assert!(!covered, "answer: {code}, but the region has the version");
            }
        }
    }

    /// True if an HLC timestamp of the region is too far ahead of its clock to be overwritten.
    fn is_captured(&self, at: usize) -> bool {
        let now = self.region(at).clock.now();
        let history = self.history.borrow();
        let far = |record: &PartRecord| record.version.hlc.is_far_ahead_of(now);
        history
            .users()
            .into_iter()
            .any(|id| Part::ALL.into_iter().any(|part| history.stored(at, id, part).is_some_and(far)))
    }

    pub(super) fn is_live(&self, at: usize, id: UserId) -> bool {
        self.history.borrow().is_live(at, id)
    }

    /// The owners of an identifier in a region, computed again from its users. Look-ups find the primary account of
    /// that person, whatever the index keys of the ownerships, because a rotation of keys must not hide a user.
    pub(super) fn owner(&self, at: usize, by: By) -> Option<UserId> {
        let index = self.instances.name(by)?;
        let mut item = IdentifierItem::unowned(index);
        let history = self.history.borrow();
        for profile in history.profiles(at) {
            if let Some(ownership) = history.ownerships(profile).remove(&index) {
                item.owners.insert(profile.id, ownership);
            }
        }
        IdentifierItem::winner_of(&[item]).map(|(id, _)| id)
    }

    /// Checks all invariants once messages have stopped.
    pub(super) async fn check(&self) {
        self.note_erasures();
        self.erase_again().await;
        self.make_all_events().await;
        self.deliver_all().await;
        self.world().note_owned(self.history.borrow().owned.iter().copied());
        self.world().check_invariants().await;
        self.check_signing().await;
        self.check_keys().await;
        let users = self.history.borrow().users();
        self.check_people().await;
        for id in users {
            if self.erased.borrow().contains(&id) || !self.is_live(0, id) {
                // An erasure covers the person: all users that were merged with the erased user at the time of the
                // request.
                let asked = self.was_asked_to_erase(id);
                assert!(asked, "5: {id} is not live without a request");
                assert!(!self.is_live(0, id), "5: {id} was erased and is live");
                self.check_erased(id).await;
            } else {
                self.check_user(id).await;
            }
        }
        for number in 0..IDENTIFIERS {
            let found = self.everywhere("lookup", json!({ "email": email(number) })).await;
            let ids: Vec<Value> = found.iter().map(|reply| reply.body["user"]["id"].clone()).collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "4: {} belongs to {ids:?}", email(number));
            let owner = self.owner(0, By::Email(number)).and_then(|owner| self.history.borrow().primary(0, owner));
            let owner = owner.map_or(Value::Null, |id| json!(id));
            assert_eq!(ids[0], owner, "4: {} has another owner than its users imply", email(number));
        }
        self.check_feeds().await;
        // The checks call the regions, which may find that two users are one person.
        self.make_all_events().await;
        self.post_all().await;
        self.check_listed().await;
        self.check_posted();
        let users = self.history.borrow().users();
        for id in users {
            if self.is_live(0, id) {
                self.check_passwords(id).await;
            }
        }
        self.check_writable().await;
    }

    async fn check_erased(&self, id: UserId) {
        for reply in self.everywhere("lookup", json!({ "id": id })).await {
            assert_eq!(reply.status, 404, "5: an erased user is found by id");
        }
        let receipts = self.everywhere("erasure", json!({ "id": id })).await;
        for receipt in &receipts {
            assert_eq!(receipt.status, 200, "5: an erasure has no receipt: {}", receipt.body["code"]);
            let receipt = &receipt.body["receipt"];
            assert_eq!(receipt["complete"], json!(true), "5: a region did not confirm: {receipt}");
            let first = &receipts[0].body["receipt"];
            for field in ["requested_by", "requested_at", "reason"] {
                assert_eq!(receipt[field], first[field], "1: two receipts of one erasure");
            }
        }
    }

    async fn check_user(&self, id: UserId) {
        let found = self.everywhere("lookup", json!({ "id": id })).await;
        for reply in &found {
            assert_eq!((reply.status, &reply.body), (200, &found[0].body), "1: a user differs between regions");
        }
        let primary = self.history.borrow().primary(0, id).expect("the user is live");
        assert_eq!(found[0].id(), primary.to_string(), "merge: {id} is found as another user");
    }

    /// Links the company to the primary account, so no comparison may follow it.
    async fn check_passwords(&self, id: UserId) {
        let active = self.history.borrow().may_log_in(0, id, &company(0));
        let passwords = self.history.borrow().passwords_of_person(0, id).unwrap_or_default();
        let mut accepted = 0;
        for password in passwords.iter().flatten() {
            // No user is still locked out by earlier attempts.
            self.world().clock.advance(ATTEMPTS_FORGOTTEN_MS);
            let answers = self.everywhere("authenticate", json!({ "id": id, "password": password })).await;
            let right: Vec<bool> = answers.iter().map(|reply| reply.body["authenticated"] == json!(true)).collect();
            assert!(right.iter().all(|other| *other == right[0]), "1: {id} can log in only in some regions: {right:?}");
            accepted += usize::from(right[0]);
        }
        let expected = usize::from(active && !passwords.contains(&None));
        assert!(accepted >= expected && accepted <= 1, "3: {accepted} of the possible passwords of {id} are accepted");
    }

    /// Every region can write every user once its clock has passed every wrong clock.
    async fn check_writable(&self) {
        self.world().clock.advance(WRONGEST_CLOCK_MS);
        let users = self.history.borrow().users();
        for (number, id) in users.into_iter().enumerate() {
            if self.is_live(0, id) {
                let at = number % self.world().regions.len();
                let body = json!({ "id": id, "status": "active", "reason": "the end" });
                let reply = self.ask(at, "status", body).await;
                assert_eq!(reply.status, 200, "clock: a region cannot write a user: {}", reply.body["code"]);
            }
        }
    }

    /// Makes a call in every region.
    pub(super) async fn everywhere(&self, operation: &str, body: Value) -> Vec<Reply> {
        let mut replies = Vec::new();
        for at in 0..self.world().regions.len() {
            replies.push(self.ask(at, operation, body.clone()).await);
        }
        replies
    }

    pub(super) async fn ask(&self, at: usize, operation: &str, body: Value) -> Reply {
        let now = self.region(at).clock.now().secs();
        let endpoint = self.instance(at).await.expect("all services work");
        self.company(0).call(&endpoint, operation, now, body).await
    }
}

/// A found user is at least as new as the version that the caller has seen, whatever the faults.
fn check_read_your_writes(answer: &Answered) {
    if let Some(wanted) = answer.min_version.as_ref().filter(|_| answer.reply.status == 200) {
        let found: PersonVersion = answer.reply.version().parse().expect("a version");
        for found in found.users() {
            let older = wanted.users().iter().any(|wanted| found.id == wanted.id && !found.covers(wanted));
            assert!(!older, "3: {found:?} was found by a caller that has seen {wanted:?}");
        }
    }
}
