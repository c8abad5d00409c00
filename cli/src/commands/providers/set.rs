//! `umoja provider set`, `disable`, `enable` and `remove`.

use clap::Args;
use serde_json::json;
use umoja_schema::LoginProviderId;

use super::known::{Options, change_known, known, settings};
use crate::CliError;
use crate::commands::target::Target;
use crate::output::Output;

/// Change a provider. What is not said stays. Its issuer and its company always stay.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja provider set google --register true --dir DIR
  umoja provider set google --client-secret-file google.txt --dir DIR")]
pub(super) struct Set {
    /// The provider's id.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    options: Options,
}

/// Let no one sign in with a provider.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja provider disable google --dir DIR")]
pub(super) struct Disable {
    /// The provider's id.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
}

/// Let persons sign in with a disabled provider again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja provider enable google --dir DIR")]
pub(super) struct Enable {
    /// The provider's id.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
}

/// Remove a disabled provider: its secret is forgotten.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a disabled provider: its secret is forgotten. Every region remembers that it has ended, so that no \
older document of it can take its place. Persons keep their external ids."
)]
#[command(after_help = "Examples:
  umoja provider remove google --dir DIR")]
pub(super) struct Remove {
    /// The provider's id.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let secret = self.options.secret()?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        let before = known(&deployment, &self.id).await?;
        let sealed = Options::sealed(&deployment, &before, secret.as_deref().map(String::as_str)).await?;
        let changed =
            change_known(&deployment, &self.id, |provider| self.options.apply(provider, sealed.as_ref())).await?;
        changed.everywhere?;
        output.answer(&settings(&changed.document), || format!("The provider {} is changed.", self.id));
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

async fn switch(target: &Target, id: &LoginProviderId, enabled: bool, output: Output) -> Result<(), CliError> {
    let (deployment, _alone) = target.changing_documents().await?;
    let changed = change_known(&deployment, id, |provider| {
        provider.enabled = enabled;
        Ok(())
    });
    changed.await?.everywhere?;
    let word = if enabled { "enabled" } else { "disabled" };
    output.answer(&json!({ "id": id, "enabled": enabled }), || format!("The provider {id} is {word}."));
    Ok(())
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let id = &self.id;
        let changed = change_known(&deployment, id, |provider| {
            if provider.enabled {
                return Err(CliError::Failed(format!(
                    "the provider {id} is not disabled; run `umoja provider disable {id} {}` first",
                    self.target.arguments()
                )));
            }
            provider.end();
            Ok(())
        });
        changed.await?.everywhere?;
        output.answer(&json!({ "id": id, "removed": true }), || format!("The provider {id} is removed."));
        Ok(())
    }
}
