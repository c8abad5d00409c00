//! `umoja conflicts`: users who claim one identifier.

mod list;
mod resolve;
mod show;
mod shown;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// See who claims one identifier with somebody else, and resolve it.
///
/// Two regions that accept the same identifier at the same moment make two users of it. Look-ups find the one whose claim
/// wins, the same in every region; the other is found by its id and its other identifiers. Whether the two are one person,
/// which of them the identifier belongs to, or whether that is to stay as it is, is for people to decide.
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
