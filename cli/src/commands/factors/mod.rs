//! `umoja factors`: by what a person proves who it is, beside the password.

mod list;
mod remove;
mod shown;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// The second factors and passkeys of a person: list them, remove them from who has lost them.
#[derive(Debug, Args)]
#[command(
    long_about = "The second factors and passkeys of a person: list them, remove them from who has lost them. A person adds \
its own at /account/factors. The commands ask one region that serves."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Remove(remove::Remove),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}
