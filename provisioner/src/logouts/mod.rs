//! Informs clients that sessions have ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! # Guarantees
//!
//! - **Only the region in which a session was ended informs its clients**, from its own table `due` ([`EndedSessions`]).
//! - **Once** for each client and session, while the region and the client answer; **at least once** after a crash or a lost answer, with the
//!   same `jti`.
//! - **Clients that got tokens in another region at the same moment** are informed too, when the session is looked at again a minute later.
//! - **A notice names no person**, but by the client's own name for one and by the session.
//! - **Clients hardly wait for each other**: they are called side by side, and each has a breaker.

mod token;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use umoja_accounts::People;
use umoja_accounts::access::{EndedSessions, LOGOUT, LogoutNotice, Needed, Standing, change_ended};
use umoja_schema::{Client, ClientId, Millis, UserId};
use umoja_store::Home;
use umoja_store::oidc_keys::{OidcKeys, OidcKeysError};
use umoja_store::ports::{Call, DueRow, Method, Outbound, StoreError};

use crate::breaker::Breaker;
use crate::retry::{self, LEASE_MS, NEVER, TRIED_FOR_MS};

/// The most users whose rows are handled in one step.
const USERS: usize = 100;
/// How many of them at the same time.
const CONCURRENT: usize = 16;
/// When a client that is not called now is looked at again, in milliseconds.
const HOLD_MS: u64 = 30_000;

/// Informs clients about the sessions that a region has ended.
pub struct Logouts {
    people: People,
    outbound: Arc<dyn Outbound>,
    issuer: String,
    breakers: Mutex<BTreeMap<String, Breaker>>,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Informed {
    /// Notices that clients accepted.
    pub accepted: usize,
    /// Notices that they did not accept, and that are sent again.
    pub rejected: usize,
    /// Notices that are given up: the client says that they are wrong, or it has not answered for three days.
    pub given_up: usize,
    /// The rows that were handled.
    pub rows: usize,
    /// The rows that could not be handled, and are due again.
    pub failed: usize,
}

impl AddAssign for Informed {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.given_up += other.given_up;
        self.rows += other.rows;
        self.failed += other.failed;
    }
}

impl Informed {
    const fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::GivenUp => self.given_up += 1,
            Outcome::Again(_, true) => self.rejected += 1,
            Outcome::Again(_, false) | Outcome::Needless => {}
        }
    }
}

/// A notice to send.
struct Send {
    session: String,
    client: String,
    notice: LogoutNotice,
    /// When the session ended.
    since: Millis,
}

/// What is due in a row.
#[derive(Default)]
struct Work {
    notices: Vec<Send>,
    /// The sessions to look at again.
    looks: Vec<String>,
}

impl Work {
    /// Takes what is due, which is due again later.
    fn take(row: &mut EndedSessions, now: Millis) -> Self {
        let (mut work, again) = (Self::default(), now.plus(LEASE_MS));
        let is_due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        for (session, ended) in &mut row.0 {
            if is_due(ended.look_at) {
                ended.look_at = Some(again);
                work.looks.push(session.clone());
            }
            for (client, notice) in ended.notices.iter_mut().filter(|(_, notice)| is_due(notice.at)) {
                notice.at = Some(again);
                let (session, client, notice) = (session.clone(), client.clone(), notice.clone());
                work.notices.push(Send { session, client, notice, since: ended.since });
            }
        }
        work
    }
}

/// The notices of sessions that have ended, by client.
type Late = BTreeMap<String, BTreeMap<String, LogoutNotice>>;

/// What follows from a call.
enum Outcome {
    Accepted,
    GivenUp,
    /// Not sent: the client is removed, or wants no notices any more.
    Needless,
    /// Sent again then, and whether it counts as a failure of the notice.
    Again(Millis, bool),
}

impl Outcome {
    fn note(&self, notice: &mut LogoutNotice) {
        match self {
            Self::Accepted | Self::GivenUp | Self::Needless => notice.at = None,
            Self::Again(at, counts) => {
                notice.at = Some(*at);
                notice.failures = notice.failures.saturating_add(u32::from(*counts));
            }
        }
    }
}

impl Logouts {
    /// The notices of a region. `issuer` is that of the tokens.
    pub fn new(people: People, outbound: Arc<dyn Outbound>, issuer: String) -> Self {
        Self { people, outbound, issuer, breakers: Mutex::default() }
    }

    /// The region.
    pub const fn home(&self) -> &Home {
        &self.people.home
    }

    /// Continues with what another process has kept of the clients.
    pub(crate) fn resume(&self, kept: &Value) {
        *self.breakers() = serde_json::from_value(kept.clone()).unwrap_or_default();
    }

    /// What another process needs to go on: of the clients that fail.
    pub(crate) fn kept(&self) -> Value {
        let mut breakers = self.breakers();
        breakers.retain(|_, breaker| *breaker != Breaker::default());
        serde_json::to_value(&*breakers).unwrap_or_default()
    }

    /// Does what is due. The future may be dropped at any await: what was begun is due again within half a minute.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn step(&self) -> Result<Informed, StoreError> {
        let home = self.home();
        let page = home.due.due_page(LOGOUT, home.clock.now(), None, USERS).await?;
        if page.rows.is_empty() {
            return Ok(Informed::default());
        }
        let keys = match OidcKeys::load(&*home.registry, &self.people.secrets, home.clock.now()).await {
            Ok(keys) => keys,
            Err(OidcKeysError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Rejected(error.to_string())),
        };
        let rows: Vec<_> = page.rows.into_iter().map(|(user, stored)| self.row(&keys, user, stored)).collect();
        let (mut all, mut failed, mut rows) =
            (Informed::default(), None, stream::iter(rows).buffer_unordered(CONCURRENT));
        while let Some(done) = rows.next().await {
            match done {
                Ok(informed) => all += informed,
                Err(error) => {
                    all.failed += 1;
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if all.rows == 0 => Err(error),
            Some(error) => {
                tracing::warn!(%error, "a row of ended sessions could not be handled, and is due again");
                Ok(all)
            }
            None => Ok(all),
        }
    }

    async fn row(&self, keys: &OidcKeys, user: UserId, stored: DueRow) -> Result<Informed, StoreError> {
        let (home, now) = (self.home(), self.home().clock.now());
        let mut row = EndedSessions::read(stored.members.as_ref());
        let work = Work::take(&mut row, now);
        // What is due belongs to this process from here on.
        let next = row.stored();
        let next = next.as_ref().map(|(at, members)| (*at, members));
        if !home.due.replace_due(LOGOUT, user, Some(&stored.etag), next).await? {
            return Ok(Informed::default());
        }
        let calls = work.notices.iter().map(async |send: &Send| (send, self.call(keys, send).await));
        let (mut informed, mut failed, mut done) = (Informed { rows: 1, ..Informed::default() }, None, Vec::new());
        for (send, outcome) in join_all(calls).await {
            match outcome {
                Ok(outcome) => {
                    informed.count(&outcome);
                    done.push((send, outcome));
                }
                Err(error) => failed = Some(error),
            }
        }
        // What was sent is noted also if a session cannot be looked at now: it is due again by itself.
        let (mut found, mut looked) = (Late::new(), Vec::new());
        for session in &work.looks {
            match self.late(user, session).await {
                Ok(late) => {
                    found.extend(late);
                    looked.push(session);
                }
                Err(error) => failed = Some(error),
            }
        }
        let now = home.clock.now();
        change_ended(&*home.due, user, |row| {
            for (send, outcome) in &done {
                let ended = row.0.get_mut(&send.session);
                if let Some(notice) = ended.and_then(|ended| ended.notices.get_mut(&send.client)) {
                    outcome.note(notice);
                }
            }
            if looked.iter().any(|session| EndedSessions::is_of_all(session)) {
                row.looked_at_all(now);
            }
            for (session, notices) in &found {
                row.add(session, now, now, notices);
            }
            for session in looked.iter().filter(|session| !EndedSessions::is_of_all(session)) {
                if let Some(ended) = row.0.get_mut(*session) {
                    ended.look_at = None;
                }
            }
            row.prune();
        })
        .await?;
        failed.map_or(Ok(informed), Err)
    }

    /// The notices of clients whose tokens were not known when the session ended, or when everything did. None if it did not end, or the
    /// person is erased.
    async fn late(&self, user: UserId, session: &str) -> Result<Late, StoreError> {
        let is_all = EndedSessions::is_of_all(session);
        let needed = Needed { session: Some(session), ..Needed::default() };
        let read = async {
            if is_all {
                Standing::read(&self.people, user).await
            } else {
                Standing::read_needed(&self.people, user, &needed).await
            }
        };
        let standing = match read.await {
            Ok(Some(standing)) => standing,
            Ok(None) => return Ok(Late::new()),
            Err(umoja_accounts::Error::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "an ended session cannot be looked at again");
                return Ok(Late::new());
            }
        };
        let sessions = if is_all {
            standing.ended_with_all()
        } else if standing.has_ended(session) {
            vec![(user, session.to_owned())]
        } else {
            Vec::new()
        };
        let mut late = Late::new();
        for (_, session) in sessions.into_iter().filter(|(owner, _)| *owner == user) {
            let notices = self.people.notices(&standing, &session).await?;
            late.insert(session, notices);
        }
        Ok(late)
    }

    /// Sends a notice, if its client may be called.
    async fn call(&self, keys: &OidcKeys, send: &Send) -> Result<Outcome, StoreError> {
        let Send { session, client: id, notice, since } = send;
        let home = self.home();
        let Some(client) = self.client(id).await? else { return Ok(Outcome::Needless) };
        let Some(url) = &client.backchannel_logout_uri else { return Ok(Outcome::Needless) };
        let Some(said) = notice.open(&self.people.secrets, session, id) else {
            tracing::error!(client = %id, "a notice of a logout that no region announced is dropped");
            return Ok(Outcome::GivenUp);
        };
        let Some(pass) = self.breakers().entry(id.clone()).or_default().begin(home.clock.now()) else {
            return Ok(Outcome::Again(home.clock.now().plus(HOLD_MS), false));
        };
        let token = token::signed((keys, &self.people.secrets), &client, &self.issuer, &said, home.clock.now());
        let body = format!("logout_token={token}");
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("user-agent", "umoja-logout/1")];
        let answered =
            self.outbound.call(&Call { method: Method::Post, url, headers: &headers, body: body.as_bytes() }).await;
        let now = home.clock.now();
        let (status, wait) = match &answered {
            Ok(answered) => (answered.status, answered.retry_after_secs()),
            Err(_) => (0, None),
        };
        // 400 is an answer (section 2.8): the client does not take this token, and would not take it again.
        let is_answer = matches!(status, 200..=299 | 400);
        let mut breakers = self.breakers();
        let breaker = breakers.entry(id.clone()).or_default();
        if breaker.end(pass, is_answer, now) {
            tracing::warn!(client = %id, "a client takes no notices of logouts and counts as out");
        }
        if let (429 | 503, Some(secs)) = (status, wait) {
            breaker.hold(secs, now);
        }
        drop(breakers);
        Ok(match status {
            200..=299 => Outcome::Accepted,
            400 => {
                tracing::warn!(client = %id, "a client rejects a notice of a logout");
                Outcome::GivenUp
            }
            _ if now.since(*since) >= TRIED_FOR_MS => {
                tracing::error!(client = %id, "a notice of a logout is given up after three days");
                Outcome::GivenUp
            }
            _ => {
                let failures = notice.failures.saturating_add(1);
                Outcome::Again(retry::next(failures, wait, now, &*home.entropy), !pass.is_probe())
            }
        })
    }

    /// A client that is not removed. One that is disabled is informed all the same: its sessions are still open.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        let Ok(client_id) = id.parse::<ClientId>() else { return Ok(None) };
        let Some(document) = self.home().registry.setting(&Client::setting(&client_id)).await? else { return Ok(None) };
        Ok(Client::read(id, document).ok().filter(|client| !client.removed))
    }

    fn breakers(&self) -> MutexGuard<'_, BTreeMap<String, Breaker>> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes who informs clients, if something is due. True if it is.
///
/// # Errors
/// If the store fails.
pub async fn wake_due(home: &Home) -> Result<bool, StoreError> {
    let is_due = !home.due.due_page(LOGOUT, home.clock.now(), None, 1).await?.rows.is_empty();
    if is_due {
        home.wake(LOGOUT).await;
    }
    Ok(is_due)
}

/// For how long the oldest notice of a region has been waiting that its client has not accepted, in milliseconds since the session was to
/// end; 0 if none waits.
///
/// # Errors
/// If the store fails.
pub async fn oldest_ms(home: &Home) -> Result<u64, StoreError> {
    let (mut after, mut oldest) = (None, None);
    loop {
        let page = home.due.due_page(LOGOUT, NEVER, after, USERS).await?;
        for (_, stored) in &page.rows {
            let row = EndedSessions::read(stored.members.as_ref());
            oldest = oldest.into_iter().chain(row.waits_since()).min();
        }
        after = page.next;
        if after.is_none() {
            return Ok(oldest.map_or(0, |since| home.clock.now().since(since)));
        }
    }
}
