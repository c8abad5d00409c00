//! `umoja conflicts`: users who own the same identifier.

mod list;
mod resolve;
mod show;
mod shown;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// List, show and resolve conflicts: two users who own the same identifier.
///
/// If two regions accept the same identifier at the same moment, two users own it. Look-ups find the user whose
/// ownership wins, the same in every region; the other user is found by its id and its other identifiers. People decide
/// whether the two are one person, which of them the identifier belongs to, or whether both keep it.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Show(show::Show),
    Resolve(resolve::Resolve),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(output).await,
            Action::Show(show) => show.run(output).await,
            Action::Resolve(resolve) => resolve.run(output).await,
        }
    }
}
