//! Sending dead letters and quarantined records back to the queues that process them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use umoja_schema::names::queue;
use umoja_schema::{Message, Millis, Region};
use umoja_store::Home;
use umoja_store::ports::{Delivery, Queue, StoreError};
use umoja_store::queue_runs::Unfit;

use super::Worker;
use super::pass::REPORT_MS;
use super::sight::{Sight, fingerprint};
use super::watch::Event;
use crate::redrive::{Redriven, redrive_quarantined};

/// How long a received message stays hidden, in seconds.
const HIDDEN_SECS: u32 = 120;

/// Why a dead letter stays.
const DAMAGED: &str = "the message cannot be read; comparing the regions finds what it asked for";

/// The interval between two reads of a queue's depth.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// What was redriven, and what is left.
#[derive(Debug, Default)]
pub struct RedriveReport {
    /// Messages that were sent back.
    pub moved: usize,
    /// Quarantined records that need no work any more.
    pub settled: usize,
    /// In a run that only shows: every message found. Otherwise: the messages that stay.
    pub left: Vec<Line>,
    /// Messages that the queue counts in addition: more than are shown, or hidden by another receive.
    pub rest: Vec<Rest>,
}

/// One message.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The region of the queue.
    pub region: Region,
    /// The queue.
    pub queue: String,
    /// A dead letter or a quarantined record.
    pub kind: &'static str,
    /// The key of its item.
    pub key: String,
    /// Why it is there.
    pub reason: String,
}

/// Messages of which only the count is known.
#[derive(Debug, Serialize)]
pub struct Rest {
    /// The region of the queue.
    pub region: Region,
    /// The queue.
    pub queue: String,
    /// What kind of messages they are.
    pub what: &'static str,
    /// How many.
    pub count: u64,
}

/// One queue of a region.
pub struct Source<'a> {
    home: &'a Home,
    name: String,
    queue: Arc<dyn Queue>,
}

impl<'a> Source<'a> {
    /// The queues of a region, or only the one of this name: retry-REGION, keys, merges, ingest, deliver or quarantined.
    pub fn all(home: &'a Home, only: Option<&str>) -> Vec<Self> {
        let wanted = home.queues().filter(|(name, _)| only.is_none_or(|only| only == name));
        wanted.map(|(name, queue)| Self { home, name, queue: Arc::clone(queue) }).collect()
    }

    /// The region of the queue.
    pub fn region(&self) -> &Region {
        &self.home.own.name
    }

    fn is_quarantined(&self) -> bool {
        self.name == queue::QUARANTINED
    }
}

/// A run over queues.
pub struct Redrive<'a> {
    worker: Worker<'a>,
    /// Whether messages are only shown and not moved.
    shows: bool,
    /// How often the depth of a queue is read before the count is believed. SQS counts with a delay.
    looks: u32,
    /// Messages of the current queue that were left on purpose.
    stay: u64,
    /// Dead letters of the current queue that cannot be read.
    stay_dead: u64,
    started: Millis,
    reported: Millis,
    report: RedriveReport,
}

impl<'a> Redrive<'a> {
    /// A run. With `shows`, messages are only shown and not moved. `looks` limits how often a queue's depth is read
    /// again.
    pub fn new(worker: Worker<'a>, shows: bool, looks: u32) -> Self {
        let now = worker.clock.now();
        Self {
            worker,
            shows,
            looks,
            stay: 0,
            stay_dead: 0,
            started: now,
            reported: now,
            report: RedriveReport::default(),
        }
    }

    /// What was redriven, and what is left.
    pub fn into_report(self) -> RedriveReport {
        self.report
    }

    /// Redrives one queue completely.
    ///
    /// # Errors
    /// If the queue or the region's tables fail. Received messages become visible again by themselves.
    pub async fn queue(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        (self.stay, self.stay_dead) = (0, 0);
        if self.shows {
            self.shown_dead_letters(source).await?;
            return if source.is_quarantined() { self.shown_quarantined(source).await } else { Ok(()) };
        }
        self.dead_letters(source).await?;
        if source.is_quarantined() {
            self.quarantined(source).await?;
        }
        self.look_for_rest(source).await
    }

    async fn dead_letters(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let held_at_first = source.queue.depth().await?.dead;
        let mut kept = Vec::new();
        loop {
            let dead = source.queue.receive_dead(10, HIDDEN_SECS).await?;
            let (is_last, mut moved) = (dead.is_empty(), 0);
            for letter in dead {
                // No function can process it, so it would only come back.
                if matches!(Unfit::read(&letter.text), Err(Unfit::Unreadable(_))) {
                    self.report.left.push(line(source, "dead letter", "?".to_owned(), DAMAGED.to_owned()));
                    kept.push(letter.receipt);
                    continue;
                }
                source.queue.redrive(&letter).await?;
                moved += 1;
                self.report.moved += 1;
                self.pace(source).await;
            }
            // Messages that stay are hidden only for a while.
            if is_last || (moved == 0 && kept.len() as u64 >= held_at_first) {
                break;
            }
        }
        self.stay_dead = kept.len() as u64;
        for receipt in kept {
            self.put_down(source, source.queue.release_dead(&receipt).await);
        }
        Ok(())
    }

    async fn shown_dead_letters(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let mut sight = Sight::of(source.queue.depth().await?.dead);
        let mut shown = Vec::new();
        while !sight.is_over() {
            let letters = source.queue.receive_dead(10, HIDDEN_SECS).await?;
            for letter in sight.new_of(letters, &mut shown) {
                self.report.left.push(dead_letter(source, &letter));
            }
        }
        for receipt in shown {
            self.put_down(source, source.queue.release_dead(&receipt).await);
        }
        self.report.add_rest(source, "dead letters", sight.unseen());
        Ok(())
    }

    async fn shown_quarantined(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let depth = source.queue.depth().await?;
        let mut sight = Sight::of(depth.waiting + depth.in_flight);
        let mut shown = Vec::new();
        while !sight.is_over() {
            let records = source.queue.receive(10, HIDDEN_SECS).await?;
            for record in sight.new_of(records, &mut shown) {
                self.report.left.push(quarantined_record(source, &record, None));
            }
        }
        for receipt in shown {
            self.put_down(source, source.queue.release(&receipt, 0).await);
        }
        self.report.add_rest(source, "quarantined records", sight.unseen());
        Ok(())
    }

    async fn quarantined(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        // After as many records as the queue held at first, a record whose text was seen before was quarantined again
        // meanwhile.
        let held_at_first = source.queue.depth().await?.waiting;
        let (mut seen, mut named, mut kept) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut handled = 0;
        loop {
            let quarantined = source.queue.receive(10, HIDDEN_SECS).await?;
            let mut any_is_new = false;
            for record in quarantined {
                let text = fingerprint(&record.text);
                let is_first = seen.insert(text);
                any_is_new |= is_first || handled < held_at_first;
                let left = if !is_first && handled >= held_at_first {
                    Some("it was quarantined again immediately")
                } else {
                    match redrive_quarantined(source.home, &record).await? {
                        Redriven::Queued => {
                            self.report.moved += 1;
                            None
                        }
                        Redriven::Settled => {
                            self.report.settled += 1;
                            None
                        }
                        Redriven::Left(why) => Some(why),
                    }
                };
                handled += 1;
                let Some(why) = left else {
                    self.pace(source).await;
                    continue;
                };
                if named.insert(text) {
                    self.report.left.push(quarantined_record(source, &record, Some(why)));
                }
                kept.push(record.receipt);
            }
            if !any_is_new {
                break;
            }
        }
        self.stay = kept.len() as u64;
        for receipt in kept {
            self.put_down(source, source.queue.release(&receipt, 0).await);
        }
        Ok(())
    }

    /// Reads what the queue still counts. Messages that another receiver has taken out are hidden from this run.
    async fn look_for_rest(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            let depth = source.queue.depth().await?;
            let quarantined = if source.is_quarantined() { depth.waiting + depth.in_flight } else { 0 };
            let dead = depth.dead.saturating_sub(self.stay_dead);
            let rest = [("dead letters", dead), ("quarantined records", quarantined.saturating_sub(self.stay))];
            if tries >= self.looks || rest.iter().all(|(_, count)| *count == 0) {
                for (what, count) in rest {
                    self.report.add_rest(source, what, count);
                }
                return Ok(());
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Slows work down to the rate and reports progress.
    async fn pace(&mut self, source: &Source<'_>) {
        let done = self.report.moved + self.report.settled;
        self.worker.hold_back(self.started, done as u64).await;
        let now = self.worker.clock.now();
        if now.since(self.reported) >= REPORT_MS {
            self.reported = now;
            self.worker.watch.see(&Event::Redriving { region: source.region(), queue: &source.name, done });
        }
    }

    /// A message that is not released becomes visible again by itself.
    fn put_down(&self, source: &Source<'_>, released: Result<(), StoreError>) {
        if let Err(error) = released {
            self.worker.watch.see(&Event::Hidden { region: source.region(), queue: &source.name, error: &error });
        }
    }
}

fn dead_letter(source: &Source<'_>, letter: &Delivery) -> Line {
    let key = match Message::from_text(&letter.text) {
        Ok(Message::WrapKeys { id, part, .. }) => format!("{id}/{part}"),
        Ok(Message::Replicate { table, id, key }) => format!("{table} {id}/{key}"),
        Ok(Message::Ingest { key }) => key,
        Ok(Message::Deliver { system }) => system,
        Ok(Message::Quarantined { table, key, .. }) => format!("{table} {key}"),
        #[allow(unreachable_patterns, reason = "messages of other kinds come with other versions")]
        Ok(_) | Err(_) => "?".to_owned(),
    };
    let reason = format!("failed {} times; the log of the function says why", letter.received);
    line(source, "dead letter", key, reason)
}

fn quarantined_record(source: &Source<'_>, record: &Delivery, left: Option<&str>) -> Line {
    let (key, reason) = match Message::from_text(&record.text) {
        Ok(Message::Quarantined { table, key, reason, .. }) => (format!("{table} {key}"), reason),
        _ => ("?".to_owned(), "the message cannot be read".to_owned()),
    };
    let reason = left.map_or(reason.clone(), |left| format!("{reason}; {left}"));
    line(source, "quarantined record", key, reason)
}

fn line(source: &Source<'_>, kind: &'static str, key: String, reason: String) -> Line {
    Line { region: source.region().clone(), queue: source.name.clone(), kind, key, reason }
}

impl RedriveReport {
    fn add_rest(&mut self, source: &Source<'_>, what: &'static str, count: u64) {
        if count > 0 {
            let (region, queue) = (source.region().clone(), source.name.clone());
            self.rest.push(Rest { region, queue, what, count });
        }
    }
}
