//! Sending dead letters and parked records back to where they are worked on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use umoja_schema::names::queue;
use umoja_schema::{Message, Millis, Region};
use umoja_store::Home;
use umoja_store::ports::{Delivery, Queue, StoreError};

use super::Worker;
use super::pass::TELL_MS;
use super::sight::{Sight, fingerprint};
use super::watch::Event;
use crate::redrive::{Redriven, redrive_parked};

/// How long a message is hidden that was taken out, in seconds.
const HIDDEN_SECS: u32 = 120;

/// How long there is between two looks at what a queue counts.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// What was done, and what is left.
#[derive(Debug, Default)]
pub struct RedriveReport {
    /// Messages that were sent back.
    pub moved: usize,
    /// Parked records about which nothing is left to do.
    pub settled: usize,
    /// What there is, if nothing is moved; else what stays.
    pub left: Vec<Line>,
    /// What is counted besides: more than is shown, or hidden by another receive.
    pub rest: Vec<Rest>,
}

/// A message.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The region of its queue.
    pub region: Region,
    /// Its queue.
    pub queue: String,
    /// A dead letter or a parked record.
    pub kind: &'static str,
    /// What it is about.
    pub key: String,
    /// Why it is there.
    pub reason: String,
}

/// Messages of which only the number is known.
#[derive(Debug, Serialize)]
pub struct Rest {
    /// The region of the queue.
    pub region: Region,
    /// The queue.
    pub queue: String,
    /// What they are.
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
    /// The queues of a region; or only the one of this name: retry-REGION, keys, merges or parked.
    pub fn all(home: &'a Home, only: Option<&str>) -> Vec<Self> {
        let wanted = home.queues().filter(|(name, _)| only.is_none_or(|only| only == name));
        wanted.map(|(name, queue)| Self { home, name, queue: Arc::clone(queue) }).collect()
    }

    /// Its region.
    pub fn region(&self) -> &Region {
        &self.home.own.name
    }

    fn is_parked(&self) -> bool {
        self.name == queue::PARKED
    }
}

/// A run over queues.
pub struct Redrive<'a> {
    worker: Worker<'a>,
    /// Nothing is moved.
    shows: bool,
    /// How often the count of a queue is looked at before it is believed that something is left: SQS counts late.
    looks: u32,
    /// Messages of the present queue that were left on purpose.
    stay: u64,
    started: Millis,
    told: Millis,
    report: RedriveReport,
}

impl<'a> Redrive<'a> {
    /// Begins. If it `shows`, nothing is moved. What a queue counts is looked at again so many times.
    pub fn new(worker: Worker<'a>, shows: bool, looks: u32) -> Self {
        let now = worker.clock.now();
        Self { worker, shows, looks, stay: 0, started: now, told: now, report: RedriveReport::default() }
    }

    /// What was done, and what is left.
    pub fn into_report(self) -> RedriveReport {
        self.report
    }

    /// One queue, to its end.
    ///
    /// # Errors
    /// If the queue or the region's tables do not do as asked. What was taken out comes back by itself.
    pub async fn queue(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        self.stay = 0;
        if self.shows {
            self.shown_dead_letters(source).await?;
            return if source.is_parked() { self.shown_parked(source).await } else { Ok(()) };
        }
        self.dead_letters(source).await?;
        if source.is_parked() {
            self.parked(source).await?;
        }
        self.look_for_rest(source).await
    }

    async fn dead_letters(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        loop {
            let dead = source.queue.receive_dead(10, HIDDEN_SECS).await?;
            if dead.is_empty() {
                return Ok(());
            }
            for letter in dead {
                source.queue.redrive(&letter).await?;
                self.report.moved += 1;
                self.pace(source).await;
            }
        }
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

    async fn shown_parked(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let depth = source.queue.depth().await?;
        let mut sight = Sight::of(depth.waiting + depth.in_flight);
        let mut shown = Vec::new();
        while !sight.is_over() {
            let records = source.queue.receive(10, HIDDEN_SECS).await?;
            for record in sight.new_of(records, &mut shown) {
                self.report.left.push(parked_record(source, &record, None));
            }
        }
        for receipt in shown {
            self.put_down(source, source.queue.release(&receipt, 0).await);
        }
        self.report.add_rest(source, "parked records", sight.unseen());
        Ok(())
    }

    async fn parked(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        // What comes after as many as there were, and was seen, was parked again meanwhile.
        let there_were = source.queue.depth().await?.waiting;
        let (mut seen, mut named, mut kept) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut handled = 0;
        loop {
            let parked = source.queue.receive(10, HIDDEN_SECS).await?;
            let mut any_is_new = false;
            for record in parked {
                let text = fingerprint(&record.text);
                let is_first = seen.insert(text);
                any_is_new |= is_first || handled < there_were;
                let left = if !is_first && handled >= there_were {
                    Some("it was parked again at once")
                } else {
                    match redrive_parked(source.home, &record).await? {
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
                    self.report.left.push(parked_record(source, &record, Some(why)));
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

    /// What the queue still counts: messages that somebody else has taken out do not come to who receives.
    async fn look_for_rest(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            let depth = source.queue.depth().await?;
            let parked = if source.is_parked() { depth.waiting + depth.in_flight } else { 0 };
            let rest = [("dead letters", depth.dead), ("parked records", parked.saturating_sub(self.stay))];
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

    /// Holds the work back to the rate, and says how far it is.
    async fn pace(&mut self, source: &Source<'_>) {
        let done = self.report.moved + self.report.settled;
        self.worker.hold_back(self.started, done as u64).await;
        let now = self.worker.clock.now();
        if now.since(self.told) >= TELL_MS {
            self.told = now;
            self.worker.watch.see(&Event::Redriving { region: source.region(), queue: &source.name, done });
        }
    }

    /// What is not put down comes back by itself.
    fn put_down(&self, source: &Source<'_>, released: Result<(), StoreError>) {
        if let Err(error) = released {
            self.worker.watch.see(&Event::Hidden { region: source.region(), queue: &source.name, error: &error });
        }
    }
}

fn dead_letter(source: &Source<'_>, letter: &Delivery) -> Line {
    let key = match Message::from_text(&letter.text) {
        Ok(Message::WrapKeys { id, part, .. }) => format!("{id}/{part}"),
        Ok(Message::Copy { table, id, key }) => format!("{table} {id}/{key}"),
        Ok(Message::Parked { table, key, .. }) => format!("{table} {key}"),
        #[allow(unreachable_patterns, reason = "messages of other kinds come with other versions")]
        Ok(_) | Err(_) => "?".to_owned(),
    };
    let reason = format!("failed {} times; the log of the function says why", letter.received);
    line(source, "dead letter", key, reason)
}

fn parked_record(source: &Source<'_>, record: &Delivery, left: Option<&str>) -> Line {
    let (key, reason) = match Message::from_text(&record.text) {
        Ok(Message::Parked { table, key, reason, .. }) => (format!("{table} {key}"), reason),
        _ => ("?".to_owned(), "the message cannot be read".to_owned()),
    };
    let reason = left.map_or(reason.clone(), |left| format!("{reason}; {left}"));
    line(source, "parked record", key, reason)
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
