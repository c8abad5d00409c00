//! `umoja user`: one person, for support and for those who answer for data.

mod export;
mod find;
mod hold;
mod receipt;
mod show;
mod unlock;
mod why;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// One person: find it, say why it cannot log in, unlock it, hold it, export it, show its receipt and what is stored.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Find(find::Find),
    Why(why::Why),
    Show(show::Show),
    Unlock(unlock::Unlock),
    Export(export::Export),
    Receipt(receipt::Receipt),
    Hold(hold::Hold),
    Release(hold::Release),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Find(find) => find.run(output).await,
            Action::Why(why) => why.run(output).await,
            Action::Show(show) => show.run(output).await,
            Action::Unlock(unlock) => unlock.run(output).await,
            Action::Export(export) => export.run(output).await,
            Action::Receipt(receipt) => receipt.run(output).await,
            Action::Hold(hold) => hold.run(output).await,
            Action::Release(release) => release.run(output).await,
        }
    }
}
