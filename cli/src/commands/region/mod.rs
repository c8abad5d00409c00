//! `umoja region`: the regions of a deployment.

mod add;
mod change;
mod freeze;
mod remove;

use clap::{Args, Subcommand};
use serde::Serialize;
use umoja_schema::Region;
use umoja_store::RegionState;

use super::status::key_state;
use super::target::Target;
use crate::CliError;
use crate::output::{Output, table};

/// The regions of a deployment: list, add, freeze, thaw, remove.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Add(Box<add::Add>),
    Freeze(freeze::Freeze),
    Thaw(Box<freeze::Thaw>),
    Remove(Box<remove::Remove>),
}

/// List the regions: state, URL, and whether the key can be used.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja region list --dir DIR
  umoja region list --prefix PREFIX --region eu-west-1 --json")]
struct List {
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Answer {
    regions: Vec<RegionAnswer>,
}

#[derive(Serialize)]
struct RegionAnswer {
    name: Region,
    state: RegionState,
    /// `None` until the region has been served, if any free port will do.
    url: Option<String>,
    key: &'static str,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(output).await,
            Action::Add(add) => add.run(output).await,
            Action::Freeze(freeze) => freeze.run(output).await,
            Action::Thaw(thaw) => thaw.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}

impl List {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let mut regions = Vec::new();
        for region in self.target.regions().await?.list {
            regions.push(RegionAnswer {
                name: region.name().clone(),
                state: region.state,
                key: key_state(&*region.home.own.keys).await,
                url: region.url,
            });
        }
        let answer = Answer { regions };
        output.answer(&answer, || {
            let row = |region: &RegionAnswer| {
                let url = region.url.clone().unwrap_or_else(|| "on a free port, once it is served".into());
                vec![region.name.to_string(), region.state.as_str().into(), url, format!("key {}", region.key)]
            };
            table(&answer.regions.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}
