//! `umoja target`: the remote systems into which users are provisioned.

mod add;
mod confirm;
mod known;
mod list;
mod remove;
mod set;
mod standing;
mod work;

use clap::{Args, Subcommand};

pub(super) use self::add::new_target;
pub(super) use self::known::{AtHome, secrets as target_secrets};
pub(super) use self::standing::{Standing, standings};

use crate::CliError;
use crate::output::Output;

/// The remote systems into which users are provisioned: add, list, try, pause, move, remove, and repair what failed.
#[derive(Debug, Args)]
#[command(
    long_about = "The remote systems into which users are provisioned. A target belongs to one company and has an account \
for each user that is linked to it, as far as its scope says so. In its home region, `umoja serve --dir`, or in AWS the \
function `deliver`, brings the accounts up to date within a second or two of each change: makes, changes, disables and deletes them. An erasure deletes the account in any case."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    Set(Box<set::Set>),
    List(list::List),
    Plan(work::Plan),
    Provision(work::Provision),
    Pause(set::Pause),
    Resume(set::Resume),
    Move(set::Move),
    Redrive(work::Redrive),
    Drift(work::Drift),
    Confirm(confirm::Confirm),
    Remove(remove::Remove),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::Set(set) => set.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Plan(plan) => plan.run(output).await,
            Action::Provision(provision) => provision.run(output).await,
            Action::Pause(pause) => pause.run(output).await,
            Action::Resume(resume) => resume.run(output).await,
            Action::Move(to) => to.run(output).await,
            Action::Redrive(redrive) => redrive.run(output).await,
            Action::Drift(drift) => drift.run(output).await,
            Action::Confirm(confirm) => confirm.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}
