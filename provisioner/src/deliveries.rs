//! Deliveries where several processes make them, each woken for a system that is named by its setting: the functions of
//! AWS Lambda.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use umoja_accounts::access::LOGOUT;
use umoja_schema::{Millis, Target, TargetId, Webhook, WebhookId};
use umoja_store::Home;
use umoja_store::ports::StoreError;

use crate::logouts::{Informed, Logouts};
use crate::retry::NEVER;
use crate::targets::{KnownTarget, Provisioner, Run};
use crate::turns::{After, Turn};
use crate::webhooks::{Step, Webhooks};

/// The time that is kept for the calls of a run that has begun, in milliseconds.
const MARGIN_MS: u64 = 30_000;
/// The accounts of a run at a target that is slow, or that is not known to be fast.
const FEW: usize = 8;
/// The accounts of a run at a fast target.
const MANY: usize = 64;
/// How long a run at a fast target takes at most, in milliseconds.
const FAST_MS: u64 = 2_000;
/// How soon something has to be due to be waited for by a message, in milliseconds. Later, the schedule finds it.
const SOON_MS: u64 = 60_000;

/// Delivers to webhooks and targets, and takes turns with other processes.
pub struct Deliveries {
    provisioner: Provisioner,
    webhooks: Webhooks,
    logouts: Option<Logouts>,
}

/// What was done at one system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// At a target.
    pub run: Run,
    /// At a webhook.
    pub step: Step,
    /// At the clients of sessions that have ended.
    pub informed: Informed,
}

/// How the work at a system ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nothing is due.
    Idle,
    /// The time is over, and there is more.
    More,
}

impl Deliveries {
    /// The deliveries of a region.
    pub const fn new(provisioner: Provisioner, webhooks: Webhooks) -> Self {
        Self { provisioner, webhooks, logouts: None }
    }

    /// The same, and the notices of ended sessions. Without them these wait.
    #[must_use]
    pub fn with_logouts(self, logouts: Logouts) -> Self {
        Self { logouts: Some(logouts), ..self }
    }

    /// The region.
    pub const fn home(&self) -> &Home {
        &self.provisioner.people().home
    }

    /// Does what is due at a system, until nothing is or the time is near. If another process works for the system, that
    /// one looks again. A system that is none is left alone.
    ///
    /// The future may be dropped at any await: the turn ends at `until`, and what was begun is due again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn serve(&self, system: &str, until: Millis) -> Result<Done, StoreError> {
        let mut done = Done::default();
        let Some(mut turn) = Turn::take(self.home(), system, until).await? else { return Ok(done) };
        loop {
            let (ended, kept) = self.work(system, turn.kept(), until, &mut done).await?;
            match turn.end(self.home(), kept, ended == Ended::Idle).await? {
                After::Goes(same) => turn = same,
                After::Ended if ended == Ended::More => {
                    self.home().wake(system).await;
                    return Ok(done);
                }
                After::Ended => {
                    self.wait(system).await?;
                    return Ok(done);
                }
            }
        }
    }

    /// Has the system looked at again when the next failed delivery is due, if that is soon.
    async fn wait(&self, system: &str) -> Result<(), StoreError> {
        let home = self.home();
        let (page, now) = (home.due.due_page(system, NEVER, None, 1).await?, home.clock.now());
        // What is due already waits for a system that is out or paused.
        let next = page.rows.first().map(|(_, row)| row.at).filter(|at| now < *at && at.since(now) <= SOON_MS);
        if let Some(at) = next {
            home.wake_in(system, u32::try_from(at.since(now).div_ceil(1_000)).unwrap_or(0)).await;
        }
        Ok(())
    }

    async fn work(
        &self,
        system: &str,
        kept: &Value,
        until: Millis,
        done: &mut Done,
    ) -> Result<(Ended, Value), StoreError> {
        if let Some(id) = system.strip_prefix(Target::SETTINGS).and_then(|id| id.parse::<TargetId>().ok()) {
            let targets = self.provisioner.targets().await?;
            let Some(known) = targets.into_iter().find(|known| known.target.id == id) else {
                return Ok((Ended::Idle, Value::Null));
            };
            self.provisioner.resume(&known.target, kept);
            let ended = self.at_target(&known, until, &mut done.run).await?;
            return Ok((ended, self.provisioner.kept(&known.target)));
        }
        if let Some(id) = system.strip_prefix(Webhook::SETTINGS).and_then(|id| id.parse::<WebhookId>().ok()) {
            self.webhooks.resume(&id, kept);
            let ended = self.at_webhook(&id, until, &mut done.step).await?;
            return Ok((ended, self.webhooks.kept(&id).await));
        }
        if system == LOGOUT {
            let Some(logouts) = &self.logouts else { return Ok((Ended::Idle, kept.clone())) };
            logouts.resume(kept);
            let ended = self.at_clients(logouts, until, &mut done.informed).await?;
            return Ok((ended, logouts.kept()));
        }
        tracing::error!("a message names no webhook and no target");
        Ok((Ended::Idle, Value::Null))
    }

    fn is_over(&self, until: Millis) -> bool {
        until.since(self.home().clock.now()) < MARGIN_MS
    }

    async fn at_target(&self, known: &Arc<KnownTarget>, until: Millis, all: &mut Run) -> Result<Ended, StoreError> {
        let (clock, id) = (&self.home().clock, &known.target.id);
        let mut most = FEW;
        loop {
            if self.is_over(until) {
                return Ok(Ended::More);
            }
            let began = clock.now();
            if let Some(at) = self.provisioner.not_before(id).filter(|at| began < *at) {
                // At most a second.
                sleep(Duration::from_millis(at.since(began).min(1_000))).await;
            }
            let began = clock.now();
            let run = self.provisioner.run_some(known, most).await?;
            *all += run;
            if run.delivered + run.failed == 0 {
                return Ok(Ended::Idle);
            }
            most = if clock.now().since(began) <= FAST_MS { MANY } else { FEW };
        }
    }

    async fn at_clients(&self, logouts: &Logouts, until: Millis, all: &mut Informed) -> Result<Ended, StoreError> {
        loop {
            if self.is_over(until) {
                return Ok(Ended::More);
            }
            let informed = logouts.step().await?;
            *all += informed;
            if informed.rows == 0 {
                return Ok(Ended::Idle);
            }
        }
    }

    async fn at_webhook(&self, id: &WebhookId, until: Millis, all: &mut Step) -> Result<Ended, StoreError> {
        loop {
            if self.is_over(until) {
                return Ok(Ended::More);
            }
            let Some(step) = self.webhooks.step(id).await? else { return Ok(Ended::Idle) };
            all.taken += step.taken;
            all.accepted += step.accepted;
            all.rejected += step.rejected;
            all.failed += step.failed;
            if !step.more {
                return Ok(Ended::Idle);
            }
        }
    }
}
