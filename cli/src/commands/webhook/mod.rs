//! `umoja webhook`: the URLs to which events of companies are posted.

mod add;
mod known;
mod list;
mod move_to;
mod order;
mod remove;
mod rotate;
mod set;
mod test;

use clap::{Args, Subcommand};

pub(super) use self::known::standings;

use crate::CliError;
use crate::output::Output;

/// The URLs to which the events of companies are posted: add, list, change, pause, replace their secrets, post again.
#[derive(Debug, Args)]
#[command(
    long_about = "The URLs to which the events of companies are posted. A webhook gets the events of one company, those \
that `POST /v1/events/list` answers with, signed as Standard Webhooks says and by the region. Its home region posts them: \
those of one user one after the other, and each until the webhook accepts it or three days are over. docs/events.md has \
more.

`umoja serve --dir` posts, and in AWS the function `deliver`. There, the commands need credentials that may, in every region: \
dynamodb:GetItem and PutItem on PREFIX-settings, GetItem and Query on PREFIX-due and PREFIX-events, GetItem on \
PREFIX-checkpoints and PREFIX-companies; sqs:SendMessage to PREFIX-deliver; kms:Decrypt with the keys of data and proofs."
)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    List(list::List),
    Rotate(rotate::Rotate),
    Test(test::Test),
    Pause(set::Pause),
    Resume(set::Resume),
    Set(set::Set),
    Move(move_to::Move),
    Redrive(order::Redrive),
    Replay(order::Replay),
    Remove(remove::Remove),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Rotate(rotate) => rotate.run(output).await,
            Action::Test(test) => test.run(output).await,
            Action::Pause(pause) => pause.run(output).await,
            Action::Resume(resume) => resume.run(output).await,
            Action::Set(set) => set.run(output).await,
            Action::Move(moved) => moved.run(output).await,
            Action::Redrive(redrive) => redrive.run(output).await,
            Action::Replay(replay) => replay.run(output).await,
            Action::Remove(remove) => remove.run(output).await,
        }
    }
}
