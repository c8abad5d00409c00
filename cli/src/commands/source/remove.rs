//! `umoja source remove`: ends a source.

use clap::Args;
use serde_json::json;
use umoja_schema::SourceId;

use super::known::change_known;
use crate::CliError;
use crate::commands::target::Target;
use crate::output::Output;

/// Remove a paused source. Users that it brought stay.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a paused source: its keys end within 5 seconds in regions that are being served. Users \
that it brought stay, and so do their links to the company. Every region remembers that the source has ended, so that no \
older document of it can take its place.

The worker parks events of the source that still wait (`source_unknown`). A source that is added again under the same \
id has new keys; `umoja source redrive` has the parked events applied, which are kept for 30 days."
)]
#[command(after_help = "Examples:
  umoja source pause soko-auth0 --dir DIR
  umoja source remove soko-auth0 --dir DIR
  umoja source remove soko-auth0 --prefix PREFIX --region eu-west-1")]
pub(super) struct Remove {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let id = &self.id;
        let changed = change_known(&deployment, id, |source| {
            if source.enabled {
                return Err(CliError::Failed(format!(
                    "the source {id} is not paused; run `umoja source pause {id} {}` first",
                    self.target.arguments()
                )));
            }
            source.end();
            Ok(())
        });
        changed.await?.everywhere?;
        output.answer(&json!({ "id": id, "removed": true }), || {
            format!("The source {id} is removed. The worker parks its events that still wait (`source_unknown`).")
        });
        Ok(())
    }
}
