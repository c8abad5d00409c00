//! `umoja user unlock`: takes the lock-out of a person away, in every region.

use clap::Args;
use serde_json::json;
use umoja_schema::{Actor, Region};

use crate::CliError;
use crate::commands::named::Named;
use crate::commands::reason::role;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::deployment::names;
use crate::output::Output;

/// Take the lock-out of a person away, in every region.
#[derive(Debug, Args)]
#[command(
    long_about = "Take the lock-out of a person away, in every region: the counts of failed attempts by each identifier, \
by the person as a whole, and with codes of second factors. The person may try again at once. It gives an attacker the \
attempts back too, so find out first that it is the person who asks. The count of a client's address stays, because it is \
not about this person alone: it ends by itself within a quarter of an hour.

The act is in the audit trail of the user (`umoja audit show`), with --by. The exit code is 1 if a region could not be \
asked: run the command again.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in every region, Query on \
PREFIX-users and PREFIX-linked_accounts, DeleteItem on PREFIX-attempts; in one region that serves, Query and PutItem on \
PREFIX-audit; kms:Decrypt with the keys of data and proofs. A user that is named by an identifier also needs \
dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja user unlock amina@example.com --by support --dir DIR
  umoja user unlock amina@example.com --by support --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Unlock {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// The role or account that decided, for the audit trail: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role)]
    by: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Unlock {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let id = self.user.id(&regions).await?;
        // It is recorded first: what is done is never missing in the audit trail.
        let serving = regions.serving()?;
        let people = serving.people().await?;
        let person = people.reader().person(id).await.map_err(|error| failed(serving.name(), &error))?;
        let primary = person.and_then(|person| person.primary.id());
        let primary = primary.ok_or_else(|| CliError::Failed("no such user: no live user has this id".into()))?;
        let actor = Actor::Operator { command: "user unlock".to_owned(), by: self.by.clone() };
        people.record_unlock(&actor, primary).await.map_err(|error| failed(serving.name(), &error))?;
        let (mut done, mut unseen): (Vec<&Region>, Vec<CliError>) = (Vec::new(), Vec::new());
        for region in &regions.list {
            let unlocked = async {
                let people = region.people().await?;
                match people.unlock(primary).await {
                    // The user has not arrived there, so nothing is counted by what it owns there.
                    Err(umoja_accounts::Error::NotFound) => Ok(()),
                    other => other.map(drop).map_err(|error| failed(region.name(), &error)),
                }
            };
            match unlocked.await {
                Ok(()) => done.push(region.name()),
                Err(error) => unseen.push(error),
            }
        }
        let errors: Vec<_> = unseen.iter().map(ToString::to_string).collect();
        output.answer(&json!({ "user": primary, "regions": done, "errors": errors }), || {
            let failed = errors.iter().fold(String::new(), |failed, error| failed + "\n" + error);
            format!("{primary} may log in again in {}.{failed}", names(done.iter().copied()))
        });
        if errors.is_empty() { Ok(()) } else { Err(CliError::Said) }
    }
}
