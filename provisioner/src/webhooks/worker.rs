//! The work of one webhook, a step at a time.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_schema::{Millis, Scope, UserId, Webhook, WebhookId};
use umoja_store::events::Window;
use umoja_store::ports::StoreError;

use super::post::{change, post_due};
use super::row::Row;
use super::shared::{PAGE, Shared, Step};
use super::state::State;
use super::take::take;
use crate::breaker::Breaker;
use crate::retry::NEVER;

/// How old the document of a webhook may be, in milliseconds.
const RELOAD_MS: u64 = 1_000;

/// How often events are looked for that arrived late from another region, in milliseconds.
const LATE_MS: u64 = 10_000;

/// The worker of one webhook.
#[derive(Default)]
pub(super) struct Worker {
    loaded: Option<(Webhook, bool, Millis)>,
    state: Option<State>,
    pub(super) breaker: Mutex<Breaker>,
    /// When all days were looked at.
    whole_at: Option<Millis>,
}

/// What a worker leaves for the next one in another process.
#[derive(Serialize, Deserialize)]
struct Kept {
    breaker: Breaker,
    whole_at: Option<Millis>,
}

impl Worker {
    /// A worker that continues with what another one has kept.
    pub(super) fn resumed(kept: &Value) -> Self {
        let kept: Option<Kept> = serde_json::from_value(kept.clone()).ok();
        let Some(Kept { breaker, whole_at }) = kept else { return Self::default() };
        Self { breaker: Mutex::new(breaker), whole_at, ..Self::default() }
    }

    /// What another worker needs to go on.
    pub(super) fn kept(&self) -> Value {
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = Kept { breaker, whole_at: self.whole_at };
        serde_json::to_value(kept).unwrap_or_default()
    }

    pub(super) async fn step(&mut self, shared: &Shared, id: &WebhookId) -> Result<Option<Step>, StoreError> {
        let now = shared.home.clock.now();
        let Some((webhook, may_post)) = self.document(shared, id, now).await? else { return Ok(None) };
        if webhook.is_ended() || webhook.home != shared.home.own.name {
            self.state = None;
            remove_rows(shared, &webhook, now).await?;
            return Ok(None);
        }
        let mut step = Step::default();
        let mut state = match self.state.take() {
            Some(state) => state,
            None => State::load(&*shared.home.checkpoints, id).await?.unwrap_or_else(|| State::of(&webhook)),
        };
        let ordered = state.carry_out(&webhook);
        if ordered.redrives {
            redrive(shared, &webhook, now).await?;
        }
        if ordered.is_changed {
            self.whole_at = None;
            *self.breaker.get_mut().unwrap_or_else(PoisonError::into_inner) = Breaker::default();
            state.save(&*shared.home.checkpoints, id).await?;
        }
        if may_post && state.off_since.is_none() {
            let is_late = self.whole_at.is_none_or(|at| !at.is_within(LATE_MS, now));
            let window = if is_late { Window::Whole } else { Window::Recent };
            step.more = take(shared, &webhook, &mut state, window, &mut step).await?;
            self.whole_at = if step.more {
                None
            } else if is_late {
                Some(now)
            } else {
                self.whole_at
            };
            let is_gone = post_due(shared, &webhook, &self.breaker, &mut step).await?;
            if is_gone {
                tracing::warn!(webhook = %id, "a webhook answered 410; nothing is posted to it until it is resumed");
                state.off_since = Some(now);
            }
            let is_out = self.breaker.get_mut().unwrap_or_else(PoisonError::into_inner).is_out();
            if state.has_called(is_out, step.accepted, now) || is_gone {
                state.save(&*shared.home.checkpoints, id).await?;
            }
        }
        self.state = Some(state);
        Ok(Some(step))
    }

    /// The document, and whether its company gets events.
    async fn document(
        &mut self,
        shared: &Shared,
        id: &WebhookId,
        now: Millis,
    ) -> Result<Option<(Webhook, bool)>, StoreError> {
        if let Some((webhook, may_post, at)) = &self.loaded
            && at.is_within(RELOAD_MS, now)
        {
            return Ok(Some((webhook.clone(), *may_post)));
        }
        let stored = shared.home.registry.setting(&Webhook::setting(id)).await?;
        let Some(webhook) = stored.and_then(|document| Webhook::read(id.as_str(), document).ok()) else {
            return Ok(None);
        };
        let company = shared.home.registry.company(&webhook.company).await?;
        let may_list = company.is_some_and(|company| company.enabled && company.may(Scope::Events));
        let may_post = webhook.enabled && may_list;
        self.loaded = Some((webhook.clone(), may_post, now));
        Ok(Some((webhook, may_post)))
    }
}

/// Lets what has failed wait again.
async fn redrive(shared: &Shared, webhook: &Webhook, now: Millis) -> Result<(), StoreError> {
    for user in users(shared, webhook).await? {
        change(shared, webhook, user, |row| (row.redrive(now) > 0).then_some(now)).await?;
    }
    Ok(())
}

/// Removes the rows of a webhook that has no work here.
async fn remove_rows(shared: &Shared, webhook: &Webhook, now: Millis) -> Result<(), StoreError> {
    for user in users(shared, webhook).await? {
        let remove = |row: &mut Row| {
            *row = Row::default();
            Some(now)
        };
        change(shared, webhook, user, remove).await?;
    }
    Ok(())
}

/// All users with a row, read before a row is moved.
async fn users(shared: &Shared, webhook: &Webhook) -> Result<Vec<UserId>, StoreError> {
    let (target, mut after, mut users) = (Webhook::setting(&webhook.id), None, Vec::new());
    loop {
        let page = shared.home.due.due_page(&target, NEVER, after, PAGE).await?;
        users.extend(page.rows.into_iter().map(|(user, _)| user));
        after = page.next;
        if after.is_none() {
            return Ok(users);
        }
    }
}
