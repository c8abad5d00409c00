//! `umoja provider list` and `show`.

use clap::Args;
use serde_json::Value;
use umoja_schema::{LoginProvider, LoginProviderId};

use super::known::{known, settings, state};
use crate::CliError;
use crate::commands::listed::{Unreadable, members, rows};
use crate::commands::target::Target;
use crate::deployment::newest_of;
use crate::output::{Output, table};

/// List the providers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja provider list --dir DIR")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

/// Show a provider, without its secret.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja provider show google --dir DIR --json")]
pub(super) struct Show {
    /// The provider's id.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let value = settings(&known(&deployment, &self.id).await?);
        output.answer(&value, || members(&value));
        Ok(())
    }
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let regions = rows::<LoginProvider>(&deployment).await?;
        let mut providers = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        providers.retain(|_, provider| !provider.is_ended());
        let unreadable = Unreadable::of(&regions);
        let values: Vec<Value> = providers.values().map(|provider| settings(provider)).collect();
        output.answer(&serde_json::json!({ "providers": values, "unreadable": unreadable.values() }), || {
            if providers.is_empty() && unreadable.is_empty() {
                return "There are no providers yet; add one with `umoja provider add`.".to_owned();
            }
            let line = |provider: &&LoginProvider| {
                let company = format!("company {}", provider.company);
                let (id, issuer) = (provider.id.to_string(), provider.issuer.clone());
                vec![id, company, issuer, provider.name.clone(), state(provider).into()]
            };
            table(&providers.values().map(line).collect::<Vec<_>>()) + &table(&unreadable.rows())
        });
        Ok(())
    }
}
