//! The events that wait in the inbox of a region: what rings again for them, and how long the oldest has waited.

use std::collections::BTreeMap;

use umoja_schema::SourceId;
use umoja_schema::ingest::InboxEvent;
use umoja_store::Home;
use umoja_store::inbox::{self, StoredEvent};
use umoja_store::ports::StoreError;

use crate::source::Sources;

/// How many rows of the inbox are read at a time.
const PAGE: usize = 100;

/// How long an event waits before the worker rings for it again, in milliseconds.
const WAITING_MS: u64 = 60_000;

/// What waits in the inbox of a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The events for which the queue was rung again.
    pub rung: u64,
    /// The age of the oldest event that could be applied, in milliseconds: 0 if there is none. Events of paused sources
    /// and disabled companies do not count.
    pub oldest_ms: u64,
}

/// Rings again for the events that have waited for a while and whose source is not held.
pub(crate) async fn ring_again(home: &Home, sources: &Sources) -> Result<Waiting, StoreError> {
    let (now, mut found, mut after) = (home.clock.now(), Waiting::default(), None);
    let mut held = BTreeMap::new();
    loop {
        let page = inbox::waiting_page(&*home.own.inbox, after, PAGE, now).await?;
        for StoredEvent { key, event: InboxEvent { source, received_at, .. }, .. } in page.events {
            let is_held = match held.get(&source) {
                Some(is_held) => *is_held,
                None => is_held(home, sources, &source).await?,
            };
            held.insert(source, is_held);
            if is_held {
                continue;
            }
            found.oldest_ms = found.oldest_ms.max(now.since(received_at));
            if !received_at.is_within(WAITING_MS, now) {
                home.own.ingest.send(&inbox::message(&key), 0).await?;
                found.rung += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// True if an operator holds the events of a source: it is paused, or its company is disabled. An event of a source
/// that is unknown is not held: the worker parks it.
async fn is_held(home: &Home, sources: &Sources, id: &SourceId) -> Result<bool, StoreError> {
    let Some(seen) = sources.get(&*home.registry, id, home.clock.now()).await? else { return Ok(false) };
    sources.remember(&seen);
    let source = &seen.1.source;
    if !source.enabled {
        return Ok(true);
    }
    let company = home.registry.company(&source.company).await?;
    Ok(company.is_some_and(|company| !company.enabled))
}
