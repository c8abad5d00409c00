//! `umoja redrive`: sends dead letters and quarantined records back to the queues that process them.

use clap::Args;
use serde::Serialize;
use umoja_reconciler::jobs::redrive::{Line, Redrive as Job, RedriveReport, Rest, Source};
use umoja_schema::{Millis, Region};

use super::jobs::worker;
use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::DeployedRegion;
use crate::output::{Output, table};

/// SQS counts late: how often, in AWS, a count is read again before messages are reported as left.
const LOOKS: u32 = 12;

/// Send dead letters and quarantined records back to the queues that process them.
#[derive(Debug, Args)]
#[command(
    long_about = "Send dead letters and quarantined records back to the queues that process them, once their cause is \
repaired. A dead letter goes back to its queue. A quarantined record goes to the retry queues of the peers, or to the \
key repair, which read the stored item again: a record that was overtaken meanwhile does no harm, and a second redrive \
has no further effect. A message whose cause is not repaired ends up where it was.

--dry-run lists the messages, keys and reasons only, and moves none: each line has the region, the queue, the kind \
(dead letter or quarantined record), the key and the reason. It shows at most a thousand messages of each queue, and \
equal ones once. If the command is interrupted, a message that it took out stays hidden for up to two minutes.

The exit code is 0 if no message is left, and 1 if some are, which are then named. Messages that another receiver has \
taken out of a queue at that moment are counted and reported (in AWS the command waits for that count, which may be a \
minute old). With --dry-run it is 1 if there is any message to send back.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings, PREFIX-users, \
PREFIX-journal, PREFIX-receipts and PREFIX-audit; sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility on \
PREFIX-*-dead and PREFIX-quarantined; sqs:SendMessage and GetQueueAttributes on PREFIX-*. With --dry-run, \
dynamodb:GetItem on PREFIX-settings, and of SQS ReceiveMessage, ChangeMessageVisibility and GetQueueAttributes."
)]
#[command(after_help = "Examples:
  umoja redrive --dir DIR --dry-run
  umoja redrive --prefix PREFIX --region eu-west-1
  umoja redrive --prefix PREFIX --region eu-west-1 --only us-east-1 \\
      --queue retry-eu-west-1 --rate 20")]
pub(super) struct Redrive {
    #[command(flatten)]
    target: Target,
    /// Only messages of this region.
    #[arg(long, value_name = "REGION")]
    only: Option<Region>,
    /// Only messages of this queue: retry-REGION, keys, merges, ingest, deliver or quarantined.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// List the messages, and move none.
    #[arg(long)]
    dry_run: bool,
    /// The most messages to move in a second; 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    dry_run: bool,
    /// Messages that were sent back.
    moved: usize,
    /// Quarantined records that need no more work.
    settled: usize,
    /// With --dry-run all messages; else those that stay.
    left: Vec<Line>,
    /// Further messages that are only counted: more than are shown, or hidden by another receiver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rest: Vec<Rest>,
    /// Regions in which the redrive failed.
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
            return Err(CliError::Usage(
                "--queue: there is no such queue; it is retry-REGION, keys, \
                 merges, ingest, deliver or quarantined"
                    .into(),
            ));
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
            format!("the redrive in {} failed: {}; run the command again\n", unseen.region, unseen.error)
        };
        text.extend(self.unseen.iter().map(unseen));
        let why = if self.dry_run { "more than are shown, or" } else { "newly arrived, or" };
        text.extend(self.rest.iter().map(|Rest { region, queue, what, count }| {
            format!("{region}: {queue}: {count} more {what}: {why} hidden for a while by another receiver\n")
        }));
        let end = match (self.dry_run, self.left.len()) {
            (true, 0) if !self.rest.is_empty() => {
                "None of them could be taken out; try again in two minutes.".to_owned()
            }
            (true, 0) => "Nothing is dead or quarantined.".to_owned(),
            (true, left) => format!("{left} messages would be sent back."),
            (false, left) => {
                format!("{} messages were sent back, {} needed no more work, {left} stay.", self.moved, self.settled)
            }
        };
        text + &end
    }
}
