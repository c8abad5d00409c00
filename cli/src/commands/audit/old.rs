//! `umoja audit drop`: drops rows that are older than they are kept.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::drop_audit_rows::drop_rows;
use umoja_schema::Millis;

use super::super::jobs::worker;
use super::super::target::Target;
use super::keep::{everywhere, put};
use crate::CliError;
use crate::output::{Output, counted, time};

/// Drop the rows of the audit trail that are older than `umoja audit keep` says, in every region.
#[derive(Debug, Args)]
#[command(name = "drop")]
#[command(
    long_about = "Drop the rows of the audit trail that are older than `umoja audit keep` says, in every region. Run \
it by a schedule, such as once a day. Only this command drops rows: no function has the right to delete replicated \
items.

First the command writes into every region's settings that earlier rows may be missing, so that no comparison brings \
them back and no check misses them. The last row of each chain stays, however old: the next row is numbered after it. \
The command can be interrupted and run again at any time.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and PutItem on PREFIX-settings; Scan and \
DeleteItem on PREFIX-audit."
)]
#[command(after_help = "Examples:
  umoja audit drop --dir DIR
  umoja audit drop --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct DropOld {
    #[command(flatten)]
    target: Target,
}

impl DropOld {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let mut retention = everywhere(&regions).await?;
        let Some(before) = retention.too_old_before(regions.clock.now()) else {
            let message = "the audit trail is kept for ever; set a time with `umoja audit keep --days DAYS`";
            return Err(CliError::Failed(message.into()));
        };
        // If rows are kept for longer now, some older rows are gone already.
        retention.dropped_before = retention.dropped_before.max(before);
        put(&regions, &retention.changed()).await?;
        let worker = worker(&regions, 0, Millis(u64::MAX));
        let mut dropped = Vec::new();
        for region in &regions.list {
            dropped.push((region.name(), drop_rows(&worker, &region.home.own, before).await?));
        }
        let before = time(before);
        let list: Vec<_> = dropped.iter().map(|(region, rows)| json!({ "region": region, "dropped": rows })).collect();
        output.answer(&json!({ "before": before, "regions": list }), || {
            let lines = dropped
                .iter()
                .map(|(region, rows)| format!("{region}: {} from before {before} dropped\n", counted(*rows, "row")));
            lines.collect()
        });
        Ok(())
    }
}
