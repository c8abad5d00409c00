//! `umoja client`: the applications into which persons sign in.

mod add;
mod known;
mod list;
mod options;
mod rotate;
mod set;

use clap::{Args, Subcommand};

pub(super) use self::known::{new_client, new_secret};
use crate::CliError;
use crate::output::Output;

/// The applications into which persons sign in: add, list, change, replace their secrets, disable.
#[derive(Debug, Args)]
#[command(
    long_about = "The applications into which persons sign in by single sign-on. A client belongs to a company, and \
its id is the client_id of OAuth 2.0 and OpenID Connect. A confidential client, a server, gets a secret, which is shown \
once; a public one, in a browser or on a device, gets none. `umoja serve --issuer-port` serves the sign-in.

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
    Set(Box<set::Set>),
    Rotate(rotate::Rotate),
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
            Action::Rotate(rotate) => rotate.run(output).await,
            Action::Disable(disable) => disable.run(output).await,
            Action::Enable(enable) => enable.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}
