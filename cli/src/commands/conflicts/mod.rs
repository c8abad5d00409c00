//! `umoja conflicts`: users who claim one identifier.

mod list;
mod resolve;
mod show;

use clap::{Args, Subcommand};
use umoja_accounts::conflicts::{Contested, State};
use umoja_schema::UserId;

use crate::CliError;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{Output, time};

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

/// The region that is asked: the first, or if that does not serve, another one that does.
fn serving(regions: &Regions) -> Result<&DeployedRegion, CliError> {
    let first = regions.first()?;
    let serves = std::iter::once(first).chain(&regions.list).find(|region| region.state.serves());
    serves.ok_or_else(|| CliError::Failed("no region of the deployment serves".into()))
}

/// An identifier that two users claim, for people.
fn line(contested: &Contested, users: &[UserId; 2]) -> String {
    let Contested { kind, company, winner, since, verified } = contested;
    let of = company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
    let loser = if users[0] == *winner { users[1] } else { users[0] };
    let verified = match (verified.contains(winner), verified.contains(&loser)) {
        (true, true) => "verified for both",
        (true, false) => "verified for the first",
        (false, true) => "verified for the second",
        (false, false) => "not verified",
    };
    format!("{}{of}: {winner} wins over {loser}, since {}, {verified}", kind.as_str(), time(*since))
}

const fn state(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Dismissed => "dismissed",
        State::OnePerson => "one person",
        State::Settled => "settled: they claim nothing in common any more",
        State::Gone => "gone: one of them is erased, or has not arrived here",
    }
}
