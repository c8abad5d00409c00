//! Takes events from the feed of a company into the rows of a webhook.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{UserId, Webhook};
use umoja_store::Home;
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::events::{Position, ReadError, Window, read};
use umoja_store::ports::StoreError;

use super::row::{Entry, Row};
use super::shared::{Shared, Step};
use super::state::State;

/// The most changes that are taken at once.
const LIMIT: usize = 200;
/// How many rows are written at the same time.
const CONCURRENT: usize = 16;

/// Takes the next events. True if there may be more. The position is stored after the rows, so that an event is in a row
/// once it is passed; one that is taken again is in its row once.
pub(super) async fn take(
    shared: &Shared,
    webhook: &Webhook,
    state: &mut State,
    window: Window,
    step: &mut Step,
) -> Result<bool, StoreError> {
    let home = &shared.home;
    let (now, position) = (home.clock.now(), state.position());
    let page = match read(home, &webhook.company, &position, LIMIT, window).await {
        Ok(page) => page,
        Err(ReadError::Store(error)) => return Err(error),
        Err(ReadError::Expired) => {
            tracing::error!(webhook = %webhook.id, "events expired before they could be posted");
            state.lost_at = Some(now);
            state.set_position(&Position::default());
            state.save(&*home.checkpoints, &webhook.id).await?;
            return Ok(true);
        }
    };
    let mut users: BTreeMap<UserId, Vec<Entry>> = BTreeMap::new();
    for event in &page.events {
        users.entry(event.user).or_default().push(Entry::new(&event.origin, event.place, now));
    }
    step.taken += page.events.len();
    let added: Vec<_> = users.iter().map(|(user, entries)| add(shared, webhook, *user, entries)).collect();
    let failed: Vec<usize> = stream::iter(added).buffer_unordered(CONCURRENT).try_collect().await?;
    step.failed += failed.into_iter().sum::<usize>();
    if page.position != position {
        state.set_position(&page.position);
        state.save(&*home.checkpoints, &webhook.id).await?;
    }
    Ok(page.more)
}

/// How many events a webhook has not taken into rows yet, counted to a limit. `None` if there are more.
pub(super) async fn count(home: &Home, webhook: &Webhook, state: &State) -> Result<Option<u64>, StoreError> {
    match read(home, &webhook.company, &state.position(), LIMIT, Window::Whole).await {
        Ok(page) if page.more => Ok(None),
        Ok(page) => Ok(Some(page.events.len() as u64)),
        Err(ReadError::Store(error)) => Err(error),
        Err(ReadError::Expired) => Ok(None),
    }
}

/// Adds events to the row of a user. A row that belongs to a worker keeps its time.
async fn add(shared: &Shared, webhook: &Webhook, user: UserId, entries: &[Entry]) -> Result<usize, StoreError> {
    let (target, due) = (Webhook::setting(&webhook.id), &*shared.home.due);
    for _ in 0..MAX_ROUNDS {
        let stored = due.due_row(&target, user).await?;
        let mut row = stored.as_ref().map(|stored| Row::read(stored.members.as_ref())).unwrap_or_default();
        let waits = stored.as_ref().filter(|_| !row.waiting.is_empty()).map(|stored| stored.at);
        let before = row.clone();
        let failed = row.add(entries);
        if row == before {
            return Ok(0);
        }
        let at = row.due(waits.unwrap_or_else(|| shared.home.clock.now()));
        let (members, etag) = (row.members(), stored.as_ref().map(|stored| &stored.etag));
        if due.replace_due(&target, user, etag, at.map(|at| (at, &members))).await? {
            return Ok(failed);
        }
    }
    Err(StoreError::Throttled("a row of events that is written very often".to_owned()))
}
