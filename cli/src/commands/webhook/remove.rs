//! `umoja webhook remove`: ends a webhook.

use clap::Args;
use serde_json::json;
use umoja_schema::WebhookId;

use super::known::change_known;
use crate::CliError;
use crate::commands::target::Target;
use crate::output::Output;

/// Remove a paused webhook. What waits for it is dropped.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a paused webhook: its secrets end, and what waits for it is dropped. Every region remembers that \
it has ended, so that no older document of it can take its place. The events themselves stay for as long as events are \
kept."
)]
#[command(after_help = "Examples:
  umoja webhook pause soko-crm --dir DIR
  umoja webhook remove soko-crm --dir DIR")]
pub(super) struct Remove {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let id = &self.id;
        let changed = change_known(&deployment, id, |webhook| {
            if webhook.enabled {
                return Err(CliError::Failed(format!(
                    "the webhook {id} is not paused; run `umoja webhook pause {id} {}` first",
                    self.target.arguments()
                )));
            }
            webhook.end();
            Ok(())
        });
        changed.await?.everywhere?;
        output.answer(&json!({ "id": id, "removed": true }), || format!("The webhook {id} is removed."));
        Ok(())
    }
}
