//! What the inboxes of the regions hold, by source. Nothing here opens an event.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use umoja_schema::{CompanyId, InboxState, IngestSource, Millis, SourceId};
use umoja_store::inbox::{self, StoredEvent};
use umoja_store::ports::StoreError;

use crate::deployment::DeployedRegion;
use crate::output::{counted, time, verb};

/// The number of events of a page.
const PAGE: usize = 500;

/// How many events of a source a region holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Events that wait to be applied.
    pub(super) waiting: u64,
    /// Events that cannot be applied.
    pub(super) parked: u64,
    /// Events of an unknown type.
    pub(super) ignored: u64,
    /// Events that were applied, or handed to the home of the source.
    pub(super) done: u64,
    /// Sign-ups in a user pool that wait for their confirmation, if there are any.
    #[serde(skip_serializing_if = "is_none")]
    pub(super) open: u64,
    /// How long the oldest waiting event has waited, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) oldest_waiting_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What the inbox of a region holds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counted {
    /// The events of each source.
    pub(super) sources: BTreeMap<SourceId, Counts>,
    /// Rows that hold neither an event nor a mark.
    pub(super) unreadable: u64,
}

/// A parked event, without anything of its content.
#[derive(Debug, Serialize)]
pub(super) struct Parked {
    /// Its key in the inbox: a keyed hash.
    pub(super) key: String,
    /// When it was accepted.
    pub(super) received_at: Millis,
    /// The code of the reason.
    pub(super) reason: String,
    /// The reason as a sentence, which names members and never a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

impl Parked {
    /// What is shown of a stored event.
    pub(super) fn of(stored: &StoredEvent) -> Self {
        let StoredEvent { key, event, .. } = stored;
        Self {
            key: URL_SAFE_NO_PAD.encode(key),
            received_at: event.received_at,
            reason: event.reason.clone().unwrap_or_else(|| "unknown".to_owned()),
            detail: event.detail.clone(),
        }
    }

    /// The columns for people.
    pub(super) fn row(&self) -> Vec<String> {
        vec![time(self.received_at), self.reason.clone(), self.key.clone(), self.detail.clone().unwrap_or_default()]
    }
}

impl Counts {
    fn add(&mut self, event: &StoredEvent, now: Millis) {
        match event.event.state {
            InboxState::Waiting => {
                self.waiting += 1;
                let age = now.since(event.event.received_at);
                self.oldest_waiting_ms = Some(self.oldest_waiting_ms.map_or(age, |oldest| oldest.max(age)));
            }
            InboxState::Done => self.done += 1,
            InboxState::Ignored => self.ignored += 1,
            InboxState::Parked => self.parked += 1,
            InboxState::Open => self.open += 1,
        }
    }

    /// The counts for people.
    pub(super) fn text(&self) -> String {
        let oldest = self.oldest_waiting_ms.map(|ms| format!(" (the oldest for {} s)", ms / 1000)).unwrap_or_default();
        format!("{} waiting{oldest}, {} parked, {} ignored", self.waiting, self.parked, self.ignored)
    }
}

/// Rings for the events of a source that wait in a region, and returns how many these are.
pub(super) async fn ring(region: &DeployedRegion, source: &SourceId, now: Millis) -> Result<u64, StoreError> {
    let (own, mut rung, mut after) = (&region.home.own, 0, None);
    loop {
        let page = inbox::waiting_page(&*own.inbox, after, PAGE, now).await?;
        for stored in page.events.iter().filter(|stored| stored.event.source == *source) {
            own.ingest.send(&inbox::message(&stored.key), 0).await?;
            rung += 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok(rung);
        }
    }
}

/// Calls `see` with every event of a region's inbox. Returns the number of rows that cannot be read.
pub(super) async fn each(
    region: &DeployedRegion,
    now: Millis,
    mut see: impl AsyncFnMut(StoredEvent) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let (mut unreadable, mut after) = (0, None);
    loop {
        let page = inbox::page(&*region.home.own.inbox, after, PAGE, now).await?;
        unreadable += page.unreadable as u64;
        for event in page.events {
            see(event).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(unreadable);
        }
    }
}

/// Counts the events of a region's inbox.
pub(super) async fn count(region: &DeployedRegion, now: Millis) -> Result<Counted, StoreError> {
    let mut sources: BTreeMap<SourceId, Counts> = BTreeMap::new();
    let seen = each(region, now, async |event| {
        sources.entry(event.event.source.clone()).or_default().add(&event, now);
        Ok(())
    });
    let unreadable = seen.await?;
    Ok(Counted { sources, unreadable })
}

/// The oldest parked events of a source in a region, and its counts.
pub(super) async fn parked(
    region: &DeployedRegion,
    source: &SourceId,
    most: usize,
    now: Millis,
) -> Result<(Counts, Vec<Parked>), StoreError> {
    let (mut counts, mut parked) = (Counts::default(), BTreeMap::new());
    each(region, now, async |event| {
        if event.event.source != *source {
            return Ok(());
        }
        counts.add(&event, now);
        if event.event.state == InboxState::Parked {
            parked.insert((event.event.received_at, event.key), Parked::of(&event));
            if parked.len() > most {
                parked.pop_last();
            }
        }
        Ok(())
    })
    .await?;
    Ok((counts, parked.into_values().collect()))
}

/// What the documents say of the source of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its events are applied.
    Enabled,
    /// Its events wait because an operator wants it.
    Paused,
    /// Its events wait because its company is disabled.
    CompanyDisabled,
    /// It was removed, or no document of it can be read.
    Absent,
}

impl Standing {
    /// The standing of a source whose document was read, if there is any, by whether its company is enabled.
    pub(super) fn of(source: Option<&IngestSource>, is_enabled: impl Fn(&CompanyId) -> bool) -> Self {
        match source {
            Some(source) if source.is_ended() => Self::Absent,
            Some(source) if source.enabled && !is_enabled(&source.company) => Self::CompanyDisabled,
            Some(source) if source.enabled => Self::Enabled,
            Some(_) => Self::Paused,
            None => Self::Absent,
        }
    }
}

/// What needs an operator's attention.
pub(super) fn attention(counted_events: &Counted, standing: impl Fn(&SourceId) -> Standing, name: &str) -> Vec<String> {
    let mut attention = Vec::new();
    for (id, counts) in &counted_events.sources {
        let (standing, events) = (standing(id), counts.waiting + counts.parked + counts.ignored);
        if standing == Standing::Absent && events > 0 {
            let events = counted(events, "event");
            attention.push(format!(
                "{name}: {events} of {id}, which is no source now; add it again, or see `umoja source drop {id}`"
            ));
        }
        if counts.parked > 0 {
            let events = counted(counts.parked, "event");
            attention.push(format!("{name}: {events} of the source {id} parked; see `umoja source show {id}`"));
        }
        if let Some(age) = counts.oldest_waiting_ms.filter(|age| *age > LONG_MS)
            && standing != Standing::Paused
        {
            let events = counted(counts.waiting, "event");
            let wait = verb(counts.waiting, "waits", "wait");
            let why = match standing {
                Standing::CompanyDisabled => "; its company is disabled, see `umoja company set --enabled`",
                _ => "",
            };
            attention.push(format!("{name}: {events} of the source {id} {wait}, the oldest for {} s{why}", age / 1000));
        }
    }
    if counted_events.unreadable > 0 {
        attention.push(format!("{name}: {} of `inbox` cannot be read", counted(counted_events.unreadable, "row")));
    }
    attention
}

/// How long an event may wait, in milliseconds: a lost ring is repeated within that time.
const LONG_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(parked: u64, oldest_waiting_ms: Option<u64>) -> Counted {
        let one =
            Counts { parked, waiting: u64::from(oldest_waiting_ms.is_some()), oldest_waiting_ms, ..Counts::default() };
        Counted { sources: [("one".parse().unwrap(), one)].into(), unreadable: 0 }
    }

    #[test]
    fn what_is_parked_or_waits_for_long_needs_attention() {
        use Standing::{Absent, CompanyDisabled, Enabled, Paused};
        let said = |counted: &Counted, standing| attention(counted, |_| standing, "eu-west-1").join("\n");
        assert_eq!(said(&counts(0, Some(60_000)), Enabled), "");
        assert!(
            said(&counts(0, Some(61_000)), Enabled).contains("1 event of the source one waits, the oldest for 61 s")
        );
        assert_eq!(said(&counts(0, Some(61_000)), Paused), "");
        assert!(said(&counts(0, Some(61_000)), CompanyDisabled).contains("its company is disabled"));
        assert!(said(&counts(2, None), Paused).contains("2 events of the source one parked"));
        assert!(said(&Counted { unreadable: 1, ..Counted::default() }, Enabled).contains("1 row of `inbox`"));
        assert_eq!(said(&counts(0, None), Absent), "");
        assert!(said(&counts(0, Some(1)), Absent).contains("1 event of one, which is no source now"));
    }
}
