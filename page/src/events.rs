//! The states as server-sent events (HTML standard, section 9.2).
//!
//! The id of an event is the vector of the sequences that the client has after it, in the order of the ticket's targets,
//! behind a tag of the ticket. A client that connects again gets the rows with greater sequences: in every region, because
//! a row has the same sequence everywhere.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Interval, interval, sleep};

use crate::page::{Events, Page};
use crate::problem::Problem;
use crate::statuses::{Account, Opened};

/// How often a stream without news says that it is alive. Proxies end silent connections after a minute or less.
const BEAT: Duration = Duration::from_secs(15);

/// After how many of these a stream ends and the browser connects again: two minutes, less than the time after which a
/// listener ends a connection whose client has not sent anything.
const BEATS: u8 = 8;

/// After how many milliseconds a browser connects again.
const RETRY_MS: u16 = 2_000;

/// What a client has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    tag: String,
    /// In the order of the ticket's targets; `None` before the first event.
    sequences: Option<Vec<u64>>,
}

impl Seen {
    /// Reads the id of the last event. That of another ticket, or of another number of targets, is none.
    pub(crate) fn read(ticket: &str, last_event_id: Option<&str>) -> Self {
        let tag = hex::encode(&Sha256::digest(ticket)[..4]);
        let numbers = last_event_id.and_then(|id| id.strip_prefix(&*tag)?.strip_prefix('.'));
        let sequences =
            numbers.and_then(|numbers| numbers.split('.').map(|n| u64::from_str_radix(n, 16).ok()).collect());
        Self { tag, sequences }
    }

    /// The rows that the client does not have. Afterwards it has them.
    fn news<'a>(&mut self, rows: &'a [Account]) -> Vec<&'a Account> {
        let had = self.sequences.take().filter(|had| had.len() == rows.len());
        let has = |n: usize| had.as_ref().and_then(|had| had.get(n)).copied();
        let all = rows.iter().enumerate();
        let news = all.clone().filter(|(n, row)| has(*n).is_none_or(|had| row.sequence > had)).map(|(_, row)| row);
        let news = news.collect();
        // A region that is behind does not take back what the client has.
        self.sequences = Some(all.map(|(n, row)| has(n).map_or(row.sequence, |had| had.max(row.sequence))).collect());
        news
    }

    fn id(&self) -> String {
        let mut id = self.tag.clone();
        for sequence in self.sequences.iter().flatten() {
            let _ = write!(id, ".{sequence:x}");
        }
        id
    }

    /// The event with what the client does not have; `None` if that is nothing.
    fn event(&mut self, rows: &[Account]) -> Option<String> {
        let news = self.news(rows);
        if news.is_empty() {
            return None;
        }
        let data = json!(news);
        Some(format!("event: accounts\nid: {}\ndata: {data}\n\n", self.id()))
    }
}

/// Answers with events.
pub(crate) async fn answer(page: &Arc<Page>, opened: Opened, mut seen: Seen) -> Result<Response, Problem> {
    let named =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::HeaderName::from_static("x-accel-buffering"), "no")];
    let begin = format!("retry: {RETRY_MS}\n\n");
    let Events::Streamed(period) = page.events else {
        let rows = page.statuses.accounts(&opened.ticket).await?;
        let event = seen.event(&rows).unwrap_or_else(|| ": no news\n\n".to_owned());
        return Ok((named, begin + &event).into_response());
    };
    // What changes while the rows are read for the first time is seen too.
    let changed = page.watchers.watch(opened.ticket.user);
    let mut beats = interval(BEAT);
    beats.reset();
    let watching = Watching { page: Arc::downgrade(page), opened, seen, changed, period, beats, left: BEATS };
    let chunks = stream::unfold((Some(begin), Some(watching)), next);
    Ok((named, Body::from_stream(chunks)).into_response())
}

/// A page that is open.
struct Watching {
    /// When the settings change, the region's page is replaced, and its streams end.
    page: Weak<Page>,
    opened: Opened,
    seen: Seen,
    changed: watch::Receiver<()>,
    period: Duration,
    beats: Interval,
    /// How many beats are left.
    left: u8,
}

type Chunk = Result<Bytes, Infallible>;

async fn next(
    (begin, watching): (Option<String>, Option<Watching>),
) -> Option<(Chunk, (Option<String>, Option<Watching>))> {
    if let Some(begin) = begin {
        return Some((Ok(begin.into()), (None, watching)));
    }
    let mut watching = watching?;
    let (text, ends) = watching.news().await?;
    Some((Ok(text.into()), (None, (!ends).then_some(watching))))
}

impl Watching {
    /// The next text, and whether it is the last one. `None` if the stream ends.
    async fn news(&mut self) -> Option<(String, bool)> {
        loop {
            {
                let page = self.page.upgrade()?;
                if page.clock.now() >= self.opened.expires_at() {
                    return Some(("event: end\ndata: {}\n\n".to_owned(), true));
                }
                drop(self.changed.borrow_and_update());
                // If the store does not answer, the browser tries again, perhaps in another region.
                let rows = page.statuses.accounts(&self.opened.ticket).await.ok()?;
                if let Some(event) = self.seen.event(&rows) {
                    return Some((event, false));
                }
            }
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                () = sleep(self.period) => {}
                _ = self.beats.tick() => {
                    self.left = self.left.checked_sub(1).filter(|left| *left > 0)?;
                    return Some((": beat\n\n".to_owned(), false));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
