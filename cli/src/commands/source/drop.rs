//! `umoja source drop`: gives parked events up.

use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::json;
use umoja_schema::{InboxEvent, InboxState, Millis, Region, SourceId};
use umoja_store::inbox::{self as store, StoredEvent};
use umoja_store::ports::StoreError;

use super::known::is_known;
use crate::CliError;
use crate::commands::inbox::{self, Parked};
use crate::commands::target::Target;
use crate::deployment::DeployedRegion;
use crate::output::{Output, counted, table};

/// Give parked events up: they are not applied any more.
#[derive(Debug, Args)]
#[command(long_about = "Give parked events of a source up, also of one that was removed. Without --yes the command \
lists the events that it would drop, and changes nothing.

A dropped event is done: it is not applied, and `umoja source redrive` does not bring it back. Its sealed payload is \
removed at once. Its key stays for 7 days, so that the same event is known if the provider sends it again. What it said \
about the user is lost until the provider's next event about that user.

The exit code is 0 if the events were dropped or there are none, and 1 if some were only listed.

In AWS it also needs dynamodb:Scan and GetItem on PREFIX-inbox in every region, with --yes also PutItem.")]
#[command(after_help = "Examples:
  umoja source drop soko-auth0 --reason malformed --dir DIR
  umoja source drop soko-auth0 --reason malformed --yes --dir DIR
  umoja source drop soko-auth0 --all --yes --only af-south-1 \\
      --prefix PREFIX --region eu-west-1")]
#[command(group(ArgGroup::new("which").required(true).args(["key", "reason", "all"])))]
pub(super) struct Drop {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// The event under this key, as `umoja source show` lists it. Can be repeated.
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Vec<Key>,
    /// The events that are parked for this reason, as `umoja source show` lists it.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// All parked events of the source.
    #[arg(long)]
    all: bool,
    /// Drop them. Without it they are listed.
    #[arg(long)]
    yes: bool,
    /// Only events of this region.
    #[arg(long, value_name = "REGION")]
    only: Option<Region>,
}

/// The key of an event.
type Key = [u8; 32];

fn key(text: &str) -> Result<Key, &'static str> {
    store::key_of(text).ok_or("it is no key of an event; `umoja source show` lists keys")
}

/// What was done in a region.
#[derive(Serialize)]
struct Dropped {
    region: Region,
    /// The events that were dropped, or would be.
    events: Vec<Parked>,
    /// Why not all of them could be dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Drop {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        if let Some(only) = &self.only {
            deployment.get(only)?;
        }
        is_known(&deployment, &self.id).await?;
        let wanted = |region: &&DeployedRegion| self.only.as_ref().is_none_or(|only| only == region.name());
        let mut regions = Vec::new();
        for region in deployment.list.iter().filter(wanted) {
            let mut events = Vec::new();
            let done = self.region(region, deployment.clock.now(), &mut events).await;
            let error = done.err().map(|error| error.to_string());
            regions.push(Dropped { region: region.name().clone(), events, error });
        }
        let is_done = regions.iter().all(|dropped| dropped.error.is_none());
        let found: u64 = regions.iter().map(|dropped| dropped.events.len() as u64).sum();
        output.answer(&json!({ "id": self.id, "dropped": self.yes, "regions": regions }), || {
            let mut lines = Vec::new();
            for Dropped { region, events, error } in &regions {
                let what = if self.yes { "dropped" } else { "would be dropped" };
                lines.push(format!("{region}: {} {what}\n", counted(events.len() as u64, "event")));
                lines.push(table(&events.iter().map(Parked::row).collect::<Vec<_>>()));
                lines.extend(error.iter().map(|error| format!("{region}: {error}; run the command again\n")));
            }
            if !self.yes && found > 0 {
                lines.push("Nothing was changed. With --yes they are dropped, and cannot be brought back.".to_owned());
            }
            lines.concat().trim_end().to_owned()
        });
        if is_done && (self.yes || found == 0) { Ok(()) } else { Err(CliError::Said) }
    }

    fn is_wanted(&self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        let is_meant = self.all
            || self.key.contains(&stored.key)
            || self.reason.as_ref().is_some_and(|reason| event.reason.as_ref() == Some(reason));
        event.source == self.id && event.state == InboxState::Parked && is_meant
    }

    async fn region(&self, region: &DeployedRegion, now: Millis, events: &mut Vec<Parked>) -> Result<(), StoreError> {
        let own = &region.home.own;
        let seen = inbox::each(region, now, async |stored: StoredEvent| {
            if !self.is_wanted(&stored) {
                return Ok(());
            }
            let event = InboxEvent {
                state: InboxState::Done,
                reason: Some(store::DROPPED.to_owned()),
                detail: None,
                payload: String::new(),
                ..stored.event.clone()
            };
            let expires_at = store::expiry(InboxState::Done, now);
            // If another writer was earlier, an operator has had the event tried again.
            if !self.yes || store::replace_event(&*own.inbox, &stored, &event, now, expires_at).await? {
                events.push(Parked::of(&stored));
            }
            Ok(())
        });
        seen.await.map(drop)
    }
}
