//! `umoja redrive`: dead letters and parked records go back to where they are worked on.

mod sight;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use umoja_reconciler::{Redriven, redrive_parked};
use umoja_schema::names::queue;
use umoja_schema::{Message, Millis, Region};
use umoja_store::ports::{Clock, Delivery, Queue, StoreError};

use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::DeployedRegion;
use crate::output::{Output, note, table};
use sight::{Sight, fingerprint};

/// How long a message is hidden that this command has taken out, in seconds.
const HIDDEN_SECS: u32 = 120;

/// SQS counts late: how often, in AWS, a count is looked at again before something is said to be left.
const LOOKS: u32 = 12;

/// How long there is between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// How often somebody who waits is told so.
const TELL_MS: u64 = 10_000;

/// Send dead letters and parked records back to where they are worked on.
#[derive(Debug, Args)]
#[command(
    long_about = "Send dead letters and parked records back to where they are worked on, once what stood in the way is \
mended. A dead letter goes back to its queue. A parked record goes to the retry queues of the peers, or to the key repair, \
which read again what is stored: one that was overtaken meanwhile does no harm, and doing it twice is doing it once. What \
was not mended ends up where it was.

--dry-run shows what there is, keys and reasons only, and moves nothing: each line has the region, the queue, what it is \
(dead letter or parked record), the key and the reason; of each queue a thousand messages at most, and equal ones once. Taking a message out hides it for up to two minutes if the command \
is interrupted.

The exit code is 0 if nothing is left, and 1 if something is, which is then named; what somebody else has taken out of a \
queue at that moment is counted, and told (in AWS that count may be a minute old, and is waited for). With --dry-run it \
is 1 if there is anything to send back.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings, PREFIX-users, PREFIX-journal, \
PREFIX-receipts and PREFIX-audit; sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility on PREFIX-*-dead and \
PREFIX-parked; sqs:SendMessage and GetQueueAttributes on PREFIX-*. With --dry-run, dynamodb:GetItem on PREFIX-settings, \
and of SQS ReceiveMessage, ChangeMessageVisibility and GetQueueAttributes."
)]
#[command(after_help = "Examples:
  umoja redrive --dir DIR --dry-run
  umoja redrive --prefix PREFIX --region eu-west-1
  umoja redrive --prefix PREFIX --region eu-west-1 --only us-east-1 --queue retry-eu-west-1 --rate 20")]
pub(super) struct Redrive {
    #[command(flatten)]
    target: Target,
    /// Only what is in this region.
    #[arg(long, value_name = "REGION")]
    only: Option<Region>,
    /// Only what is in this queue: retry-REGION, keys or parked.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Show what there is, and move nothing.
    #[arg(long)]
    dry_run: bool,
    /// How many messages are moved in a second at most; 0 for as many as can be.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    dry_run: bool,
    /// Messages that were sent back.
    moved: usize,
    /// Parked records about which nothing is left to do.
    settled: usize,
    /// With --dry-run what there is; else what stays.
    left: Vec<Line>,
    /// What is counted besides: more than is shown, or hidden by another receive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rest: Vec<Rest>,
    /// Regions that did not do as asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<Unseen>,
}

#[derive(Debug, Serialize)]
struct Line {
    region: Region,
    queue: String,
    kind: &'static str,
    key: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Rest {
    region: Region,
    queue: String,
    what: &'static str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Unseen {
    region: Region,
    error: String,
}

/// One queue of a region.
struct Source<'a> {
    region: &'a DeployedRegion,
    name: String,
    queue: Arc<dyn Queue>,
}

impl Redrive {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let opened = self.target.open().await?;
        let looks = if matches!(opened, Opened::Cloud(..)) { LOOKS } else { 0 };
        let regions = opened.regions_now().await?;
        let wanted = |region: &&DeployedRegion| self.only.as_ref().is_none_or(|only| only == region.name());
        let chosen: Vec<&DeployedRegion> = regions.list.iter().filter(wanted).collect();
        if chosen.is_empty() {
            return Err(CliError::Usage("--only: the deployment has no such region".into()));
        }
        let sources: Vec<Vec<Source<'_>>> = chosen.iter().map(|region| self.sources(region)).collect();
        if sources.iter().all(Vec::is_empty) {
            return Err(CliError::Usage("--queue: there is no such queue; it is retry-REGION, keys or parked".into()));
        }
        let mut work = Work::new(&self, looks, Arc::clone(&regions.clock));
        for source in sources.iter().flatten() {
            if work.answer.unseen.iter().any(|unseen| unseen.region == *source.region.name()) {
                continue;
            }
            if let Err(error) = work.queue(source).await {
                let region = source.region.name().clone();
                work.answer.unseen.push(Unseen { region, error: error.to_string() });
            }
        }
        let answer = work.answer;
        output.answer(&answer, || answer.text());
        if answer.left.is_empty() && answer.rest.is_empty() && answer.unseen.is_empty() {
            Ok(())
        } else {
            Err(CliError::Said)
        }
    }

    fn sources<'a>(&self, region: &'a DeployedRegion) -> Vec<Source<'a>> {
        let home = &region.home;
        let retries = home.peers.iter().map(|peer| (queue::retry(&peer.ports.name), &peer.retry));
        let all = retries.chain([(queue::KEYS.to_owned(), &home.repairs), (queue::PARKED.to_owned(), &home.parked)]);
        let wanted = all.filter(|(name, _)| self.queue.as_ref().is_none_or(|queue| queue == name));
        wanted.map(|(name, queue)| Source { region, name, queue: Arc::clone(queue) }).collect()
    }
}

/// A run of the command.
struct Work {
    rate: u32,
    /// How often the count of a queue is looked at before it is believed that something is left.
    looks: u32,
    /// Messages of the present queue that were left on purpose.
    stay: u64,
    clock: Arc<dyn Clock>,
    started: Millis,
    told: Millis,
    answer: Answer,
}

impl Work {
    fn new(command: &Redrive, looks: u32, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let answer = Answer { dry_run: command.dry_run, ..Answer::default() };
        Self { rate: command.rate, looks, stay: 0, clock, started: now, told: now, answer }
    }

    async fn queue(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        self.stay = 0;
        self.dead_letters(source).await?;
        if source.name == queue::PARKED {
            self.parked(source).await?;
        }
        if self.answer.dry_run { Ok(()) } else { self.look_for_rest(source).await }
    }

    async fn dead_letters(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        if self.answer.dry_run {
            return self.shown_dead_letters(source).await;
        }
        loop {
            let dead = source.queue.receive_dead(10, HIDDEN_SECS).await?;
            if dead.is_empty() {
                return Ok(());
            }
            for letter in dead {
                source.queue.redrive(&letter).await?;
                self.answer.moved += 1;
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
                self.answer.left.push(dead_letter(source, &letter));
            }
        }
        for receipt in shown {
            put_down(source, source.queue.release_dead(&receipt).await);
        }
        self.answer.add_rest(source, "dead letters", sight.unseen());
        Ok(())
    }

    async fn shown_parked(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let depth = source.queue.depth().await?;
        let mut sight = Sight::of(depth.waiting + depth.in_flight);
        let mut shown = Vec::new();
        while !sight.is_over() {
            let records = source.queue.receive(10, HIDDEN_SECS).await?;
            for record in sight.new_of(records, &mut shown) {
                self.answer.left.push(parked_record(source, &record, None));
            }
        }
        for receipt in shown {
            put_down(source, source.queue.release(&receipt, 0).await);
        }
        self.answer.add_rest(source, "parked records", sight.unseen());
        Ok(())
    }

    async fn parked(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        if self.answer.dry_run {
            return self.shown_parked(source).await;
        }
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
                    match redrive_parked(&source.region.home, &record).await? {
                        Redriven::Queued => {
                            self.answer.moved += 1;
                            None
                        }
                        Redriven::Settled => {
                            self.answer.settled += 1;
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
                    self.answer.left.push(parked_record(source, &record, Some(why)));
                }
                kept.push(record.receipt);
            }
            if !any_is_new {
                break;
            }
        }
        self.stay = kept.len() as u64;
        for receipt in kept {
            put_down(source, source.queue.release(&receipt, 0).await);
        }
        Ok(())
    }

    /// What the queue still counts: messages that somebody else has taken out do not come to who receives.
    async fn look_for_rest(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let is_parked = source.name == queue::PARKED;
        let mut tries = 0;
        loop {
            let depth = source.queue.depth().await?;
            let parked = if is_parked { depth.waiting + depth.in_flight } else { 0 };
            let rest = [("dead letters", depth.dead), ("parked records", parked.saturating_sub(self.stay))];
            if tries >= self.looks || rest.iter().all(|(_, count)| *count == 0) {
                for (what, count) in rest {
                    self.answer.add_rest(source, what, count);
                }
                return Ok(());
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Holds the work back to the rate, and says how far it is.
    async fn pace(&mut self, source: &Source<'_>) {
        let done = self.answer.moved + self.answer.settled;
        if self.rate > 0 {
            let due = (done as u64).saturating_mul(1000) / u64::from(self.rate);
            let early = due.saturating_sub(self.clock.now().since(self.started));
            tokio::time::sleep(Duration::from_millis(early)).await;
        }
        if self.clock.now().since(self.told) >= TELL_MS {
            self.told = self.clock.now();
            note(&format!("{}: {}: {done} messages are sent back", source.region.name(), source.name));
        }
    }
}

/// What is not put down comes back by itself.
fn put_down(source: &Source<'_>, released: Result<(), StoreError>) {
    if let Err(error) = released {
        note(&format!("{}: {}: a message stays hidden for a while: {error}", source.region.name(), source.name));
    }
}

fn dead_letter(source: &Source<'_>, letter: &Delivery) -> Line {
    let key = match Message::from_text(&letter.text) {
        Ok(Message::CopyPart { id, part } | Message::WrapKeys { id, part, .. }) => format!("{id}/{part}"),
        Ok(Message::CopyRow { table, id, key }) => format!("{table} {id}/{key}"),
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
    Line { region: source.region.name().clone(), queue: source.name.clone(), kind, key, reason }
}

impl Answer {
    fn add_rest(&mut self, source: &Source<'_>, what: &'static str, count: u64) {
        if count > 0 {
            let (region, queue) = (source.region.name().clone(), source.name.clone());
            self.rest.push(Rest { region, queue, what, count });
        }
    }

    fn text(&self) -> String {
        let row = |line: &Line| {
            let Line { region, queue, kind, key, reason } = line;
            vec![region.to_string(), queue.clone(), (*kind).to_owned(), key.clone(), reason.clone()]
        };
        let mut text = table(&self.left.iter().map(row).collect::<Vec<_>>());
        let unseen = |unseen: &Unseen| {
            format!("{} did not do as asked: {}; run the command again\n", unseen.region, unseen.error)
        };
        text.extend(self.unseen.iter().map(unseen));
        let why = if self.dry_run { "more than is shown, or" } else { "it has come since, or is" };
        text.extend(self.rest.iter().map(|Rest { region, queue, what, count }| {
            format!("{region}: {queue}: {count} more {what}: {why} hidden for a while by somebody who took it out\n")
        }));
        let end = match (self.dry_run, self.left.len()) {
            (true, 0) if !self.rest.is_empty() => {
                "Nothing of it could be taken out; try again in two minutes.".to_owned()
            }
            (true, 0) => "Nothing is dead or parked.".to_owned(),
            (true, left) => format!("{left} messages would be sent back."),
            (false, left) => {
                format!("{} messages were sent back, {} had nothing left to do, {left} stay.", self.moved, self.settled)
            }
        };
        text + &end
    }
}
