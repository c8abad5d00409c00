//! `umoja sessions end`.

use clap::Args;
use serde_json::json;
use umoja_schema::access::Session;

use super::asked::{Asked, failed, row_id};
use crate::CliError;
use crate::commands::named::Named;
use crate::commands::target::Target;
use crate::output::{Output, counted};

/// End one session of a person, or all of them.
#[derive(Debug, Args)]
#[command(
    long_about = "End one session of a person, or all of them. The tokens of the session are rejected at once in the region \
that is asked, and in each other region once the end has arrived there; a client that checks access tokens without asking \
Umoja accepts one for at most its lifetime, 5 minutes unless the client has another. Clients with a back-channel logout URI \
are notified. With --all, the access of clients that outlives its session (scope offline_access) ends too. A session that the region does not know \
is an error.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Query on PREFIX-users and PREFIX-linked_accounts, Query, GetItem and PutItem on PREFIX-access, GetItem, PutItem and \
DeleteItem on PREFIX-due; sqs:SendMessage on PREFIX-deliver; kms:Decrypt with the keys of data and proofs. A user that is named by an identifier also needs dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja sessions end amina@example.com --dir DIR \\
      --session hV2fXyC1sJ0Qm8w3TnZkLQ
  umoja sessions end amina@example.com --all --dir DIR")]
pub(super) struct End {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The id of the session, as `umoja sessions list` shows it, or what a client calls it (claim sid).
    #[arg(long, value_name = "ID", value_parser = row_id, allow_hyphen_values = true)]
    session: Option<String>,
    /// Every session, and the access of clients that outlives them.
    #[arg(long)]
    all: bool,
}

impl End {
    /// The id of a session that is live, or has ended already.
    fn known(&self, asked: &Asked, named: &str) -> Result<String, CliError> {
        let Asked { region, user, standing, .. } = asked;
        let is_it = |session: &&Session| session.id == named || asked.names(session).values().any(|sid| sid == named);
        match standing.sessions().find(is_it) {
            Some(session) => Ok(session.id.clone()),
            None if standing.has_ended(named) => Ok(named.to_owned()),
            None => Err(CliError::Failed(format!(
                "{region} knows no session {named} of {user}; see `umoja sessions list {user} {}`. A session that began in \
                 another region a moment ago has yet to arrive: try again",
                self.target.arguments()
            ))),
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let asked = Asked::of(&self.user, &self.target).await?;
        let Asked { region, user, people, standing } = &asked;
        let (region, user) = (region.clone(), *user);
        let known: Vec<String> = standing.sessions().map(|session| session.id.clone()).collect();
        let ended = if let Some(named) = &self.which.session {
            let id = self.known(&asked, named)?;
            people.end_session(user, &id).await.map(|_| vec![id])
        } else {
            people.end_all_sessions(user).await.map(|ended| ended.into_iter().map(|(id, _)| id).collect())
        };
        let ended = ended.map_err(|error| failed(&region, &error))?;
        let live = ended.iter().filter(|id| known.contains(id)).count();
        output.answer(&json!({ "user": user, "region": region, "ended": ended, "live": live }), || {
            let sessions = counted(u64::try_from(live).unwrap_or(u64::MAX), "live session");
            format!("Ended {sessions} of {user} in {region}; the other regions follow.")
        });
        Ok(())
    }
}
