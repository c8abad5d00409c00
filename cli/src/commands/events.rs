//! `umoja events`: the events that companies list.

use clap::{Args, Subcommand};
use serde_json::json;
use umoja_store::events::{EventRetention, MAX_KEEP_DAYS};

use super::target::Target;
use crate::CliError;
use crate::deployment::Regions;
use crate::output::Output;

/// Events for companies: set how long they are kept.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Keep(Keep),
}

/// Show or set for how long events are kept.
#[derive(Debug, Args)]
#[command(
    long_about = "Show or set for how long events are kept for companies, in every region: 30 days without a setting, 90 \
at most. Events that exist already keep their time.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings; to set it, PutItem there."
)]
#[command(after_help = "Examples:
  umoja events keep --dir DIR
  umoja events keep --days 60 --dir DIR")]
struct Keep {
    /// Keep them for this number of days.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_KEEP_DAYS)))]
    days: Option<u16>,
    #[command(flatten)]
    target: Target,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let Action::Keep(keep) = self.action;
        let regions = keep.target.regions().await?;
        let mut retention = everywhere(&regions).await?;
        if let Some(keep_days) = keep.days {
            let revision = retention.revision.saturating_add(1);
            retention = EventRetention { revision, keep_days };
            for region in &regions.list {
                retention.put(&*region.home.registry).await.map_err(|source| region.failed(source))?;
            }
        }
        output.answer(&json!({ "keep_days": retention.keep_days }), || {
            format!("Events are kept for {} days.", retention.keep_days)
        });
        Ok(())
    }
}

/// The setting over all regions.
async fn everywhere(regions: &Regions) -> Result<EventRetention, CliError> {
    let mut found = EventRetention::default();
    for region in &regions.list {
        let retention = EventRetention::load(&*region.home.registry).await.map_err(|source| region.failed(source))?;
        found = found.merged(&retention);
    }
    Ok(found)
}
