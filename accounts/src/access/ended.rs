//! The notices that clients still have to get about sessions that have ended.
//!
//! A row of the table `due` is written before a session ends. It is due only after a while, in case the process is killed meanwhile, and at
//! once when the session has ended. The region that ends a session is the only one with a row, and so the only one that sends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use umoja_schema::access::Sector;
use umoja_schema::{Client, ClientId, Millis, UserId};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::ports::{Due, Entropy, StoreError};
use umoja_store::secrets::{SealedFor, Secrets};

use super::Standing;
use super::write::random_id;
use crate::{Error, People};

/// The name in the table `due` of the ends of sessions, for all clients.
pub const LOGOUT: &str = "logout";

/// After which time a notice is sent whose session was about to end when its process was killed, in milliseconds.
const HELD_MS: u64 = 30_000;
/// What stands for all sessions of a user in its row: those that have ended because everything has. No session has this id.
const ALL: &str = "*";
/// How long after the end of a session it is looked for clients that got tokens at the same time in another region, in milliseconds. For as
/// long it is remembered who was informed, so that two who end one session at the same time inform each client once.
const LATE_MS: u64 = 60_000;

/// The ended sessions of a user, of which something is left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndedSessions(pub BTreeMap<String, EndedSession>);

/// An ended session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// Since when its end waits.
    pub since: Millis,
    /// When to look for clients whose tokens were not known yet; `None` once that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Millis>,
    /// What its clients get, by client.
    #[serde(default)]
    pub notices: BTreeMap<String, LogoutNotice>,
}

/// A notice for a client about the end of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutNotice {
    /// What it says, sealed: who writes the table can have no client informed of what no region announced.
    pub sealed: String,
    /// When it is to be sent; `None` once nothing is to be sent any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
    /// How often it has failed.
    #[serde(default)]
    pub failures: u32,
}

/// What a client learns of the end of a session. It names no person but by the client's own name for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoutContent {
    /// The client.
    pub client: String,
    /// The session.
    pub session: String,
    /// The id of the notice: the same whenever it is sent.
    pub jti: String,
    /// What the client calls the person, if the region knows it.
    pub sub: Option<String>,
}

impl LogoutContent {
    fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> LogoutNotice {
        // A struct of texts has a JSON form.
        let content = serde_json::to_vec(self).unwrap_or_default();
        LogoutNotice { sealed: secrets.seal_oidc(SealedFor::Logout, entropy, &content), at: None, failures: 0 }
    }
}

impl LogoutNotice {
    /// What it says. `None` if no region announced this to this client about this session.
    pub fn open(&self, secrets: &Secrets, session: &str, client: &str) -> Option<LogoutContent> {
        let said: LogoutContent = serde_json::from_slice(&secrets.open_oidc(SealedFor::Logout, &self.sealed)?).ok()?;
        (said.session == session && said.client == client).then_some(said)
    }
}

impl EndedSessions {
    /// Reads a row. One that cannot be read is empty, which is said in the log.
    pub fn read(members: Option<&Map<String, Value>>) -> Self {
        let read = members.and_then(|members| serde_json::from_value(Value::Object(members.clone())).ok());
        read.unwrap_or_else(|| {
            tracing::error!("a row about sessions that have ended cannot be read");
            Self::default()
        })
    }

    /// The row with its time. `None` if nothing is left to do.
    pub fn stored(&self) -> Option<(Millis, Map<String, Value>)> {
        let at = self.0.values().filter_map(EndedSession::due).min()?;
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => Some((at, members)),
            _ => None,
        }
    }

    /// Adds notices that are not there yet, to be sent at a time.
    pub fn add(&mut self, session: &str, now: Millis, at: Millis, notices: &BTreeMap<String, LogoutNotice>) {
        let ended = self.0.entry(session.to_owned()).or_insert_with(|| EndedSession {
            since: now,
            look_at: Some(now.plus(LATE_MS)),
            notices: BTreeMap::new(),
        });
        for (client, notice) in notices {
            let new = || LogoutNotice { at: Some(at), ..notice.clone() };
            ended.notices.entry(client.clone()).or_insert_with(new);
        }
    }

    /// Has all sessions of the user looked at, at a time and a while later.
    fn expect_all(&mut self, now: Millis, at: Millis) {
        let new = EndedSession { since: now, look_at: None, notices: BTreeMap::new() };
        let all = self.0.entry(ALL.to_owned()).or_insert(new);
        (all.since, all.look_at) = (now, Some(at));
    }

    /// True of what stands for all sessions of the user.
    pub fn is_of_all(session: &str) -> bool {
        session == ALL
    }

    /// Notes that all sessions were looked at. They are once more, a while after the end, for those that began in another region before it.
    pub fn looked_at_all(&mut self, now: Millis) {
        if let Some(all) = self.0.get_mut(ALL) {
            let late = all.since.plus(LATE_MS);
            all.look_at = (now < late).then_some(late);
        }
    }

    /// Lets what was held be sent now.
    fn release(&mut self, session: &str, now: Millis) {
        for notice in self.0.get_mut(session).into_iter().flat_map(|ended| ended.notices.values_mut()) {
            if notice.failures == 0 {
                notice.at = notice.at.map(|at| at.min(now));
            }
        }
    }

    /// Since when the oldest notice waits that is still to be sent.
    pub fn waits_since(&self) -> Option<Millis> {
        let waits = |ended: &&EndedSession| ended.notices.values().any(|notice| notice.at.is_some());
        self.0.values().filter(waits).map(|ended| ended.since).min()
    }

    /// Removes the sessions of which nothing is left to do.
    pub fn prune(&mut self) {
        self.0.retain(|_, ended| ended.due().is_some());
    }
}

impl EndedSession {
    /// When something is to be done next.
    fn due(&self) -> Option<Millis> {
        self.notices.values().filter_map(|notice| notice.at).chain(self.look_at).min()
    }
}

/// Changes the row of a user, which is made if there is none. Returns what is stored now.
///
/// # Errors
/// If the store fails.
pub async fn change_ended(
    due: &dyn Due,
    user: UserId,
    mut change: impl FnMut(&mut EndedSessions) + Send,
) -> Result<EndedSessions, StoreError> {
    for _ in 0..MAX_ROUNDS {
        let stored = due.due_row(LOGOUT, user).await?;
        let before = stored.as_ref().map(|stored| EndedSessions::read(stored.members.as_ref()));
        let mut row = before.clone().unwrap_or_default();
        change(&mut row);
        let is_same = before.as_ref().map_or(row.0.is_empty(), |before| *before == row);
        let next = row.stored();
        let next = next.as_ref().map(|(at, members)| (*at, members));
        if is_same || due.replace_due(LOGOUT, user, stored.as_ref().map(|stored| &stored.etag), next).await? {
            return Ok(row);
        }
    }
    Err(StoreError::Throttled("a row of ended sessions that is written very often".to_owned()))
}

impl People {
    /// Notes that everything of a user is about to end.
    pub(super) async fn expect_ends(&self, user: UserId) -> Result<(), Error> {
        let now = self.home.clock.now();
        change_ended(&*self.home.due, user, |row| row.expect_all(now, now.plus(HELD_MS))).await?;
        Ok(())
    }

    /// The notices for the clients that got tokens in a session and have a URL for it.
    ///
    /// # Errors
    /// If the clients cannot be read.
    pub async fn notices(
        &self,
        standing: &Standing,
        session: &str,
    ) -> Result<BTreeMap<String, LogoutNotice>, StoreError> {
        let mut notices = BTreeMap::new();
        for id in standing.clients_of(session) {
            let Ok(client_id) = id.parse::<ClientId>() else { continue };
            let Some(document) = self.home.registry.setting(&Client::setting(&client_id)).await? else { continue };
            let Ok(client) = Client::read(&id, document) else { continue };
            if client.backchannel_logout_uri.is_some() && !client.removed {
                let sub = standing.subject(&Sector::from(&client)).map(str::to_owned);
                let said =
                    LogoutContent { client: id.clone(), session: session.to_owned(), jti: random_id(&self.home), sub };
                notices.insert(id, said.seal(&self.secrets, &*self.home.entropy));
            }
        }
        Ok(notices)
    }

    /// Notes the notices about a session of a user that is about to end.
    pub(super) async fn announce(&self, user: UserId, standing: &Standing, session: &str) -> Result<(), Error> {
        let notices = self.notices(standing, session).await?;
        if notices.is_empty() && self.home.peers.is_empty() {
            return Ok(());
        }
        let now = self.home.clock.now();
        change_ended(&*self.home.due, user, |row| row.add(session, now, now.plus(HELD_MS), &notices)).await?;
        Ok(())
    }

    /// Notes the notices about the sessions of a person that is about to be erased, because its rows go with it. Returns the sessions. A
    /// person that cannot be read is erased all the same, and no client is informed.
    pub(crate) async fn announce_all(&self, user: UserId) -> Result<Vec<(UserId, String)>, Error> {
        let standing = match Standing::read(self, user).await {
            Ok(Some(standing)) => standing,
            Ok(None) => return Ok(Vec::new()),
            Err(error) => {
                tracing::warn!(%user, %error, "no client is informed of the sessions of a person that is erased");
                return Ok(Vec::new());
            }
        };
        let mut sessions = Vec::new();
        for session in standing.session_rows() {
            self.announce(session.user, &standing, &session.id).await?;
            sessions.push((session.user, session.id.clone()));
        }
        Ok(sessions)
    }

    /// Has what was announced sent, now that the session has ended.
    pub(crate) async fn ended(&self, user: UserId, session: &str) -> Result<(), Error> {
        let now = self.home.clock.now();
        let row = change_ended(&*self.home.due, user, |row| row.release(session, now)).await?;
        if row.0.get(session).is_some_and(|ended| !ended.notices.is_empty()) {
            self.home.wake(LOGOUT).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices() -> BTreeMap<String, LogoutNotice> {
        let notice = LogoutNotice { sealed: "x".to_owned(), at: None, failures: 0 };
        BTreeMap::from([("shop".to_owned(), notice)])
    }

    #[test]
    fn a_notice_is_held_until_its_session_has_ended_or_its_process_must_be_dead() {
        let mut row = EndedSessions::default();
        row.add("s", Millis(1_000), Millis(1_000).plus(HELD_MS), &notices());
        assert_eq!(row.stored().unwrap().0, Millis(31_000));
        row.release("s", Millis(1_005));
        assert_eq!(row.stored().unwrap().0, Millis(1_005));
        assert_eq!(EndedSessions::read(Some(&row.stored().unwrap().1)), row);
    }

    #[test]
    fn who_ends_a_session_again_informs_no_client_twice() {
        let mut row = EndedSessions::default();
        row.add("s", Millis(1_000), Millis(1_000), &notices());
        row.0.get_mut("s").unwrap().notices.get_mut("shop").unwrap().at = None;
        row.add("s", Millis(1_010), Millis(1_010), &notices());
        row.release("s", Millis(1_010));
        assert_eq!(row.stored().unwrap().0, Millis(61_000));
        row.0.get_mut("s").unwrap().look_at = None;
        row.prune();
        assert_eq!(row, EndedSessions::default());
        assert_eq!(row.stored(), None);
    }

    #[test]
    fn a_notice_that_fails_is_not_hurried() {
        let mut row = EndedSessions::default();
        row.add("s", Millis(0), Millis(50_000), &notices());
        row.0.get_mut("s").unwrap().notices.get_mut("shop").unwrap().failures = 1;
        row.release("s", Millis(10));
        assert_eq!(row.stored().unwrap().0, Millis(50_000));
    }
}
