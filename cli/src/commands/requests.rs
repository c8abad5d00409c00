//! `umoja requests`: what became of a rejected request.

use clap::{Args, Subcommand};
use serde_json::json;

use super::sessions::asked::failed;
use super::target::Target;
use crate::CliError;
use crate::output::{Output, table, time};

/// What became of the rejected requests of the last day.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(Show),
}

/// Show what became of a rejected request, by the `Request-Id` of its answer.
#[derive(Debug, Args)]
#[command(
    long_about = "Show what became of a rejected request, by the `Request-Id` of its answer: the company, the operation, the \
status, the code of the problem, the region, and how long it took. Nothing of what was in the request is kept. Rejected \
requests are remembered for a day, by the region that answered; a request that was accepted, that came above the rate limit, \
or whose caller was not known (401) is in the log only.

The exit code is 1 if no region remembers the request.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings and PutItem on PREFIX-idempotency in every \
region; kms:Decrypt with the keys of data and proofs."
)]
#[command(after_help = "Examples:
  umoja requests show 5d8f1c0a7b3e4d2f9a6c0b1e2d3f4a5b --dir DIR
  umoja requests show 5d8f1c0a7b3e4d2f9a6c0b1e2d3f4a5b --prefix PREFIX \\
      --region eu-west-1 --json")]
struct Show {
    /// The `Request-Id` of the answer.
    id: String,
    #[command(flatten)]
    target: Target,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let Action::Show(show) = self.action;
        show.run(output).await
    }
}

impl Show {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let mut unseen = None;
        for region in &regions.list {
            let read = async {
                let people = region.people().await?;
                people.rejected(&self.id).await.map_err(|error| failed(region.name(), &error))
            };
            let found = match read.await {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    unseen = Some(error);
                    continue;
                }
            };
            let answer = json!({
                "request_id": self.id,
                "company": found.company,
                "operation": found.operation,
                "at_ms": found.at,
                "ms": found.ms,
                "status": found.status,
                "code": found.code,
                "region": found.region,
            });
            output.answer(&answer, || {
                let row = |name: &str, value: String| vec![name.to_owned(), value];
                table(&[
                    row("company", found.company.to_string()),
                    row("operation", found.operation),
                    row("at", format!("{}, in {}, for {} ms", time(found.at), found.region, found.ms)),
                    row("answer", format!("{} {}", found.status, found.code)),
                ])
            });
            return Ok(());
        }
        Err(unseen.unwrap_or_else(|| {
            CliError::Failed("no such request: no region remembers a rejected request with this id".into())
        }))
    }
}
