//! `umoja conflicts resolve`: applies a decision of people.

use clap::Args;
use serde_json::json;
use umoja_accounts::conflicts::{Resolution, Resolved, Way};
use umoja_schema::{IdentifierKind, UserId};

use super::super::reason::{reason, role};
use super::super::target::Target;
use super::shown::{line, state};
use crate::CliError;
use crate::output::{Output, table};

/// Resolve a conflict: merge the two users, take the identifier from one of them, or dismiss the conflict.
#[derive(Debug, Args)]
#[command(
    long_about = "Resolve a conflict: merge the two users, take the identifier from one of them, or dismiss the \
conflict. WINNER is the user who keeps the identifier, which need not be the user that look-ups find now.

--merge merges LOSER into WINNER, by the rules of the API's `merge`; the API's `unmerge` undoes it. It is rejected if \
one company knows the two by different external ids, if their e-mail addresses differ, or if they have only a telephone \
number in common and their user names differ: families share a number, and providers give a number to the next customer. If the two are one person all the same, name each \
difference with --despite. From then on the password of WINNER opens both, and that of LOSER if WINNER has none.

--give-up takes \
from LOSER every identifier that WINNER owns too, value and ownership. It is rejected if LOSER would have no \
identifier left, unless another user of the same person has one. It cannot be undone. --dismiss changes neither user: \
the pair is no longer listed, until both own another identifier in common or own this one again.

The command writes the decision in one region as any other change of a user, with a row for each user in the journal, \
and it is replicated to the others; in a directory, once it is served. It is written only if both users are still as \
they were read. Otherwise the command reports that, and has to be run again. A second run has no further effect.

The exit code is 0 if the decision was written or there is nothing to do, and 1 if it was rejected or the command has \
to be run again. With --dry-run the command reports what it would do and writes no change.

--by is stored in the journal as it is, and the journal stays for ever: use the name of a role or an account, not of a \
person. --reason is sealed.

--merge and --give-up open the users' profiles in the memory of the machine on which they run. In AWS the command \
needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, Query, \
GetItem, PutItem and ConditionCheckItem on PREFIX-users, Query and UpdateItem on PREFIX-journal, Query and PutItem on \
PREFIX-audit, Query, PutItem and DeleteItem on PREFIX-linked_accounts, GetItem, BatchGetItem, PutItem and DeleteItem on \
PREFIX-identifiers; kms:GenerateDataKey and Decrypt with its data key, and Encrypt and Decrypt with those of the \
others, for users' data keys too (with --dismiss only Decrypt)."
)]
#[command(after_help = "Examples:
  umoja conflicts resolve WINNER LOSER --merge --by support --dry-run --dir DIR
  umoja conflicts resolve WINNER LOSER --merge --by support --dir DIR
  umoja conflicts resolve WINNER LOSER --merge --despite email --by support \\
      --dir DIR
  umoja conflicts resolve WINNER LOSER --give-up --by support \\
      --reason 'ticket 4711' --prefix PREFIX --region eu-west-1
  umoja conflicts resolve WINNER LOSER --dismiss --by support --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Resolve {
    /// The id of the user who keeps what both own.
    winner: UserId,
    /// The id of the other user.
    loser: UserId,
    #[command(flatten)]
    way: Decision,
    /// The role or account that decided, for the journal: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role)]
    by: String,
    /// The reason, sealed in the journal; at most 256 characters.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// A difference between the two users that --merge ignores. Can be repeated. It is stored in the journal.
    #[arg(long, value_name = "KIND", requires = "merge")]
    despite: Vec<Difference>,
    /// Report what would be done, and write no change.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

/// The decision.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Decision {
    /// Merge LOSER into WINNER.
    #[arg(long)]
    merge: bool,
    /// Take from LOSER what both own.
    #[arg(long)]
    give_up: bool,
    /// Change neither user, and list the pair no longer.
    #[arg(long)]
    dismiss: bool,
}

/// What says that two users are two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Difference {
    /// One company knows them by different external ids.
    #[value(name = "external_id")]
    ExternalId,
    /// Their e-mail addresses differ.
    Email,
    /// Their user names differ, and they have neither an address nor an external id in common.
    Username,
}

impl Difference {
    const fn kind(self) -> IdentifierKind {
        match self {
            Self::ExternalId => IdentifierKind::ExternalId,
            Self::Email => IdentifierKind::Email,
            Self::Username => IdentifierKind::Username,
        }
    }
}

impl Decision {
    const fn way(&self) -> Way {
        if self.merge {
            Way::Merge
        } else if self.give_up {
            Way::GiveUp
        } else {
            Way::Dismiss
        }
    }
}

impl Resolve {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        if self.winner == self.loser {
            return Err(CliError::Usage("WINNER and LOSER are the same user".into()));
        }
        let regions = self.target.regions().await?;
        let region = regions.serving()?;
        let people = region.people().await?;
        let way = self.way.way();
        let despite: Vec<_> = self.despite.iter().map(|one| one.kind()).collect();
        let resolution = Resolution {
            people: &people,
            winner: self.winner,
            loser: self.loser,
            by: &self.by,
            reason: self.reason.as_deref(),
            despite: &despite,
            dry_run: self.dry_run,
        };
        let resolved = resolution.run(way).await;
        let resolved = resolved.map_err(|error| CliError::Failed(format!("{}: {error}", region.name())))?;
        let (changed, found, contested) = match &resolved {
            Resolved::Done(contested) => (!self.dry_run, None, &contested[..]),
            Resolved::Nothing(state) => (false, Some(*state), &[][..]),
        };
        let answer = json!({
            "winner": self.winner,
            "loser": self.loser,
            "region": region.name(),
            "dry_run": self.dry_run,
            "changed": changed,
            "would_change": self.dry_run && found.is_none(),
            "nothing_because": found,
            "contested": contested,
        });
        output.answer(&answer, || {
            if let Some(found) = found {
                return format!("There is nothing to do: {}.", state(found));
            }
            let (winner, loser) = (self.winner, self.loser);
            let lines: Vec<_> = contested.iter().map(|one| vec![line(one, &[winner, loser])]).collect();
            let done = match (way, self.dry_run) {
                (Way::Merge, false) => format!("{loser} is merged into {winner}."),
                (Way::Merge, true) => format!("{loser} would be merged into {winner}."),
                (Way::GiveUp, false) => format!("{loser} has given up what {winner} owns too."),
                (Way::GiveUp, true) => format!("{loser} would give up what {winner} owns too."),
                (Way::Dismiss, false) => format!("The conflict of {winner} and {loser} is dismissed."),
                (Way::Dismiss, true) => format!("The conflict of {winner} and {loser} would be dismissed."),
            };
            table(&lines) + &done
        });
        Ok(())
    }
}
