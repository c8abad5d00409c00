//! `umoja redrive`: dead letters and parked records go back to where they are worked on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use umoja_reconciler::{Redriven, redrive_parked};
use umoja_schema::names::queue;
use umoja_schema::{Message, Millis, Region};
use umoja_store::ports::{Clock, Delivery, Queue, StoreError};

use super::target::Target;
use crate::CliError;
use crate::deployment::DeployedRegion;
use crate::deployment::local::retry_queue;
use crate::output::{Output, note, table};

/// How long a message is hidden that this command has taken out, in seconds.
const HIDDEN_SECS: u32 = 120;

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
(dead letter or parked record), the key and the reason. Taking a message out hides it for up to two minutes if the command \
is interrupted.

The exit code is 0 if nothing is left, and 1 if something is, which is then named; with --dry-run it is 1 if there is \
anything to send back.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings, PREFIX-users, PREFIX-journal, \
PREFIX-receipts and PREFIX-audit; sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility on PREFIX-*-dead and \
PREFIX-parked; sqs:SendMessage on PREFIX-*. With --dry-run, dynamodb:GetItem on PREFIX-settings, and of SQS \
ReceiveMessage and ChangeMessageVisibility."
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
        let regions = self.target.regions().await?;
        let wanted = |region: &&DeployedRegion| self.only.as_ref().is_none_or(|only| only == region.name());
        let chosen: Vec<&DeployedRegion> = regions.list.iter().filter(wanted).collect();
        if chosen.is_empty() {
            return Err(CliError::Usage("--only: the deployment has no such region".into()));
        }
        let sources: Vec<Vec<Source<'_>>> = chosen.iter().map(|region| self.sources(region)).collect();
        if sources.iter().all(Vec::is_empty) {
            return Err(CliError::Usage("--queue: there is no such queue; it is retry-REGION, keys or parked".into()));
        }
        let mut work = Work::new(&self, Arc::clone(&regions.clock));
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
        if answer.left.is_empty() && answer.unseen.is_empty() { Ok(()) } else { Err(CliError::Said) }
    }

    fn sources<'a>(&self, region: &'a DeployedRegion) -> Vec<Source<'a>> {
        let home = &region.home;
        let retries = home.peers.iter().map(|peer| (retry_queue(&peer.ports.name), &peer.retry));
        let all = retries.chain([(queue::KEYS.to_owned(), &home.repairs), (queue::PARKED.to_owned(), &home.parked)]);
        let wanted = all.filter(|(name, _)| self.queue.as_ref().is_none_or(|queue| queue == name));
        wanted.map(|(name, queue)| Source { region, name, queue: Arc::clone(queue) }).collect()
    }
}

/// A run of the command.
struct Work {
    rate: u32,
    clock: Arc<dyn Clock>,
    started: Millis,
    told: Millis,
    answer: Answer,
}

impl Work {
    fn new(command: &Redrive, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let answer = Answer { dry_run: command.dry_run, ..Answer::default() };
        Self { rate: command.rate, clock, started: now, told: now, answer }
    }

    async fn queue(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        self.dead_letters(source).await?;
        if source.name == queue::PARKED { self.parked(source).await } else { Ok(()) }
    }

    async fn dead_letters(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        let mut shown = Vec::new();
        loop {
            let dead = source.queue.receive_dead(10, HIDDEN_SECS).await?;
            if dead.is_empty() {
                break;
            }
            for letter in dead {
                if self.answer.dry_run {
                    self.answer.left.push(dead_letter(source, &letter));
                    shown.push(letter.receipt);
                } else {
                    source.queue.redrive(&letter).await?;
                    self.answer.moved += 1;
                    self.pace(source).await;
                }
            }
        }
        for receipt in shown {
            put_down(source, source.queue.release_dead(&receipt).await);
        }
        Ok(())
    }

    async fn parked(&mut self, source: &Source<'_>) -> Result<(), StoreError> {
        // What is parked again while this runs is seen once.
        let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
        loop {
            let parked = source.queue.receive(10, HIDDEN_SECS).await?;
            if parked.is_empty() {
                break;
            }
            for record in parked {
                let first = seen.insert(record.text.clone());
                let left = match (self.answer.dry_run, first) {
                    (true, _) => Some("to be sent back"),
                    (false, false) => Some("it was parked again at once"),
                    (false, true) => match redrive_parked(&source.region.home, &record).await? {
                        Redriven::Queued => {
                            self.answer.moved += 1;
                            None
                        }
                        Redriven::Settled => {
                            self.answer.settled += 1;
                            None
                        }
                        Redriven::Left(why) => Some(why),
                    },
                };
                match left {
                    Some(why) => {
                        self.answer.left.push(parked_record(source, &record, (!self.answer.dry_run).then_some(why)));
                        kept.push(record.receipt);
                    }
                    None => self.pace(source).await,
                }
            }
        }
        for receipt in kept {
            put_down(source, source.queue.release(&receipt, 0).await);
        }
        Ok(())
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
        let end = match (self.dry_run, self.left.len()) {
            (true, 0) => "Nothing is dead or parked.".to_owned(),
            (true, left) => format!("{left} messages would be sent back."),
            (false, left) => {
                format!("{} messages were sent back, {} had nothing left to do, {left} stay.", self.moved, self.settled)
            }
        };
        text + &end
    }
}
