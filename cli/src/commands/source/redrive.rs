//! `umoja source redrive`: has events applied again.

use clap::Args;
use serde::Serialize;
use umoja_schema::{InboxEvent, InboxState, Millis, Region, SourceId};
use umoja_store::inbox::{self as store, StoredEvent};
use umoja_store::ports::StoreError;

use super::known::known;
use crate::CliError;
use crate::commands::audit::trail;
use crate::commands::inbox;
use crate::commands::target::Target;
use crate::deployment::DeployedRegion;
use crate::output::{Output, counted, verb};

/// Have events of a source applied again: those that are parked, or all since a time.
#[derive(Debug, Args)]
#[command(long_about = "Have events of a source applied again: those that are parked, or with --since all that were \
accepted since a time and are still kept (7 days after they were applied, 30 days if parked or ignored). Each waits \
again and is brought to the queue.

An event that was applied before changes nothing the second time, unless the user was changed by another writer since: \
what counts is the provider's own time. The reason why an event is parked has to be repaired first, or it is parked \
again. Dead letters are another matter: see `umoja redrive`.

In AWS it also needs dynamodb:Scan, GetItem and PutItem on PREFIX-inbox and sqs:SendMessage on PREFIX-ingest in every \
region.")]
#[command(after_help = "Examples:
  umoja source redrive soko-auth0 --dir DIR
  umoja source redrive soko-auth0 --since 2026-01-31 --dir DIR
  umoja source redrive soko-auth0 --parked --only af-south-1 \\
      --prefix PREFIX --region eu-west-1")]
pub(super) struct Redrive {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// The events that are parked. This is the default.
    #[arg(long, conflicts_with = "since")]
    parked: bool,
    /// All events that were accepted since this day, or this time as in RFC 3339, and do not wait.
    #[arg(long, value_name = "TIME", value_parser = trail::since)]
    since: Option<Millis>,
    /// Only events of this region.
    #[arg(long, value_name = "REGION")]
    only: Option<Region>,
}

/// What was done in a region.
#[derive(Serialize)]
struct Redriven {
    region: Region,
    /// Events that wait again.
    waiting: u64,
    /// Why not all of them could be set to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Redrive {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let source = known(&deployment, &self.id).await?;
        if let Some(only) = &self.only {
            deployment.get(only)?;
        }
        let mut regions = Vec::new();
        let wanted = |region: &&DeployedRegion| self.only.as_ref().is_none_or(|only| only == region.name());
        for region in deployment.list.iter().filter(wanted) {
            let mut waiting = 0;
            let done = self.region(region, deployment.clock.now(), &mut waiting).await;
            let error = done.err().map(|error| error.to_string());
            regions.push(Redriven { region: region.name().clone(), waiting, error });
        }
        let is_done = regions.iter().all(|region| region.error.is_none());
        output.answer(&serde_json::json!({ "id": self.id, "regions": regions }), || {
            let mut lines = Vec::new();
            for Redriven { region, waiting, error } in &regions {
                lines.push(format!(
                    "{region}: {} {} again",
                    counted(*waiting, "event"),
                    verb(*waiting, "waits", "wait")
                ));
                lines.extend(error.iter().map(|error| format!("{region}: {error}; run the command again")));
            }
            if !source.enabled {
                lines.push(format!("The source is paused; `umoja source resume {}` has them applied.", self.id));
            }
            lines.join("\n")
        });
        if is_done { Ok(()) } else { Err(CliError::Said) }
    }

    fn is_wanted(&self, event: &InboxEvent) -> bool {
        let is_dropped = event.reason.as_deref() == Some(store::DROPPED);
        event.source == self.id
            && !is_dropped
            && match self.since {
                None => event.state == InboxState::Parked,
                Some(since) => {
                    !matches!(event.state, InboxState::Waiting | InboxState::Open) && event.received_at >= since
                }
            }
    }

    async fn region(&self, region: &DeployedRegion, now: Millis, waiting: &mut u64) -> Result<(), StoreError> {
        let own = &region.home.own;
        let seen = inbox::each(region, now, async |stored: StoredEvent| {
            if !self.is_wanted(&stored.event) {
                return Ok(());
            }
            let event = InboxEvent {
                state: InboxState::Waiting,
                reason: None,
                detail: None,
                left_out: Vec::new(),
                ..stored.event.clone()
            };
            let expires_at = store::expiry(InboxState::Waiting, now);
            // If another writer was earlier, the event is on its way already.
            if store::replace_event(&*own.inbox, &stored, &event, now, expires_at).await? {
                own.ingest.send(&store::message(&stored.key), 0).await?;
                *waiting += 1;
            }
            Ok(())
        });
        seen.await.map(drop)
    }
}
