//! `umoja webhook rotate`: a new secret of a webhook, while the old one still signs.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::{Millis, Webhook, WebhookId};

use super::known::{change_known, known, new_salt, secrets};
use crate::CliError;
use crate::commands::issued::Out;
use crate::commands::target::Target;
use crate::output::{Output, time};

/// Give a webhook a new secret; the old one signs for a while longer.
#[derive(Debug, Args)]
#[command(
    long_about = "Give a webhook a new secret. For a while, each message has a signature by both secrets, also if it is \
repeated, so that the webhook can change its secret at any time of them. A secret signs until its promised end, also if \
the webhook is given another one meanwhile, unless that one ends it earlier with --overlap-secs. At most five secrets sign \
at once. The new secret is shown once."
)]
#[command(after_help = "Examples:
  umoja webhook rotate soko-crm --dir DIR
  umoja webhook rotate soko-crm --dir DIR --overlap-secs 0 \\
      --out soko-crm-2.json")]
pub(super) struct Rotate {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// How long the old secret still signs, in seconds.
    #[arg(long, value_name = "N", default_value_t = 24 * 60 * 60)]
    overlap_secs: u64,
    /// Write the new secret to a new file that only its owner can read, instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The most secrets that sign at once: each one more is a signature more in every message.
const MOST: usize = 5;

/// That no secret can be added, and when it can.
fn full(id: &WebhookId, webhook: &Webhook) -> CliError {
    let next = webhook.secrets.iter().filter_map(|secret| secret.ends_at).min();
    let end = next.map(|at| format!("the next one ends at {}; ", time(Millis(at.saturating_mul(1000)))));
    CliError::Failed(format!(
        "{MOST} secrets of the webhook {id} sign already, which is the most; {}`--overlap-secs 0` ends all of them at once",
        end.unwrap_or_default()
    ))
}

impl Rotate {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        known(&deployment, &self.id).await?;
        let (salt, now) = (new_salt(&deployment), deployment.clock.now().secs());
        let secret = secrets(&deployment).await?.webhook_secret(&self.id, &salt.salt).expose();
        let out = Out::new(self.out.as_deref())?;
        let (overlap, end) = (self.overlap_secs, now.saturating_add(self.overlap_secs));
        let changing = change_known(&deployment, &self.id, |webhook| {
            // A write whose answer was lost may have stored it already.
            if webhook.secrets.last() == Some(&salt) {
                return Ok(());
            }
            webhook.secrets.retain(|old| old.is_live(now));
            if overlap > 0 && webhook.secrets.len() >= MOST {
                return Err(full(&self.id, webhook));
            }
            for old in &mut webhook.secrets {
                old.ends_at = Some(old.ends_at.map_or(end, |at| at.min(end)));
            }
            webhook.secrets.push(salt.clone());
            Ok(())
        });
        let stored = match changing.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, the new secret is issued.
        let issued = json!({ "id": self.id, "secret": secret.as_str(), "overlap_secs": overlap });
        let ends = match overlap {
            0 => "The old secret signs no more within 2 seconds.".to_owned(),
            _ => format!("The old secret still signs, for {overlap} s at most."),
        };
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                output.answer(&json!({ "id": self.id, "overlap_secs": overlap, "file": path }), || {
                    format!("The new secret is in {path}. {ends}")
                });
            }
            None => output.answer(&issued, || format!("Shown once:\n  secret  {}\n{ends}", secret.as_str())),
        }
        stored
    }
}
