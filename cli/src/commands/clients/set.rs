//! `umoja client set`, `disable`, `enable` and `remove`.

use clap::Args;
use serde_json::json;
use umoja_schema::ClientId;

use super::known::{change_known, check_audience, known, settings};
use super::options::Options;
use crate::CliError;
use crate::commands::offered::check_offered;
use crate::commands::target::Target;
use crate::output::Output;

/// Change a client. What is not said stays; a list that is given replaces the one before.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja client set shop-web --first-party true --dir DIR
  umoja client set shop-web --redirect-uri https://shop.example/v2 --dir DIR
  umoja client set shop-web --provider none --dir DIR")]
pub(super) struct Set {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    options: Options,
}

/// Let no one sign in by a client, and end its codes and tokens for good.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja client disable shop-web --dir DIR")]
pub(super) struct Disable {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
}

/// Let persons sign in by a disabled client again; its former tokens stay ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja client enable shop-web --dir DIR")]
pub(super) struct Enable {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
}

/// Remove a disabled client: its secrets end.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a disabled client: its secrets end. Every region remembers that it has ended, so that no older \
document of it can take its place."
)]
#[command(after_help = "Examples:
  umoja client disable shop-web --dir DIR
  umoja client remove shop-web --dir DIR")]
pub(super) struct Remove {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let checked = self.options.checked()?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        let company = known(&deployment, &self.id).await?.company;
        check_audience(&deployment, &company, checked.audience()).await?;
        check_offered(&deployment, checked.providers()).await?;
        let changed = change_known(&deployment, &self.id, |client| {
            let had_secret = client.has_secret();
            checked.apply(client)?;
            match (had_secret, client.has_secret()) {
                (true, false) => client.secrets.clear(),
                (false, true) => {
                    return Err(CliError::Failed(format!(
                        "the client {} has no secret, so that it cannot prove itself by one; add another client",
                        self.id
                    )));
                }
                _ => {}
            }
            Ok(())
        });
        let changed = changed.await?;
        changed.everywhere?;
        output.answer(&settings(&changed.document, deployment.clock.now().secs()), || {
            format!("The client {} is changed.", self.id)
        });
        Ok(())
    }
}

impl Disable {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        switch(&self.target, &self.id, false, output).await
    }
}

impl Enable {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        switch(&self.target, &self.id, true, output).await
    }
}

async fn switch(target: &Target, id: &ClientId, enabled: bool, output: Output) -> Result<(), CliError> {
    let (deployment, _alone) = target.changing_documents().await?;
    let changed = change_known(&deployment, id, |client| {
        client.switch(enabled);
        Ok(())
    });
    changed.await?.everywhere?;
    output.answer(&json!({ "id": id, "enabled": enabled }), || {
        if enabled {
            format!("The client {id} is enabled. What it held before it was disabled has ended: it gets new tokens for each person.")
        } else {
            format!("The client {id} is disabled, and what it holds has ended; this takes effect within 5 seconds.")
        }
    });
    Ok(())
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let id = &self.id;
        let changed = change_known(&deployment, id, |client| {
            if client.enabled {
                return Err(CliError::Failed(format!(
                    "the client {id} is not disabled; run `umoja client disable {id} {}` first",
                    self.target.arguments()
                )));
            }
            client.end();
            Ok(())
        });
        changed.await?.everywhere?;
        output.answer(&json!({ "id": id, "removed": true }), || format!("The client {id} is removed."));
        Ok(())
    }
}
