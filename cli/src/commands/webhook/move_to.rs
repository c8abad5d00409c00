//! `umoja webhook move`: gives a webhook another home.

use clap::Args;
use umoja_schema::{Millis, Region, WebhookId};

use super::known::{Standing, change_known, known, settings, wake};
use crate::CliError;
use crate::commands::audit::trail::since;
use crate::commands::target::Target;
use crate::output::{Output, time};

/// Let another region post the events of a webhook.
#[derive(Debug, Args)]
#[command(
    long_about = "Let another region post the events of a webhook. The new home begins with the events since the oldest \
one that waits in the old home, or with --since from a time on, so that nothing is lost: some events come twice, with \
the same `webhook-id`. While the old home does not answer, --since is needed."
)]
#[command(after_help = "Examples:
  umoja webhook move soko-crm --to af-south-1 --dir DIR
  umoja webhook move soko-crm --to af-south-1 --since 2027-01-15 --dir DIR")]
pub(super) struct Move {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// The new home.
    #[arg(long, value_name = "REGION")]
    to: Region,
    /// Begin with the events from this time on (RFC 3339, or a day).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Millis>,
}

/// How long before the oldest event that waits the new home begins, in milliseconds: an event is taken some time after it
/// was made, and clocks differ.
const BEFORE_MS: u64 = 10 * 60 * 1000;

impl Move {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        deployment.get(&self.to)?;
        let webhook = known(&deployment, &self.id).await?;
        let from = match self.since {
            Some(since) => since,
            None => match Standing::of(&deployment, &webhook).await {
                Ok(Some(standing)) => {
                    let oldest = standing.backlog.oldest.unwrap_or_else(|| deployment.clock.now());
                    Millis(oldest.0.saturating_sub(BEFORE_MS)).max(webhook.from)
                }
                Ok(None) | Err(_) => {
                    return Err(CliError::Failed(format!(
                        "the home {} cannot say what waits; choose with --since from when on events are posted",
                        webhook.home
                    )));
                }
            },
        };
        let changed = change_known(&deployment, &self.id, |webhook| {
            webhook.home.clone_from(&self.to);
            webhook.orders.replayed = webhook.orders.replayed.saturating_add(1);
            webhook.orders.replay_from = Some(from);
            Ok(())
        });
        let changed = changed.await?;
        wake(&deployment, &changed.document).await;
        changed.everywhere?;
        output.answer(&settings(&changed.document, deployment.clock.now().secs()), || {
            format!("{} posts the events of the webhook {} since {}.", self.to, self.id, time(from))
        });
        Ok(())
    }
}
