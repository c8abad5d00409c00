//! The remote systems of a run: strict SCIM servers as targets, and endpoints of webhooks. Calls of them meet mishaps, and
//! what a call must never do ends the run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use umoja_schema::Millis;
use umoja_store::ports::{Answered, Call, Clock as _, Method, Outbound, OutboundError};

use super::plan::{Mishap, REMOTES, TARGETS};
use super::rules::Rule;
use crate::scim_target::{self, ScimTarget};
use crate::world::WorldClock;

/// The names of the remote systems: targets, and then webhooks.
pub(super) const NAMES: [&str; REMOTES as usize] = ["crm", "erp", "shop-hook", "food-hook"];

/// How long a slow call takes, in milliseconds.
const SLOW_MS: u64 = 20_000;
/// A call of another system takes longer than calls of the store: this many awaits.
const AWAITS: usize = 12;
/// For how long a lease holds at least, in milliseconds.
const LEASED_MS: u64 = 50_000;
/// For how long a busy system asks to be left alone, in seconds.
const BUSY_SECS: &str = "45";

/// The remote systems.
pub(super) struct Remotes {
    clock: Arc<WorldClock>,
    scim: [ScimTarget; TARGETS as usize],
    without: Option<Rule>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    coming: [VecDeque<Mishap>; REMOTES as usize],
    is_down: [bool; REMOTES as usize],
    /// When the step of the run began.
    step_at: Millis,
    /// The changes that regions make now, by region, target and user.
    under_way: BTreeSet<(usize, usize, String)>,
    /// The user names that were sent for each user.
    sent: BTreeMap<(usize, String), String>,
    /// The users that each target was sent something of since its last move.
    informed: BTreeSet<(usize, String)>,
    /// The accounts that were taken away: of which target and user, and when.
    removed: Vec<(usize, String, Millis)>,
    /// The events that webhooks have accepted, in their order.
    accepted: Vec<(usize, Value)>,
}

impl Remotes {
    pub(super) fn new(clock: &Arc<WorldClock>, without: Option<Rule>) -> Self {
        Self { clock: Arc::clone(clock), scim: Default::default(), without, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server of a target.
    pub(super) fn scim(&self, target: usize) -> &ScimTarget {
        &self.scim[target]
    }

    /// A step of the run begins.
    pub(super) fn begin_step(&self) {
        let now = self.clock.now();
        self.state().step_at = now;
    }

    pub(super) fn then(&self, remote: usize, mishap: Mishap, calls: u8) {
        self.state().coming[remote].extend(std::iter::repeat_n(mishap, calls.into()));
    }

    pub(super) fn set_down(&self, remote: usize, down: bool) {
        self.state().is_down[remote] = down;
    }

    /// Every system answers again.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.is_down = Default::default();
        state.coming = Default::default();
    }

    /// A target is moved: what it is sent from now on counts.
    pub(super) fn forget_informed(&self, target: usize) {
        self.state().informed.retain(|(of, _)| *of != target);
    }

    pub(super) fn was_informed(&self, target: usize, user: &str) -> bool {
        self.state().informed.contains(&(target, user.to_owned()))
    }

    /// The accounts that were taken away.
    pub(super) fn removed(&self) -> Vec<(usize, String, Millis)> {
        self.state().removed.clone()
    }

    /// The events that a webhook has accepted.
    pub(super) fn accepted(&self, remote: usize) -> Vec<Value> {
        self.state().accepted.iter().filter(|(of, _)| *of == remote).map(|(_, event)| event.clone()).collect()
    }

    /// The mishap that a call meets.
    fn met(&self, remote: usize) -> Option<Mishap> {
        let mut state = self.state();
        if state.is_down[remote] { Some(Mishap::RequestLost) } else { state.coming[remote].pop_front() }
    }

    fn is_active(&self, target: usize, user: &str) -> bool {
        let of_user = |account: &Value| account["externalId"] == user && account["active"] == json!(true);
        self.scim[target].users().iter().any(of_user)
    }

    /// The user whom a call of a target is about.
    fn user_of(&self, target: usize, call: &Call<'_>) -> Option<String> {
        let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
        if let Some(user) = body["externalId"].as_str() {
            return Some(user.to_owned());
        }
        let id = call.url.rsplit_once("/Users/").map(|(_, id)| id)?;
        let account = self.scim[target].users().into_iter().find(|account| account["id"] == id)?;
        account["externalId"].as_str().map(str::to_owned)
    }

    /// A call of a target that is answered.
    async fn inform(&self, region: usize, target: usize, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let path = call.url.split_once("/v2").map_or("", |(_, path)| path);
        let url = format!("{}{path}", scim_target::URL);
        let inner = Call { url: &url, ..*call };
        let Some(user) = self.user_of(target, call).filter(|_| call.method != Method::Get) else {
            let answered = self.scim[target].call(&inner).await;
            return if self.without == Some(Rule::Adoption) { self.adopted(target, path, answered) } else { answered };
        };
        let key = (region, target, user.clone());
        {
            let (mut state, now) = (self.state(), self.clock.now());
            let is_leased = now.since(state.step_at) < LEASED_MS;
            let is_first = state.under_way.insert(key.clone());
            assert!(is_first || !is_leased, "target: two processes of a region change the account of {user} at once");
            let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
            if let Some(name) = body["userName"].as_str() {
                state.sent.insert((target, user.clone()), name.to_owned());
            }
        }
        let _under_way = UnderWay { remotes: self, key };
        let was_active = self.is_active(target, &user);
        let answered = self.scim[target].call(&inner).await;
        for _ in 0..AWAITS {
            tokio::task::yield_now().await;
        }
        if was_active && !self.is_active(target, &user) {
            let now = self.clock.now();
            self.state().removed.push((target, user.clone(), now));
        }
        if answered.as_ref().is_ok_and(Answered::is_success) {
            self.state().informed.insert((target, user));
        }
        answered
    }

    /// The answer to a search, as software takes it that knows an account by its user name.
    fn adopted(
        &self,
        target: usize,
        path: &str,
        answered: Result<Answered, OutboundError>,
    ) -> Result<Answered, OutboundError> {
        let answered = answered?;
        let wanted = path.split_once("eq%20%22").and_then(|(_, user)| user.strip_suffix("%22"));
        let (Some(user), Ok(found)) = (wanted, serde_json::from_slice::<Value>(&answered.body)) else {
            return Ok(answered);
        };
        let name = self.state().sent.get(&(target, user.to_owned())).cloned();
        let (Some(name), true) = (name, found["totalResults"] == json!(0)) else { return Ok(answered) };
        let Some(mut account) = self.scim[target].users().into_iter().find(|account| account["userName"] == *name)
        else {
            return Ok(answered);
        };
        account["externalId"] = json!(user);
        let body = json!({ "totalResults": 1, "Resources": [account] });
        Ok(Answered { body: body.to_string().into_bytes(), ..answered })
    }

    fn accept(&self, remote: usize, call: &Call<'_>) -> Answered {
        let event = serde_json::from_slice(call.body).expect("an event");
        self.state().accepted.push((remote, event));
        status(200)
    }
}

fn status(status: u16) -> Answered {
    Answered { status, headers: Vec::new(), body: Vec::new() }
}

/// A change that is made now.
struct UnderWay<'a> {
    remotes: &'a Remotes,
    key: (usize, usize, String),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.remotes.state().under_way.remove(&self.key);
    }
}

/// The remote systems as a region calls them.
pub(super) struct Line {
    pub(super) region: usize,
    pub(super) remotes: Arc<Remotes>,
}

#[async_trait]
impl Outbound for Line {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let remotes = &*self.remotes;
        let is_of = |name: &&str| call.url.starts_with(&format!("https://{name}.example/"));
        let remote = NAMES.iter().position(is_of).expect("a remote system of the run");
        let lost = Err(OutboundError::Unavailable("no answer"));
        tokio::task::yield_now().await;
        let mishap = remotes.met(remote);
        match mishap {
            Some(Mishap::RequestLost) => return lost,
            Some(Mishap::Failing) => return Ok(status(503)),
            Some(Mishap::Unauthorized) => return Ok(status(401)),
            Some(Mishap::Busy) => {
                let headers = vec![("retry-after".to_owned(), BUSY_SECS.to_owned())];
                return Ok(Answered { headers, ..status(429) });
            }
            Some(Mishap::Slow) => remotes.clock.advance(SLOW_MS),
            Some(Mishap::AnswerLost) | None => {}
        }
        let answered = if remote < usize::from(TARGETS) {
            remotes.inform(self.region, remote, call).await
        } else {
            Ok(remotes.accept(remote, call))
        };
        tokio::task::yield_now().await;
        if mishap == Some(Mishap::AnswerLost) { lost } else { answered }
    }
}
