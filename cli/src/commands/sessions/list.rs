//! `umoja sessions list`.

use clap::Args;
use serde_json::{Value, json};
use umoja_accounts::access::{Reuse, Standing};
use umoja_schema::Millis;
use umoja_schema::access::{Family, Session};

use super::asked::Asked;
use crate::CliError;
use crate::commands::named::Named;
use crate::commands::target::Target;
use crate::output::{Output, table, time};

/// List the live sessions of a person, and the access of clients that outlives them.
#[derive(Debug, Args)]
#[command(
    long_about = "List the live sessions of a person with the browser and the system of each device, as the browser names them, and the clients that got \
tokens in it, and the access of clients that outlives its session (scope offline_access). With --json, `sids` is what each client calls the session (claim sid). The command shows what one region holds; what began elsewhere a moment \
ago may not have arrived yet. It prints no personal data and no token.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Query on PREFIX-users, PREFIX-linked_accounts and PREFIX-access; kms:Decrypt with the keys of data and proofs. A user that \
is named by an identifier also needs dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja sessions list amina@example.com --dir DIR
  umoja sessions list 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR --json")]
pub(super) struct List {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let asked = Asked::of(&self.user, &self.target).await?;
        let Asked { region, user, people, standing } = &asked;
        let mut sessions: Vec<&Session> = standing.sessions().collect();
        sessions.sort_by_key(|session| (session.created_at, &session.id));
        let mut lasting: Vec<&Family> = standing.families().filter(|family| outlives(standing, family)).collect();
        lasting.sort_by_key(|family| (family.expires_at, &family.id));
        let answer = json!({
            "user": user,
            "region": region,
            "active": standing.is_active(),
            "sessions": sessions.iter().map(|session| value(&asked, session)).collect::<Vec<_>>(),
            "lasting": lasting.iter().map(|family| {
                json!({ "client_id": family.client, "scopes": family.scopes, "expires_at": time(family.expires_at) })
            }).collect::<Vec<_>>(),
        });
        output.answer(&answer, || {
            if sessions.is_empty() && lasting.is_empty() {
                return format!("{user} is not signed in, as far as {region} knows.");
            }
            let is_active = if standing.is_active() { "" } else { ", who is disabled: nothing of this is valid" };
            let sessions = sessions.iter().map(|session| {
                let clients: Vec<String> = standing.clients_of(&session.id).into_iter().collect();
                let clients = if clients.is_empty() { "no client".to_owned() } else { clients.join(", ") };
                let (since, until) = (time(session.created_at), time(session.expires_at));
                let device = people.label(session).map(|label| label.products()).unwrap_or_default();
                vec!["session".to_owned(), session.id.clone(), format!("{since} to {until}"), device, clients]
            });
            let lasting = lasting.iter().map(|family| {
                let until = format!("to {}", time(family.expires_at));
                vec!["lasting".to_owned(), String::new(), until, String::new(), family.client.clone()]
            });
            format!("{user}{is_active}\n{}", table(&sessions.chain(lasting).collect::<Vec<_>>()))
        });
        Ok(())
    }
}

/// True of valid access of a client that does not end with its session.
fn outlives(standing: &Standing, family: &Family) -> bool {
    let is_valid = !standing.is_active() || standing.family(&family.id, Reuse::default()).is_some();
    family.session.is_none() && is_valid
}

fn value(asked: &Asked, session: &Session) -> Value {
    json!({
        "id": session.id,
        "auth_time": (session.auth_time > Millis(0)).then(|| time(session.auth_time)),
        "amr": session.amr,
        "acr": session.acr,
        "created_at": time(session.created_at),
        "expires_at": time(session.expires_at),
        "device": asked.people.label(session),
        "clients": asked.standing.clients_of(&session.id),
        "sids": asked.names(session),
    })
}
