//! `umoja user hold` and `release`: keeps a person from being erased.

use clap::Args;
use serde_json::json;
use umoja_accounts::{Error, Reason, Word};
use umoja_schema::{Actor, Millis, UserId};
use umoja_store::ports::Parts;

use crate::CliError;
use crate::commands::audit::trail;
use crate::commands::named::Named;
use crate::commands::reason::{reason, role};
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::deployment::Regions;
use crate::output::{Output, time};

/// Hold a person: until a day, no one can erase it.
#[derive(Debug, Args)]
#[command(
    long_about = "Hold a person, such as for a dispute before a court: until a day, no company, no source, no operator and \
not the person itself can erase it. The API answers 409 `user_held` with the day. All users of the person are held; a \
further hold replaces the one before. What is erased already stays so.

The command writes the hold in every region, and reports it only then: from that moment on no region erases. If a region \
cannot be written, the exit code is 1: the hold arrives there by replication, and until then an erasure there is done. Run \
the command again. The reason is sealed. The act is in the audit trail of the user.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in every region, Query and \
GetItem on PREFIX-users, Query on PREFIX-linked_accounts, GetItem and PutItem on PREFIX-access, Query and PutItem on \
PREFIX-audit; kms:Decrypt with the keys of data and proofs. A user that is named by an identifier also needs \
dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja user hold amina@example.com --reason 'case 4711' --until 2099-06-30 \\
      --by legal --dir DIR
  umoja user hold amina@example.com --reason 'case 4711' --until 2099-06-30 \\
      --by legal --prefix PREFIX --region eu-west-1")]
pub(super) struct Hold {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// Why, sealed; at most 256 characters.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// When it ends: a day, or a time as in RFC 3339.
    #[arg(long, value_name = "DATE", value_parser = trail::since)]
    until: Millis,
    /// The role or account that decided: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role, default_value = "operator")]
    by: String,
    #[command(flatten)]
    target: Target,
}

/// End the hold of a person: it can be erased again.
#[derive(Debug, Args)]
#[command(
    long_about = "End the hold of a person: it can be erased again. An erasure that was rejected is not repeated by \
itself. The command writes it in every region; the exit code is 1 if one cannot be written, where it arrives by \
replication. The act is in the audit trail of the user.

It needs the credentials that `umoja user hold` needs."
)]
#[command(after_help = "Examples:
  umoja user release amina@example.com --by legal --dir DIR
  umoja user release amina@example.com --by legal --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Release {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// The role or account that decided: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role, default_value = "operator")]
    by: String,
    #[command(flatten)]
    target: Target,
}

impl Hold {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        if self.until <= regions.clock.now() {
            return Err(CliError::Usage("--until has to be in the future".into()));
        }
        let too_long = || CliError::Usage("--reason: at most 256 characters".into());
        let reason = Reason::new(self.reason.clone()).ok_or_else(too_long)?;
        let id = self.user.id(&regions).await?;
        let word = Word::Hold { until: self.until, reason: &reason };
        let done = everywhere(&regions, id, word, &self.by, "user hold").await?;
        let until = time(self.until);
        let answer = json!({ "users": done.users, "until": until, "unwritten": done.unwritten });
        output.answer(&answer, || {
            let users: Vec<_> = done.users.iter().map(ToString::to_string).collect();
            format!("{} cannot be erased before {until}.{}", users.join(", "), done.rest())
        });
        done.whole()
    }
}

impl Release {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let id = self.user.id(&regions).await?;
        let done = everywhere(&regions, id, Word::Release, &self.by, "user release").await?;
        let answer = json!({ "users": done.users, "was_held": done.has_changed, "unwritten": done.unwritten });
        output.answer(&answer, || {
            let users: Vec<_> = done.users.iter().map(ToString::to_string).collect();
            let was = if done.has_changed { "is not held any more" } else { "was not held" };
            format!("{} {was}.{}", users.join(", "), done.rest())
        });
        done.whole()
    }
}

/// What was written.
struct Done {
    users: Vec<UserId>,
    has_changed: bool,
    unwritten: Vec<String>,
}

impl Done {
    fn rest(&self) -> String {
        self.unwritten.iter().fold(String::new(), |rest, error| rest + "\n" + error)
    }

    fn whole(&self) -> Result<(), CliError> {
        if self.unwritten.is_empty() { Ok(()) } else { Err(CliError::Said) }
    }
}

/// Says it of every user of the person, in every region, each of which records it.
async fn everywhere(regions: &Regions, id: UserId, word: Word<'_>, by: &str, command: &str) -> Result<Done, CliError> {
    let serving = regions.serving()?;
    let people = serving.people().await?;
    let person = people.reader().person(id).await.map_err(|error| failed(serving.name(), &error))?;
    let no_such_user = || CliError::Failed("no such user: no live user has this id".into());
    let users: Vec<UserId> = person.ok_or_else(no_such_user)?.users().filter_map(Parts::id).collect();
    let actor = Actor::Operator { command: command.to_owned(), by: Some(by.to_owned()) };
    let (mut has_changed, mut unwritten) = (false, Vec::new());
    for user in &users {
        let set = people.set_hold(*user, word, by, &actor).await;
        has_changed |= set.map_err(|error| failed(serving.name(), &error))?;
    }
    for region in regions.list.iter().filter(|region| region.name() != serving.name()) {
        let set = async {
            let people = region.people().await?;
            let mut has_changed = false;
            for user in &users {
                let set = match people.set_hold(*user, word, by, &actor).await {
                    Err(Error::NotFound) => Err(CliError::Failed(format!(
                        "{}: the user has not arrived there, and what arrives is held once the hold has arrived too",
                        region.name()
                    ))),
                    other => other.map_err(|error| failed(region.name(), &error)),
                };
                has_changed |= set?;
            }
            Ok::<_, CliError>(has_changed)
        };
        match set.await {
            Ok(changed) => has_changed |= changed,
            Err(error) => unwritten.push(error.to_string()),
        }
    }
    Ok(Done { users, has_changed, unwritten })
}
