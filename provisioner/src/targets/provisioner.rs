//! The provisioner of a region: which targets it delivers to, what is due, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_accounts::{Error, People};
use umoja_schema::{Millis, Target, TargetId, UserId};
use umoja_store::ports::{Outbound, StoreError};

use crate::breaker::Pass;
use crate::retry;
use crate::targets::deliver::{Delivered, Deliverer};
use crate::targets::failure::{Code, Failure, Then};
use crate::targets::health::Health;
use crate::targets::known::{KnownTarget, here};
use crate::targets::outage::Outage;
use crate::targets::removals::Removals;
use crate::targets::waiting::{self, Lease};

/// How long the documents of targets are used before they are read again, in milliseconds.
const READ_MS: u64 = 1_000;
/// The most deliveries of one run, and how many of them are made at the same time.
const BATCH: usize = 64;
const CONCURRENT: usize = 8;

/// Brings the accounts that targets have for users up to date.
pub struct Provisioner {
    people: People,
    outbound: Arc<dyn Outbound>,
    removals: Removals,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read_at: Option<Millis>,
    targets: BTreeMap<TargetId, Arc<KnownTarget>>,
    health: BTreeMap<TargetId, Health>,
    /// Whether a target counts as out, as this process has noted it.
    noted: BTreeMap<TargetId, bool>,
    /// When the next run of a target may begin, by its rate.
    not_before: BTreeMap<TargetId, Millis>,
}

/// What one run of a target did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Accounts that are up to date.
    pub delivered: u64,
    /// Deliveries that failed.
    pub failed: u64,
    /// The changes that were made at the target.
    pub changes: u64,
    /// Removals that are held, because there were too many in an hour.
    pub held: u64,
    /// Deliveries at which the target had another account with the same values.
    pub conflicts: u64,
}

impl std::ops::AddAssign for Run {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.changes += other.changes;
        self.held += other.held;
        self.conflicts += other.conflicts;
    }
}

/// What processes that take turns at a target tell each other.
#[derive(Serialize, Deserialize)]
struct Kept {
    revision: u64,
    health: Health,
    not_before: Option<Millis>,
}

impl Provisioner {
    /// The provisioner of a region.
    pub fn new(people: People, outbound: Arc<dyn Outbound>) -> Self {
        Self { people, outbound, removals: Removals::default(), state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The people of the region.
    pub const fn people(&self) -> &People {
        &self.people
    }

    /// The adapter of calls.
    pub fn outbound(&self) -> &dyn Outbound {
        &*self.outbound
    }

    /// The targets to which this region delivers. One whose document cannot be used is logged and left out.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub async fn targets(&self) -> Result<Vec<Arc<KnownTarget>>, StoreError> {
        let now = self.people.home.clock.now();
        let is_fresh = |state: &State| state.read_at.is_some_and(|at| at.is_within(READ_MS, now));
        {
            let state = self.state();
            if is_fresh(&state) {
                return Ok(state.targets.values().cloned().collect());
            }
        }
        let here = here(&self.people.home).await?;
        let mut state = self.state();
        let mut targets = BTreeMap::new();
        for target in here {
            let id = target.id.clone();
            let known = match state.targets.get(&id).filter(|known| known.target == target) {
                Some(known) => Arc::clone(known),
                None => match KnownTarget::open(target, &self.people.secrets) {
                    Ok(known) => {
                        // Another token, URL or mapping deserves another try.
                        state.health.remove(&id);
                        Arc::new(known)
                    }
                    Err(error) => {
                        tracing::error!(target_id = %id, %error, "a target cannot be used");
                        continue;
                    }
                },
            };
            targets.insert(id, known);
        }
        state.targets = targets;
        state.read_at = Some(now);
        Ok(state.targets.values().cloned().collect())
    }

    /// Says that the account of a user has to be brought up to date.
    ///
    /// # Errors
    /// If the table `due` cannot be written.
    pub async fn ring(&self, target: &TargetId, user: UserId, again: bool) -> Result<(), StoreError> {
        let home = &self.people.home;
        waiting::ring(&*home.due, target, user, again, home.clock.now()).await
    }

    /// Why a target counts as out in this process.
    pub fn out(&self, target: &TargetId) -> Option<Code> {
        self.state().health.get(target).and_then(Health::out)
    }

    /// When the next run of a target may begin, by its rate.
    pub(crate) fn not_before(&self, target: &TargetId) -> Option<Millis> {
        self.state().not_before.get(target).copied()
    }

    /// Continues with what another process has kept of a target that this one may have worked for before.
    pub(crate) fn resume(&self, target: &Target, kept: &Value) {
        let kept: Option<Kept> = serde_json::from_value(kept.clone()).ok();
        // Another token, URL or mapping deserves another try.
        let kept = kept.filter(|kept| kept.revision == target.revision);
        let mut state = self.state();
        state.not_before.remove(&target.id);
        if let Some(at) = kept.as_ref().and_then(|kept| kept.not_before) {
            state.not_before.insert(target.id.clone(), at);
        }
        state.health.insert(target.id.clone(), kept.map(|kept| kept.health).unwrap_or_default());
    }

    /// What another process needs to go on with a target.
    pub(crate) fn kept(&self, target: &Target) -> Value {
        let state = self.state();
        let kept = Kept {
            revision: target.revision,
            health: state.health.get(&target.id).cloned().unwrap_or_default(),
            not_before: state.not_before.get(&target.id).copied(),
        };
        serde_json::to_value(kept).unwrap_or_default()
    }

    /// Delivers what is due at a target, as much as its rate and its health allow.
    ///
    /// # Errors
    /// If the table `due` fails.
    pub async fn run(&self, known: &KnownTarget) -> Result<Run, StoreError> {
        self.run_some(known, BATCH).await
    }

    /// As [`Provisioner::run`], for at most this number of accounts.
    pub(crate) async fn run_some(&self, known: &KnownTarget, most: usize) -> Result<Run, StoreError> {
        let target = &known.target;
        let (due, clock) = (&self.people.home.due, &self.people.home.clock);
        let now = clock.now();
        let limit = {
            let state = self.state();
            let is_early = state.not_before.get(&target.id).is_some_and(|at| now < *at && at.since(now) <= READ_MS);
            if !target.enabled || is_early {
                return Ok(Run::default());
            }
            let is_out = state.health.get(&target.id).is_some_and(Health::is_out);
            if is_out { 1 } else { most.min(BATCH).min(usize::try_from(target.rate.get()).unwrap_or(BATCH)) }
        };
        let page = due.due_page(&waiting::name(&target.id), now, None, limit).await?;
        let works: Vec<_> = page.rows.iter().map(|(user, row)| self.work(known, *user, row)).collect();
        let ended: Vec<_> = stream::iter(works).buffer_unordered(CONCURRENT).collect().await;
        let mut run = Run::default();
        for worked in ended.into_iter().flatten() {
            match worked {
                Ok(delivered) => {
                    run.changes += delivered.done.len() as u64;
                    run.delivered += u64::from(delivered.failure.is_none());
                    run.failed += u64::from(delivered.failure.is_some());
                    let code = delivered.failure.map(|failure| failure.code);
                    run.held += u64::from(code == Some(Code::Held));
                    run.conflicts += u64::from(code == Some(Code::Conflict));
                }
                Err(_) => run.failed += 1,
            }
        }
        let calls = run.changes + run.failed;
        let pause = calls.saturating_mul(1000) / u64::from(target.rate.get());
        self.state().not_before.insert(target.id.clone(), now.plus(pause.min(READ_MS)));
        Ok(run)
    }

    /// Delivers one row that is due. `None` if another process delivers it.
    async fn work(
        &self,
        known: &KnownTarget,
        user: UserId,
        row: &umoja_store::ports::DueRow,
    ) -> Option<Result<Delivered, Error>> {
        let (target, due) = (&known.target.id, &*self.people.home.due);
        let pass = self.state().health.entry(target.clone()).or_default().begin(self.people.home.clock.now())?;
        let lease = match Lease::take(due, target, (user, row), self.people.home.clock.now()).await {
            Ok(lease) => lease?,
            Err(error) => {
                tracing::warn!(target_id = %target, %user, %error, "a delivery was not begun");
                return None;
            }
        };
        let result = self.deliver(known, user, lease.again(), pass).await;
        let now = self.people.home.clock.now();
        let next_at = next_at(&result, &self.people, now);
        // After an error it is not known what was sent.
        if let Err(error) = lease.end(due, (next_at, result.is_err()), now).await {
            tracing::warn!(target_id = %target, %user, %error, "a delivery is made again, because its end was not noted");
        }
        Some(result)
    }

    /// Brings the account of a user up to date now. Only for who has the lease.
    async fn deliver(&self, known: &KnownTarget, user: UserId, again: bool, pass: Pass) -> Result<Delivered, Error> {
        let work = Deliverer { people: &self.people, outbound: &*self.outbound, removals: &self.removals, known };
        let result = Box::pin(work.deliver(user, again)).await;
        let (target, now) = (&known.target.id, self.people.home.clock.now());
        let mut news = None;
        match &result {
            Ok(delivered) => {
                let mut state = self.state();
                let health = state.health.entry(target.clone()).or_default();
                if delivered.was_asked && health.end(pass, user, delivered.failure, now) {
                    let (code, why) = health.out().map_or(("", ""), |code| (code.as_str(), code.words()));
                    tracing::error!(target_id = %target, code, why, "a target counts as out, and is asked now and then");
                }
                let out = health.out();
                if delivered.was_asked && state.noted.insert(target.clone(), out.is_some()) != Some(out.is_some()) {
                    news = Some(out);
                }
                drop(state);
                if let Some(failure) = delivered.failure {
                    let code = failure.code.as_str();
                    tracing::warn!(target_id = %target, %user, code, "an account is not up to date");
                }
            }
            Err(error) => tracing::warn!(target_id = %target, %user, %error, "an account was not delivered"),
        }
        if let Some(out) = news {
            let checkpoints = &*self.people.home.checkpoints;
            if let Err(error) = Outage::note(checkpoints, target, out.map(Code::as_str), now).await {
                tracing::warn!(target_id = %target, %error, "whether a target is out was not noted");
            }
        }
        result
    }

    /// Brings the account of a user up to date now, whatever is due. `None` if another process delivers it at this moment;
    /// it does so again at the end.
    ///
    /// # Errors
    /// If the store fails, or the user cannot be opened.
    pub async fn provision(&self, known: &KnownTarget, user: UserId, again: bool) -> Result<Option<Delivered>, Error> {
        let (target, home) = (&known.target.id, &self.people.home);
        self.ring(target, user, again).await?;
        let row = home.due.due_row(&waiting::name(target), user).await?;
        // It is gone: another process has delivered it.
        let Some(row) = row.filter(|row| row.at <= home.clock.now()) else { return Ok(None) };
        self.work(known, user, &row).await.transpose()
    }
}

/// When a delivery is made again; `None` if it is over.
fn next_at(result: &Result<Delivered, Error>, people: &People, now: Millis) -> Option<Millis> {
    let wait = |failures: u64, asked| {
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        Some(retry::next(failures, asked, now, &*people.home.entropy))
    };
    match result {
        Ok(Delivered { failure: Some(Failure { then: Then::Again(asked), .. }), failures, .. }) => {
            wait(*failures, *asked)
        }
        Ok(_) => None,
        Err(_) => wait(1, None),
    }
}
