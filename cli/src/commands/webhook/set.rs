//! `umoja webhook set`, `pause` and `resume`.

use clap::Args;
use serde_json::json;
use umoja_schema::WebhookId;

use super::known::{change_known, settings, wake};
use crate::CliError;
use crate::commands::foreign::{OutboundLoopback, url};
use crate::commands::target::Target;
use crate::output::Output;

/// Let the events of a webhook wait; `umoja webhook resume` posts them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja webhook pause soko-crm --dir DIR")]
pub(super) struct Pause {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
}

/// Post again to a webhook that was paused, or that answered 410; first what waits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja webhook resume soko-crm --dir DIR")]
pub(super) struct Resume {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
}

/// Change the URL of a webhook. What waits is posted to the new one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja webhook set soko-crm --url https://crm.soko.example/v2 --dir DIR")]
pub(super) struct Set {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// Where the events are posted.
    #[arg(long, value_parser = url)]
    url: String,
    #[command(flatten)]
    loopback: OutboundLoopback,
}

impl Pause {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.enabled = false;
            Ok(())
        });
        changed.await?.everywhere?;
        output.answer(&json!({ "id": self.id, "enabled": false }), || {
            format!(
                "The webhook {} is paused within 2 seconds. Its events wait for as long as events are kept.",
                self.id
            )
        });
        Ok(())
    }
}

impl Resume {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.enabled = true;
            webhook.orders.resumed = webhook.orders.resumed.saturating_add(1);
            Ok(())
        });
        let changed = changed.await?;
        wake(&deployment, &changed.document).await;
        changed.everywhere?;
        output.answer(&json!({ "id": self.id, "enabled": true }), || {
            format!("The webhook {} is resumed: events that wait are posted within 2 seconds.", self.id)
        });
        Ok(())
    }
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        self.loopback.check(&self.url)?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.url.clone_from(&self.url);
            Ok(())
        });
        let changed = changed.await?;
        changed.everywhere?;
        output.answer(&settings(&changed.document, deployment.clock.now().secs()), || {
            format!("The webhook {} is changed within 2 seconds.", self.id)
        });
        Ok(())
    }
}
