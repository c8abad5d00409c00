//! `umoja company unlink`: one company is unlinked from a person, who is not erased.

use clap::Args;
use serde_json::json;
use umoja_accounts::Error;
use umoja_schema::{Actor, Client, CompanyId};

use super::known::known;
use crate::CliError;
use crate::commands::listed::rows;
use crate::commands::named::Named;
use crate::commands::reason::role;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::deployment::newest_of;
use crate::output::Output;

/// Unlink a company from a person who is not erased, because other companies stay.
#[derive(Debug, Args)]
#[command(
    long_about = "Unlink a company from a person who is not erased, because other companies stay. What goes: the link, the \
company's own id of the person, the members of the profile that this company stated last (a member such as `custom` or \
`address` counts as a whole), and the consents and tokens of its clients. What stays: what another company stated last, \
the password, and the e-mail address, the phone number and the user name, also if only this company stated them, because the others find the \
person by them. Copies of merged users are treated alike. The company gets the event `unlinked`; its targets remove the \
account by their rule.

If no other company is linked, the command fails: erase the person then. It fails too if nothing would find the person any \
more. A second run has no further effect. If a company registers or authenticates the person later, or one of its sources \
describes the person, it is linked again.

The command writes in one region that serves, and the change is replicated. A change of the same user at the same moment in \
another region may win over it, as over every change: then run it again. The act is in the audit trail of the person.

In AWS it needs the credentials that `umoja conflicts resolve` needs, and: in every region, dynamodb:Scan on \
PREFIX-settings and GetItem on PREFIX-companies; in the region that is asked, Query, GetItem and PutItem on PREFIX-access."
)]
#[command(after_help = "Examples:
  umoja company unlink soko amina@example.com --by privacy --dir DIR
  umoja company unlink soko 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --by privacy \\
      --prefix PREFIX --region eu-west-1")]
pub(super) struct Unlink {
    /// The company's id.
    id: CompanyId,
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// The role or account that decided, for the audit trail: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role)]
    by: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Unlink {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        known(&regions, &self.id).await?;
        let user = self.user.id(&regions).await?;
        let read = rows::<Client>(&regions).await?;
        let clients = newest_of(read.iter().flat_map(|(_, rows)| rows));
        let clients = clients.values().filter(|client| client.company == self.id);
        let clients: Vec<String> = clients.map(|client| client.id.to_string()).collect();
        let region = regions.serving()?;
        let people = region.people().await?;
        let actor = Actor::Operator { command: "company unlink".to_owned(), by: self.by.clone() };
        let done = match people.unlink(&actor, user, &self.id, &clients).await {
            Err(Error::OnlyCompany) => {
                let only = format!("{} is the only company of {user}: erase the person instead", self.id);
                return Err(CliError::Failed(only));
            }
            Err(Error::NoIdentifierLeft) => {
                let none =
                    format!("nothing but the own id of {} finds {user}: give it another identifier first", self.id);
                return Err(CliError::Failed(none));
            }
            other => other.map_err(|error| failed(region.name(), &error))?,
        };
        let answer = json!({
            "company": self.id,
            "user": done.id,
            "region": region.name(),
            "unlinked": done.users,
            "gone": done.gone,
            "kept": done.kept,
        });
        output.answer(&answer, || {
            let (company, id) = (&self.id, done.id);
            if done.users.is_empty() {
                return format!("{company} is not linked to {id}.");
            }
            let names = |names: &[String]| if names.is_empty() { "nothing else".to_owned() } else { names.join(", ") };
            let kept = if done.kept.is_empty() {
                String::new()
            } else {
                format!("\nOthers find the person by what it stated too, so this stays: {}.", done.kept.join(", "))
            };
            format!("{company} is unlinked from {id}. What went with the link: {}.{kept}", names(&done.gone))
        });
        Ok(())
    }
}
