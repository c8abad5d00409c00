//! `umoja audit keep`: for how long the audit trail is kept.

use clap::Args;
use serde_json::json;
use umoja_schema::Millis;
use umoja_store::audit::Retention;

use super::super::target::Target;
use crate::CliError;
use crate::deployment::Regions;
use crate::output::{Output, time};

/// Show or set for how long the audit trail is kept.
#[derive(Debug, Args)]
#[command(
    long_about = "Show or set for how long the audit trail is kept, in every region. Without a setting it is kept for \
ever.

This command drops no rows: run `umoja audit drop` by a schedule, such as once a day. `umoja doctor` reports if that \
has not been done for a week.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings; to set it, PutItem there."
)]
#[command(after_help = "Examples:
  umoja audit keep --dir DIR
  umoja audit keep --days 400 --dir DIR
  umoja audit keep --for-ever --prefix PREFIX --region eu-west-1")]
pub(super) struct Keep {
    /// Keep it for this number of days.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500), conflicts_with = "for_ever")]
    days: Option<u32>,
    /// Keep it for ever.
    #[arg(long)]
    for_ever: bool,
    #[command(flatten)]
    target: Target,
}

impl Keep {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let mut retention = everywhere(&regions).await?;
        if self.days.is_some() || self.for_ever {
            retention = Retention { keep_days: self.days, ..retention }.changed();
            put(&regions, &retention).await?;
        }
        let dropped = (retention.dropped_before > Millis(0)).then(|| time(retention.dropped_before));
        output.answer(&json!({ "keep_days": retention.keep_days, "dropped_before": dropped }), || {
            let kept = match retention.keep_days {
                Some(days) => format!("The audit trail is kept for {days} days."),
                None => "The audit trail is kept for ever.".to_owned(),
            };
            let dropped = dropped.as_ref().map(|time| format!("\nRows from before {time} were dropped."));
            kept + &dropped.unwrap_or_default()
        });
        Ok(())
    }
}

/// The setting over all regions: how long rows are kept by the newest copy, and the latest drop of any region.
pub(super) async fn everywhere(regions: &Regions) -> Result<Retention, CliError> {
    let mut found: Option<Retention> = None;
    for region in &regions.list {
        let retention = Retention::load(&*region.home.registry).await.map_err(|source| region.failed(source))?;
        found = Some(found.map_or(retention, |found| found.merged(&retention)));
    }
    Ok(found.unwrap_or_default())
}

/// Writes the setting in every region.
pub(super) async fn put(regions: &Regions, retention: &Retention) -> Result<(), CliError> {
    for region in &regions.list {
        retention.put(&*region.home.registry).await.map_err(|source| region.failed(source))?;
    }
    Ok(())
}
