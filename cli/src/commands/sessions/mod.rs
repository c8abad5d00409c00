//! `umoja sessions`: where a person is signed in.

mod end;
mod list;

use clap::{Args, Subcommand};
use umoja_accounts::People;
use umoja_accounts::access::Standing;
use umoja_schema::{Region, UserId};

use super::named::Named;
use super::target::Target;
use crate::CliError;
use crate::output::Output;

/// How long the peers' KMS may take to wrap a data key, in milliseconds. This wraps no key.
const WRAP_BUDGET_MS: u64 = 5_000;

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

/// A person as one region knows it.
struct Asked {
    region: Region,
    user: UserId,
    people: People,
    standing: Standing,
}

impl Asked {
    /// Asks the first region that serves.
    async fn of(user: &Named, target: &Target) -> Result<Self, CliError> {
        let regions = target.regions().await?;
        let user = user.id(&regions).await?;
        let region = regions.serving()?;
        let people = region.people(WRAP_BUDGET_MS).await?;
        let region = region.name().clone();
        let standing = Standing::read(&people, user).await.map_err(|error| failed(&region, &error))?;
        let no_such_user = || CliError::Failed(format!("no such user: {region} holds no user with this id"));
        let standing = standing.ok_or_else(no_such_user)?;
        Ok(Self { region, user, people, standing })
    }
}

fn failed(region: &Region, error: &umoja_accounts::Error) -> CliError {
    CliError::Failed(format!("{region}: {error}"))
}
