//! `umoja webhook redrive` and `replay`: post again what has failed, or everything since a time.

use clap::Args;
use serde_json::json;
use umoja_schema::{Millis, WebhookId};

use super::known::{Standing, change_known, wake};
use crate::CliError;
use crate::commands::audit::trail::since;
use crate::commands::target::Target;
use crate::output::{Output, counted, time, verb};

/// Post again what a webhook did not accept within three days.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja webhook redrive soko-crm --dir DIR")]
pub(super) struct Redrive {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
}

/// Post all events of a webhook again since a time.
#[derive(Debug, Args)]
#[command(
    long_about = "Post all events of a webhook again since a time, as far as they are kept: after its owner has lost \
some. Each has the `webhook-id` that it had before."
)]
#[command(after_help = "Examples:
  umoja webhook replay soko-crm --since 2027-01-15 --dir DIR
  umoja webhook replay soko-crm --since 2027-01-15T08:00:00Z --dir DIR")]
pub(super) struct Replay {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// Begin with the events from this time on (RFC 3339, or a day).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Millis,
}

impl Redrive {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.orders.redriven = webhook.orders.redriven.saturating_add(1);
            Ok(())
        });
        let changed = changed.await?;
        let failed = match Standing::of(&deployment, &changed.document).await {
            Ok(Some(standing)) => standing.backlog.failed,
            Ok(None) | Err(_) => 0,
        };
        wake(&deployment, &changed.document).await;
        changed.everywhere?;
        output.answer(&json!({ "id": self.id, "failed": failed }), || {
            let (events, are) = (counted(failed, "failed event"), verb(failed, "is", "are"));
            match failed {
                0 => format!("No event of the webhook {} has failed.", self.id),
                _ => format!("{events} of the webhook {} {are} posted again within 2 seconds.", self.id),
            }
        });
        Ok(())
    }
}

impl Replay {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.orders.replayed = webhook.orders.replayed.saturating_add(1);
            webhook.orders.replay_from = Some(self.since);
            Ok(())
        });
        let changed = changed.await?;
        wake(&deployment, &changed.document).await;
        changed.everywhere?;
        output.answer(&json!({ "id": self.id, "since": self.since.secs() }), || {
            format!("The events of the webhook {} since {} are posted again.", self.id, time(self.since))
        });
        Ok(())
    }
}
