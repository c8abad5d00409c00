//! `umoja audit`: the security events of users, who caused them, and how long they are kept.

mod keep;
mod list;
mod old;
mod show;
pub(super) mod trail;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// Security events of users: show them, list them, and set how long they are kept.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Show),
    List(list::List),
    Keep(keep::Keep),
    Drop(old::DropOld),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Show(show) => show.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Keep(keep) => keep.run(output).await,
            Action::Drop(drop) => drop.run(output).await,
        }
    }
}
