//! `umoja client rotate`: a new secret of a client, while the old one still works.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::ClientId;

use super::known::{change_known, new_secret};
use crate::CliError;
use crate::commands::issued::Out;
use crate::commands::target::Target;
use crate::output::Output;

/// Give a client a new secret; the old one works for a while longer.
#[derive(Debug, Args)]
#[command(
    long_about = "Give a client a new secret. The one before works for a while longer, so that the client can change it. At \
most two secrets work at once: a secret that an earlier rotation left ends. The new secret is shown once."
)]
#[command(after_help = "Examples:
  umoja client rotate shop-web --dir DIR
  umoja client rotate shop-web --dir DIR --overlap-secs 0 \\
      --out shop-web-2.json")]
pub(super) struct Rotate {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
    /// How long the old secret still works, in seconds.
    #[arg(long, value_name = "N", default_value_t = 24 * 60 * 60)]
    overlap_secs: u64,
    /// Write the new secret to a new file that only its owner can read, instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Rotate {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let ((secret, hash), now) = (new_secret(&deployment), deployment.clock.now().secs());
        let out = Out::new(self.out.as_deref())?;
        let (overlap, end) = (self.overlap_secs, now.saturating_add(self.overlap_secs));
        let changing = change_known(&deployment, &self.id, |client| {
            if !client.has_secret() {
                return Err(CliError::Failed(format!("the client {} has no secret", self.id)));
            }
            // A write whose answer was lost may have stored it already.
            if client.secrets.last() == Some(&hash) {
                return Ok(());
            }
            let newest = client.secrets.pop();
            client.secrets.clear();
            client.secrets.extend(newest.filter(|old| overlap > 0 && old.is_live(now)).map(|mut old| {
                old.ends_at = Some(old.ends_at.map_or(end, |at| at.min(end)));
                old
            }));
            client.secrets.push(hash.clone());
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
        let issued = json!({ "client_id": self.id, "client_secret": secret.expose(), "overlap_secs": overlap });
        let ends = match overlap {
            0 => "The old secret works no more.".to_owned(),
            _ => format!("The old secret still works, for {overlap} s at most."),
        };
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                output.answer(&json!({ "client_id": self.id, "overlap_secs": overlap, "file": path }), || {
                    format!("The new secret is in {path}. {ends}")
                });
            }
            None => output.answer(&issued, || format!("Shown once:\n  secret  {}\n{ends}", secret.expose())),
        }
        stored
    }
}
