//! `umoja target list`: all targets, and how far they are up to date.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use umoja_provisioner::targets::Code;
use umoja_schema::Target as Provisioned;

use super::known::settings;
use super::standing::Accounts;
use crate::CliError;
use crate::commands::listed::{Unreadable, rows};
use crate::commands::target::Target;
use crate::deployment::{Regions, newest_of};
use crate::output::{Output, note, table};

/// List the targets, with the numbers of accounts and the reasons of those that are not up to date.
#[derive(Debug, Args)]
#[command(
    long_about = "List the targets, each as the newest document of any region has it, with the number of accounts in \
each state as the home of the target knows them, and for each code of a failure the number of users, what the code means \
and what to do. --failed names the users by their ids.

In AWS it also needs dynamodb:Scan on PREFIX-target_accounts in every region."
)]
#[command(after_help = "Examples:
  umoja target list --dir DIR
  umoja target list --failed --dir DIR
  umoja target list --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// Name the users whose accounts are not up to date.
    #[arg(long)]
    failed: bool,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment: Regions = self.target.regions().await?;
        let regions = rows::<Provisioned>(&deployment).await?;
        let mut targets = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        let unreadable = Unreadable::of(&regions);
        let mut accounts = BTreeMap::new();
        for target in targets.values() {
            let home = deployment.get(&target.home)?;
            match Accounts::of(home, &target.id).await {
                Ok(of) => drop(accounts.insert(target.id.clone(), of)),
                Err(error) => note(&format!("{}: the accounts cannot be read: {error}", home.name())),
            }
        }
        // What was removed is listed for as long as there are accounts.
        let has_any = |target: &Provisioned| accounts.get(&target.id).is_some_and(|of: &Accounts| of.remaining() > 0);
        targets.retain(|_, target| !target.is_ended() || has_any(target));
        let listed: Vec<Value> = targets.values().map(|target| self.value(target, accounts.get(&target.id))).collect();
        output.answer(&json!({ "targets": listed, "unreadable": unreadable.values() }), || {
            if targets.is_empty() && unreadable.is_empty() {
                return "There are no targets yet; add one with `umoja target add`.".to_owned();
            }
            let rows: Vec<_> = targets.values().map(|target| row(target)).collect();
            let states: Vec<_> =
                targets.values().flat_map(|target| self.rows(target, accounts.get(&target.id))).collect();
            table(&rows) + &table(&unreadable.rows()) + &table(&states)
        });
        Ok(())
    }

    fn value(&self, target: &Provisioned, accounts: Option<&Accounts>) -> Value {
        let mut value = settings(target);
        let Some(accounts) = accounts else { return value };
        value["accounts"] = json!(accounts.states);
        let code = |(code, users): (&String, &Vec<String>)| {
            let mut value = json!({ "code": code, "users": users.len(), "meaning": words(code) });
            if self.failed {
                value["ids"] = json!(users);
            }
            value
        };
        value["failures"] = accounts.codes.iter().map(code).collect();
        value
    }

    fn rows(&self, target: &Provisioned, accounts: Option<&Accounts>) -> Vec<Vec<String>> {
        let Some(accounts) = accounts else { return Vec::new() };
        let states = accounts.states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>();
        let mut rows = vec![vec![target.id.to_string(), format!("accounts: {}", states.join(", "))]];
        for (code, users) in &accounts.codes {
            rows.push(vec![target.id.to_string(), format!("{} {code}: {}", users.len(), words(code))]);
            if self.failed {
                rows.extend(users.iter().map(|user| vec![String::new(), user.clone()]));
            }
        }
        rows
    }
}

fn words(code: &str) -> &'static str {
    Code::from_name(code).map_or("a newer version of Umoja knows the code", Code::words)
}

fn row(target: &Provisioned) -> Vec<String> {
    vec![
        target.id.to_string(),
        target.kind.as_str().to_owned(),
        format!("company {}", target.company),
        format!("home {}", target.home),
        match (target.is_ended(), target.enabled) {
            (true, _) => "REMOVED".to_owned(),
            (false, true) => "enabled".to_owned(),
            (false, false) => "PAUSED".to_owned(),
        },
        format!("rule {}", target.rule().as_str()),
        format!("{} calls a second", target.rate),
        target.url.clone(),
    ]
}
