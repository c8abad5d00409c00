//! What a region remembers of requests: an attacker changes it, and a company repeats a request with another password.

use serde_json::json;
use umoja_schema::{Part, PersonVersion, UserId};
use umoja_store::ports::{Begun, Clock as _, Outcome};

use super::answered::{Answered, Done};
use super::fleet::{Fleet, Repeatable};
use crate::caller::Reply;

/// Outcomes are remembered for a day. Clocks of a run differ by minutes.
const SURELY_REMEMBERED_MS: u64 = 12 * 60 * 60 * 1000;

impl Fleet {
    /// Changes the outcome of a user's last request with an idempotency key: it names another user. Skipped if the
    /// region remembers none.
    pub(super) async fn forge_outcome(&self, at: usize, user: usize) {
        let Some(Repeatable { company, idk, .. }) = self.people.borrow()[user].repeatable.clone() else { return };
        let (region, now) = (self.region(at), self.region(at).clock.now());
        let key = region.secrets().request_hash(&["idk", &self.company(company).id, &idk]);
        let raw = &region.tables.raw_requests;
        let stored = match raw.begin(&key, Outcome::default(), now, now.plus(1)).await.expect("a store works") {
            Begun::First(blank) => return raw.withdraw(&key, &blank, now).await.expect("a store works"),
            Begun::Earlier(stored) => stored,
        };
        let other = self.history.borrow().users().into_iter().find(|other| stored.id != Some(*other));
        let Some(other) = other else { return };
        let status = stored.status.or(Some(200));
        let forged = Outcome { status, id: Some(other), ..stored };
        raw.finish(&key, &forged, now.plus(2 * SURELY_REMEMBERED_MS)).await.expect("a store works");
        self.forged.borrow_mut().insert((at, idk), now);
    }

    /// True if an attacker has changed what the region remembers under the idempotency key of an answer.
    pub(super) fn is_forged(&self, answer: &Answered) -> bool {
        let Some(idk) = &answer.idk else { return false };
        let forged = self.forged.borrow().get(&(answer.at, idk.clone())).copied();
        forged.is_some_and(|since| self.region(answer.at).clock.now().since(since) < SURELY_REMEMBERED_MS)
    }

    /// No request is answered from an outcome that an attacker wrote.
    pub(super) fn check_forged(&self, answer: &Answered) {
        if self.is_forged(answer) {
            let Reply { status, body, .. } = &answer.reply;
            assert!(*status >= 400, "13: a request was answered {status} from a forged outcome: {body}");
            self.coverage.borrow_mut().note("repeat", "tampered");
        }
    }

    /// Records that a request with an idempotency key set a password.
    pub(super) fn note_done(&self, at: usize, user: usize, (id, idk): (UserId, Option<&String>), reply: &Reply) {
        let now = self.region(at).clock.now();
        let mut people = self.people.borrow_mut();
        let repeatable = people[user].repeatable.as_mut().filter(|repeatable| Some(&repeatable.idk) == idk);
        let Some(repeatable) = repeatable else { return };
        let (version, id) = match (repeatable.operation, reply.status) {
            ("register", 201) => {
                let created = reply.id().parse().expect("ids are valid");
                (&reply.body["user"]["version"], created)
            }
            ("password/change", 200) if reply.body["changed"] == json!(true) => (&reply.body["version"], id),
            _ => return,
        };
        let has_password = ["password", "new_password"].iter().any(|name| repeatable.body[name].is_string());
        let version: Option<PersonVersion> = version.as_str().and_then(|version| version.parse().ok());
        let own = version.iter().flat_map(PersonVersion::users).find(|version| version.id == id);
        if let Some(credentials) = own.map(|own| own.credentials.clone()).filter(|_| has_password) {
            repeatable.done.get_or_insert(Done { at, id, credentials, when: now });
        }
    }

    /// The user's last request if this region has answered that it set a password.
    pub(super) fn done(&self, at: usize, user: usize) -> Option<(Repeatable, Done)> {
        let repeatable = self.people.borrow()[user].repeatable.clone()?;
        let done = repeatable.done.clone()?;
        let is_remembered = self.region(at).clock.now().since(done.when) < SURELY_REMEMBERED_MS;
        (done.at == at && is_remembered).then_some((repeatable, done))
    }

    /// A repeat with another password is not answered that this password was set.
    pub(super) fn check_other_password(answer: &Answered) {
        let Reply { status, body, .. } = &answer.reply;
        let is_set = *status == 201 || *status == 200 && body["changed"] != json!(false);
        assert!(!is_set, "attempts: a repeated request was answered that another password was set: {body}");
    }

    /// True if a rejected repeat with another password compared it with the stored one: the stored one is still that of
    /// the first request.
    pub(super) fn was_compared(&self, answer: &Answered) -> bool {
        let Answered { at, user, id, reply, .. } = answer;
        let is_own = self.history.borrow().person(*at, *id) == [*id];
        let done = self.done(*at, *user).filter(|(_, done)| done.id == *id);
        let stored = self.history.borrow().stored(*at, *id, Part::Credentials).map(|part| part.version.clone());
        reply.body["code"] == "idempotency_key_reused"
            && is_own
            && done.is_some_and(|(_, done)| Some(done.credentials) == stored)
    }
}
