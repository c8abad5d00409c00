//! `umoja source remove`: ends a source.

use clap::Args;
use serde_json::json;
use umoja_schema::{IngestSource, SourceId};

use crate::CliError;
use crate::commands::target::Target;
use crate::output::Output;

/// Remove a paused source. Users that it brought stay.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a paused source: its keys end within 5 seconds in regions that are being served. Users \
that it brought stay, and so do their links to the company.

The worker parks events of the source that still wait (`source_unknown`); a source that is added again under the same id \
can have them applied only if their region keeps them until then, 30 days. While a region does not answer, the source is \
not dropped anywhere: each other region remembers that it was removed, and `umoja doctor --repair`, or the same command \
again, ends the removal once the region answers."
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
        let changed = deployment.change(id, |stored: Option<IngestSource>| {
            let source = stored.ok_or_else(|| {
                CliError::Failed(format!(
                    "there is no source {id}, or no region can read it; `umoja source list` shows all sources"
                ))
            })?;
            if source.enabled {
                return Err(CliError::Failed(format!(
                    "the source {id} is not paused; run `umoja source pause {id} {}` first",
                    self.target.arguments()
                )));
            }
            Ok(IngestSource { api_keys: Vec::new(), signing_keys: Vec::new(), ..source })
        });
        let changed = changed.await?;
        changed.everywhere?;
        deployment.drop_ended(&changed.document).await?;
        output.answer(&json!({ "id": id, "removed": true }), || {
            format!("The source {id} is removed. The worker parks its events that still wait (`source_unknown`).")
        });
        Ok(())
    }
}
