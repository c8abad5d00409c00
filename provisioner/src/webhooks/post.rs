//! Posts what is due.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use umoja_schema::{EventRow, Log, Millis, UserId, Webhook};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::events::block_of;
use umoja_store::ports::{DueRow, StoreError};

use super::message::{Message, Sender, fault};
use super::row::{Entry, Row};
use super::shared::{Shared, Step};
use crate::breaker::{Breaker, Pass};
use crate::retry::{self, LEASE_MS};

/// The most users whose events are posted in one step.
const USERS: usize = 100;
/// How many calls of one webhook run at the same time.
const CONCURRENT: usize = 16;
/// The most events of one user that are posted before other users have their turn.
const IN_A_ROW: usize = 20;

/// What became of the row of a user.
#[derive(Default)]
struct Posted {
    accepted: usize,
    rejected: usize,
    failed: usize,
    is_gone: bool,
    error: Option<StoreError>,
}

/// Posts the events of the users whose rows are due. True if the webhook is gone.
///
/// # Errors
/// If the store fails.
pub(super) async fn post_due(
    shared: &Shared,
    webhook: &Webhook,
    breaker: &Mutex<Breaker>,
    step: &mut Step,
) -> Result<bool, StoreError> {
    let (target, now) = (Webhook::setting(&webhook.id), shared.home.clock.now());
    let page = shared.home.due.due_page(&target, now, None, USERS).await?;
    let is_full = page.next.is_some();
    let rows = page.rows.into_iter().map(|(user, row)| Posting { shared, webhook, breaker, user }.run(row));
    let rows: Vec<_> = rows.collect();
    let mut all = stream::iter(rows).buffer_unordered(CONCURRENT);
    let (mut is_gone, mut error, accepted) = (false, None, step.accepted);
    while let Some(posted) = all.next().await {
        step.accepted += posted.accepted;
        step.rejected += posted.rejected;
        step.failed += posted.failed;
        is_gone |= posted.is_gone;
        error = posted.error.or(error);
    }
    step.more |= step.accepted > accepted && (is_full || !is_gone);
    match error {
        // What was posted is stored, and what is not is due again.
        Some(error) if step.accepted == accepted && !is_gone => Err(error),
        Some(error) => {
            tracing::warn!(webhook = %webhook.id, %error, "a row of events could not be written");
            Ok(is_gone)
        }
        None => Ok(is_gone),
    }
}

/// The events of one user.
struct Posting<'a> {
    shared: &'a Shared,
    webhook: &'a Webhook,
    breaker: &'a Mutex<Breaker>,
    user: UserId,
}

impl Posting<'_> {
    async fn run(self, stored: DueRow) -> Posted {
        let mut posted = Posted::default();
        if let Err(error) = self.post(stored, &mut posted).await {
            posted.error = Some(error);
        }
        posted
    }

    async fn post(&self, stored: DueRow, posted: &mut Posted) -> Result<(), StoreError> {
        let home = &self.shared.home;
        let mut row = Row::read(stored.members.as_ref());
        let Some(mut pass) = self.breaker().begin(home.clock.now()) else { return Ok(()) };
        // The row belongs to this worker from here on.
        let (target, members) = (Webhook::setting(&self.webhook.id), row.members());
        let at = row.due(home.clock.now().plus(LEASE_MS));
        if !home.due.replace_due(&target, self.user, Some(&stored.etag), at.map(|at| (at, &members))).await? {
            return Ok(());
        }
        for _ in 0..IN_A_ROW {
            let Some(entry) = row.waiting.first().cloned() else { return Ok(()) };
            let Some(messages) = self.messages(&entry).await?.filter(|messages| entry.accepted < messages.len()) else {
                row = self
                    .changed(|row| {
                        row.drop_first(&entry.event);
                        self.shared.home.clock.now().plus(LEASE_MS)
                    })
                    .await?;
                continue;
            };
            match self.call(&messages, &entry, pass, posted).await? {
                Some(next) => row = next,
                None => return Ok(()),
            }
            match self.breaker().begin(home.clock.now()) {
                Some(next) => pass = next,
                None => break,
            }
        }
        // Other users have their turn.
        self.changed(|_| self.shared.home.clock.now()).await.map(drop)
    }

    /// Posts the next change of an event. Returns the row after a success.
    async fn call(
        &self,
        messages: &[Message],
        entry: &Entry,
        pass: Pass,
        posted: &mut Posted,
    ) -> Result<Option<Row>, StoreError> {
        let Shared { home, secrets, outbound, issuer } = self.shared;
        let sender = Sender { secrets, issuer };
        let answered = messages[entry.accepted].post(self.webhook, sender, &**outbound, home.clock.now()).await;
        let (now, fault) = (home.clock.now(), fault(&answered));
        let is_out = self.breaker().end(pass, fault.is_none(), now);
        if let (true, Some(fault)) = (is_out, &fault) {
            tracing::warn!(webhook = %self.webhook.id, fault, "a webhook is out");
        }
        let Some(fault) = fault else {
            posted.accepted += 1;
            let accepted = |row: &mut Row| {
                row.accepted(&entry.event, entry.accepted, messages.len());
                now.plus(LEASE_MS)
            };
            return self.changed(accepted).await.map(Some);
        };
        posted.rejected += 1;
        let (status, wait) = answered.map_or((0, None), |answered| (answered.status, answered.retry_after_secs()));
        if let (429 | 503, Some(secs)) = (status, wait) {
            self.breaker().hold(secs, now);
        }
        if status == 410 {
            posted.is_gone = true;
            return self.changed(|_| now).await.map(|_| None);
        }
        let mut failed = 0;
        self.changed(|row| {
            failed = row.rejected(&entry.event, &fault, pass.is_probe(), now);
            retry::next(row.failures.max(1), wait, now, &*home.entropy)
        })
        .await?;
        posted.failed += failed;
        Ok(None)
    }

    /// The messages of an event; `None` if it has expired or cannot be read, which is said in the log.
    async fn messages(&self, entry: &Entry) -> Result<Option<Vec<Message>>, StoreError> {
        let webhook = &self.webhook.id;
        let Some(place) = entry.place() else {
            tracing::error!(%webhook, "a row of events names none");
            return Ok(None);
        };
        let block = block_of(&self.webhook.company, place);
        match self.shared.home.own.logs.row(Log::Events, block, &entry.event).await {
            Ok(Some(row)) => Ok(EventRow::from_row(&row).ok().and_then(|row| Message::of(self.webhook, &row))),
            Ok(None) => {
                tracing::error!(%webhook, event = entry.event, "an event expired before it was accepted");
                Ok(None)
            }
            Err(StoreError::Unreadable(error)) => {
                tracing::error!(%webhook, event = entry.event, %error, "an event cannot be read");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the row, and returns it. `work` says when it is due.
    async fn changed(&self, mut work: impl FnMut(&mut Row) -> Millis) -> Result<Row, StoreError> {
        let mut after = Row::default();
        change(self.shared, self.webhook, self.user, |row| {
            let at = work(row);
            after.clone_from(row);
            Some(at)
        })
        .await?;
        Ok(after)
    }
}

/// Changes the row of a user if it exists. `work` says when it is due if events wait; `None` leaves it as it is.
pub(super) async fn change(
    shared: &Shared,
    webhook: &Webhook,
    user: UserId,
    mut work: impl FnMut(&mut Row) -> Option<Millis>,
) -> Result<(), StoreError> {
    let (target, due) = (Webhook::setting(&webhook.id), &*shared.home.due);
    for _ in 0..MAX_ROUNDS {
        let Some(stored) = due.due_row(&target, user).await? else { return Ok(()) };
        let mut row = Row::read(stored.members.as_ref());
        let Some(at) = work(&mut row) else { return Ok(()) };
        let (members, at) = (row.members(), row.due(at));
        if due.replace_due(&target, user, Some(&stored.etag), at.map(|at| (at, &members))).await? {
            return Ok(());
        }
    }
    Err(StoreError::Throttled("a row of events that is written very often".to_owned()))
}
