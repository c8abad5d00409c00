//! `umoja provider`: the providers at which persons sign in instead of here.

mod add;
mod known;
mod list;
mod set;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// The providers at which persons sign in instead of here: add, list, change, disable.
#[derive(Debug, Args)]
#[command(
    long_about = "The OpenID Providers of others at which persons sign in instead of here, such as Google, Entra, Auth0 or a pool \
of Cognito. What a provider calls a person is the external id of a company: `umoja import` and sources of that company bring \
logins too. If the company is trusted, an address that the provider says is verified finds the person who has it. Otherwise a \
person connects its login by its password. `umoja client set CLIENT --provider ID` offers a provider on the page of a client.

In AWS the commands need credentials that may, in every region: dynamodb:GetItem, Query and PutItem on PREFIX-settings, \
GetItem on PREFIX-companies; kms:Decrypt with the keys of data and proofs."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    List(list::List),
    Show(list::Show),
    Set(set::Set),
    Disable(set::Disable),
    Enable(set::Enable),
    Remove(set::Remove),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Show(show) => show.run(output).await,
            Action::Set(set) => set.run(output).await,
            Action::Disable(disable) => disable.run(output).await,
            Action::Enable(enable) => enable.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}
