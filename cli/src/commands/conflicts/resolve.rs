//! `umoja conflicts resolve`: what people have decided.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use umoja_accounts::People;
use umoja_accounts::conflicts::{Resolution, Resolved, Way};
use umoja_schema::UserId;
use umoja_store::keyring::KeyRing;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use super::super::target::Target;
use super::shown::{line, serving, state};
use crate::CliError;
use crate::output::{Output, table};

/// How long the peers' KMS may take to wrap a data key, in milliseconds: an operator may be far away, and what is missing
/// then is left to the key repair.
const WRAP_BUDGET_MS: u64 = 5_000;

/// The most characters of a reason, as in the API.
const MAX_REASON_CHARS: usize = 256;

/// Resolve a conflict: merge the two, have one give up what both claim, or let it stand.
#[derive(Debug, Args)]
#[command(
    long_about = "Resolve a conflict: merge the two, have one give up what both claim, or let it stand. WINNER is who keeps \
the identifier, which need not be the one whom look-ups find now.

--merge makes LOSER a part of WINNER, by the rules of the API's `merge`, whose `unmerge` undoes it. --give-up takes from \
LOSER every identifier that WINNER claims too, value and claim; it is refused if nothing would be left by which LOSER is \
found, unless somebody else of the same person has an identifier. It cannot be undone. --dismiss changes neither of the two: \
they are listed no more, until both claim something else in common or claim it anew.

The decision is written in one region as any change of a user is, with a row for either user in the journal, and reaches \
the others as any change does; in a directory, once it is served. It is written only if both users are what was read: \
otherwise the command says so, and is to be run again. Doing it twice is doing it once.

The exit code is 0 if it was done or there is nothing to do, and 1 if it was refused or has to be run again. --dry-run decides \
and writes nothing.

--by goes into the journal, which stays for ever, as it is: the name of a role or an account, not of a person. --reason is \
sealed.

--merge and --give-up open the users' profiles, in the memory of the machine on which they run. In AWS it needs credentials \
that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, Query, GetItem, PutItem and \
ConditionCheckItem on PREFIX-users, Query and UpdateItem on PREFIX-journal, Query and PutItem on PREFIX-audit, Query, PutItem and DeleteItem on \
PREFIX-members, GetItem, BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; kms:GenerateDataKey and Decrypt with its \
data key, and Encrypt and Decrypt with those of the others, for users' data keys too (with --dismiss only Decrypt)."
)]
#[command(after_help = "Examples:
  umoja conflicts resolve WINNER LOSER --merge --by support --dry-run --dir DIR
  umoja conflicts resolve WINNER LOSER --merge --by support --dir DIR
  umoja conflicts resolve WINNER LOSER --give-up --by support --reason 'ticket 4711' --prefix PREFIX --region eu-west-1
  umoja conflicts resolve WINNER LOSER --dismiss --by support --prefix PREFIX --region eu-west-1")]
pub(super) struct Resolve {
    /// The id of the user who keeps what both claim.
    winner: UserId,
    /// The id of the other one.
    loser: UserId,
    #[command(flatten)]
    way: Decision,
    /// On whose behalf, for the journal: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: String,
    /// Why, for the journal, where it is sealed; at most 256 characters.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

/// What people have decided.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Decision {
    /// Merge LOSER into WINNER.
    #[arg(long)]
    merge: bool,
    /// Take from LOSER what both claim.
    #[arg(long)]
    give_up: bool,
    /// Let both stand.
    #[arg(long)]
    dismiss: bool,
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

fn name(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(fits);
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 letters, digits, dots, hyphens and underscores".into()) }
}

fn reason(text: &str) -> Result<String, String> {
    if text.chars().count() <= MAX_REASON_CHARS { Ok(text.to_owned()) } else { Err("at most 256 characters".into()) }
}

impl Resolve {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        if self.winner == self.loser {
            return Err(CliError::Usage("WINNER and LOSER are the same user".into()));
        }
        let regions = self.target.regions().await?;
        let region = serving(&regions)?;
        let home = region.home.clone();
        let sealer = Arc::new(Sealer::new(KeyRing::new(&home, WRAP_BUDGET_MS), home.entropy.clone()));
        let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
        let way = self.way.way();
        let resolution = Resolution {
            people: &People { home, sealer, secrets },
            winner: self.winner,
            loser: self.loser,
            by: &self.by,
            reason: self.reason.as_deref(),
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
                (Way::GiveUp, false) => format!("{loser} has given up what {winner} claims too."),
                (Way::GiveUp, true) => format!("{loser} would give up what {winner} claims too."),
                (Way::Dismiss, false) => format!("The conflict of {winner} and {loser} is dismissed."),
                (Way::Dismiss, true) => format!("The conflict of {winner} and {loser} would be dismissed."),
            };
            table(&lines) + &done
        });
        Ok(())
    }
}
