//! `umoja factors remove`.

use clap::Args;
use serde_json::json;
use umoja_accounts::access::By;
use umoja_schema::Actor;
use umoja_schema::access::Factor;

use super::shown::value;
use crate::CliError;
use crate::commands::named::Named;
use crate::commands::reason::role;
use crate::commands::sessions::asked::{Asked, failed, row_id};
use crate::commands::target::Target;
use crate::output::{Output, counted};

/// Remove one factor of a person, or all of them.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove one factor of a person, or all of them. It is for who has lost what it signs in with: with the last \
passkey and application go the recovery codes, and the person signs in with its password alone from then on, except at \
clients that always want a second factor. Find out first, in another way than by mail or telephone alone, that it is the person who asks.

Every session of the person ends, and clients are notified as by `umoja sessions end --all`. The factor is rejected at once in \
the region that is asked, and in each other region once the removal has arrived there. Each removal is in the audit trail of the \
user (`umoja audit show`), with --by. A passkey that was removed cannot be added again. A factor that the region does not \
know is an error. With --all, a person without any is none, and its sessions end too.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Query on PREFIX-users and PREFIX-linked_accounts, Query, GetItem and PutItem on PREFIX-access, Query and PutItem on \
PREFIX-audit, GetItem, PutItem and DeleteItem on PREFIX-due; sqs:SendMessage on PREFIX-deliver; kms:Decrypt with the keys of \
data and proofs. A user that is named by an identifier also needs dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja factors remove amina@example.com --factor hV2fXyC1sJ0Qm8w3TnZkLQ \\
      --by support --dir DIR
  umoja factors remove amina@example.com --all --by support --dir DIR
  umoja factors remove amina@example.com --all --by support --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Remove {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    which: Which,
    /// The role or account that decided, for the audit trail: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role)]
    by: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The id of the factor, as `umoja factors list` shows it.
    #[arg(long, value_name = "ID", value_parser = row_id, allow_hyphen_values = true)]
    factor: Option<String>,
    /// Every factor, and the recovery codes.
    #[arg(long)]
    all: bool,
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let asked = Asked::of(&self.user, &self.target).await?;
        let Asked { region, user, people, standing } = &asked;
        let actor = Actor::Operator { command: "factors remove".to_owned(), by: Some(self.by.clone()) };
        let by = By { user: *user, kept: None, actor: &actor };
        let removed = if let Some(id) = &self.which.factor {
            let known = standing.factors().find(|factor| factor.id == *id).cloned();
            let known = known.ok_or_else(|| {
                CliError::Failed(format!(
                    "{region} knows no factor {id} of {user}; see `umoja factors list {user} {}`. One that was added in \
                     another region a moment ago has yet to arrive: try again",
                    self.target.arguments()
                ))
            })?;
            people.remove_factor(by, id).await.map(|is_removed| is_removed.then_some(known).into_iter().collect())
        } else {
            people.remove_factors(by).await
        };
        let removed: Vec<Factor> = removed.map_err(|error| failed(region, &error))?;
        let values: Vec<_> = removed.iter().map(|factor| value(people, factor)).collect();
        output.answer(&json!({ "user": user, "region": region, "removed": values }), || {
            let factors = counted(u64::try_from(removed.len()).unwrap_or(u64::MAX), "factor");
            format!("Removed {factors} of {user}, and ended every session, in {region}; the other regions follow.")
        });
        Ok(())
    }
}
