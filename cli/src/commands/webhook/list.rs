//! `umoja webhook list`: all webhooks, and what waits for them.

use clap::Args;
use serde_json::Value;
use umoja_schema::{Millis, Webhook};

use super::known::{Standing, settings, state_name};
use crate::CliError;
use crate::commands::listed::{Unreadable, rows};
use crate::commands::target::Target;
use crate::deployment::newest_of;
use crate::output::{Output, note, table};

/// List the webhooks.
#[derive(Debug, Args)]
#[command(
    long_about = "List the webhooks, each as the newest document of any region has it, with how it stands in its \
home: whether it is on, paused, off, or out since when, how many events wait and since when, how many have failed, and why the webhook did not accept an \
event the last time."
)]
#[command(after_help = "Examples:
  umoja webhook list --dir DIR
  umoja webhook list --dir DIR --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let regions = rows::<Webhook>(&deployment).await?;
        let mut webhooks = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        webhooks.retain(|_, webhook| !webhook.is_ended());
        let unreadable = Unreadable::of(&regions);
        let now = deployment.clock.now().secs();
        let (mut values, mut lines) = (Vec::<Value>::new(), Vec::new());
        for webhook in webhooks.into_values() {
            let standing = match Standing::of(&deployment, webhook).await {
                Ok(standing) => standing,
                Err(error) => {
                    note(&format!("{}: what waits cannot be read: {error}", webhook.home));
                    None
                }
            };
            let mut value = settings(webhook, now);
            value["state"] = state_name(webhook, standing.as_ref()).into();
            if let Some(standing) = &standing {
                value["events"] = serde_json::to_value(&standing.backlog).unwrap_or_default();
                value["not_taken"] = standing.not_taken.into();
                value["out_since"] = standing.state.as_ref().and_then(|state| state.out_since).map(Millis::secs).into();
                value["lost_at"] = standing.state.as_ref().and_then(|state| state.lost_at).map(Millis::secs).into();
            }
            values.push(value);
            let text = standing.map_or_else(|| "its home cannot be read".to_owned(), |standing| standing.text(webhook));
            lines.push(vec![
                webhook.id.to_string(),
                format!("company {}", webhook.company),
                format!("home {}", webhook.home),
                webhook.url.clone(),
                text,
            ]);
        }
        output.answer(&serde_json::json!({ "webhooks": values, "unreadable": unreadable.values() }), || {
            if lines.is_empty() && unreadable.is_empty() {
                return "There are no webhooks yet; add one with `umoja webhook add`.".to_owned();
            }
            table(&lines) + &table(&unreadable.rows())
        });
        Ok(())
    }
}
