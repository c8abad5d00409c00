//! `umoja client list` and `show`.

use clap::Args;
use serde_json::Value;
use umoja_schema::{Client, ClientId};

use super::known::{known, settings, state};
use crate::CliError;
use crate::commands::listed::{Unreadable, members, rows};
use crate::commands::target::Target;
use crate::deployment::newest_of;
use crate::output::{Output, table};

/// List the clients.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja client list --dir DIR
  umoja client list --dir DIR --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

/// Show a client, without its secrets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja client show shop-web --dir DIR --json")]
pub(super) struct Show {
    /// The client's id.
    id: ClientId,
    #[command(flatten)]
    target: Target,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let client = known(&deployment, &self.id).await?;
        let value = settings(&client, deployment.clock.now().secs());
        output.answer(&value, || members(&value));
        Ok(())
    }
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let regions = rows::<Client>(&deployment).await?;
        let mut clients = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        clients.retain(|_, client| !client.is_ended());
        let unreadable = Unreadable::of(&regions);
        let now = deployment.clock.now().secs();
        let values: Vec<Value> = clients.values().map(|client| settings(client, now)).collect();
        output.answer(&serde_json::json!({ "clients": values, "unreadable": unreadable.values() }), || {
            if clients.is_empty() && unreadable.is_empty() {
                return "There are no clients yet; add one with `umoja client add`.".to_owned();
            }
            let line = |client: &&Client| {
                let company = format!("company {}", client.company);
                vec![
                    client.id.to_string(),
                    company,
                    client.kind.as_str().into(),
                    client.name.clone(),
                    state(client).into(),
                ]
            };
            table(&clients.values().map(line).collect::<Vec<_>>()) + &table(&unreadable.rows())
        });
        Ok(())
    }
}
