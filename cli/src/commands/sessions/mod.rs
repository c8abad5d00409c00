//! `umoja sessions`: where a person is signed in.

pub(in crate::commands) mod asked;
mod end;
mod list;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// Where a person is signed in by single sign-on: list the sessions, end them.
#[derive(Debug, Args)]
#[command(
    long_about = "Where a person is signed in by single sign-on: list the sessions, end them. A session begins when the \
person signs in with a browser, and clients get their tokens in it. The commands ask one region that serves."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    End(end::End),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(output).await,
            Action::End(end) => end.run(output).await,
        }
    }
}
