//! `umoja source`: the identity providers and other systems that feed the store.

mod add;
mod compare;
mod drop;
mod keys;
mod known;
mod list;
mod pool;
mod redrive;
mod remove;
mod set;
mod show;
mod shown;
mod test;
mod tokens;

use clap::{Args, Subcommand};

pub(super) use self::add::new_source;
pub(super) use self::shown::path;

use crate::CliError;
use crate::output::Output;

/// The systems that feed the store: add, list, change, pause, replace their keys, apply their events again or drop
/// them.
#[derive(Debug, Args)]
#[command(
    long_about = "The systems that feed the store: identity providers such as Auth0, Cognito, Okta and Keycloak, SCIM \
clients, and any system that posts JSON. A source speaks for one company. It posts events to any region; the region \
keeps each event sealed in its inbox, and the home region of the source applies it."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    List(list::List),
    Show(show::Show),
    Rotate(keys::Rotate),
    Pause(set::Pause),
    Resume(set::Resume),
    Set(Box<set::Set>),
    Remove(remove::Remove),
    Redrive(redrive::Redrive),
    Drop(drop::Drop),
    Compare(compare::Compare),
    Test(Box<test::Test>),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Show(show) => show.run(output).await,
            Action::Rotate(rotate) => rotate.run(output).await,
            Action::Pause(pause) => pause.run(output).await,
            Action::Resume(resume) => resume.run(output).await,
            Action::Set(set) => set.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
            Action::Redrive(redrive) => redrive.run(output).await,
            Action::Drop(drop) => drop.run(output).await,
            Action::Compare(compare) => compare.run(output).await,
            Action::Test(test) => test.run(output).await,
        }
    }
}
