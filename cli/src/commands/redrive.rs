//! `umoja redrive`: dead letters and parked records go back to where they are worked on.

use clap::Args;
use serde::Serialize;
use umoja_reconciler::jobs::redrive::{Line, Redrive as Job, RedriveReport, Rest, Source};
use umoja_schema::{Millis, Region};

use super::jobs::worker;
use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::DeployedRegion;
use crate::output::{Output, table};

/// SQS counts late: how often, in AWS, a count is looked at again before something is said to be left.
const LOOKS: u32 = 12;

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
struct Unseen {
    region: Region,
    error: String,
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
        let sources = chosen.iter().map(|region| Source::all(&region.home, self.queue.as_deref()));
        let sources: Vec<Source<'_>> = sources.flatten().collect();
        if sources.is_empty() {
            return Err(CliError::Usage("--queue: there is no such queue; it is retry-REGION, keys or parked".into()));
        }
        let mut unseen: Vec<Unseen> = Vec::new();
        let mut work = Job::new(worker(&regions, self.rate, Millis(u64::MAX)), self.dry_run, looks);
        for source in &sources {
            if unseen.iter().any(|unseen| unseen.region == *source.region()) {
                continue;
            }
            if let Err(error) = work.queue(source).await {
                unseen.push(Unseen { region: source.region().clone(), error: error.to_string() });
            }
        }
        let RedriveReport { moved, settled, left, rest } = work.into_report();
        let answer = Answer { dry_run: self.dry_run, moved, settled, left, rest, unseen };
        output.answer(&answer, || answer.text());
        if answer.left.is_empty() && answer.rest.is_empty() && answer.unseen.is_empty() {
            Ok(())
        } else {
            Err(CliError::Said)
        }
    }
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
