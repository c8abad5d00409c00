//! `umoja factors list`.

use clap::Args;
use serde_json::json;
use umoja_schema::access::Factor;

use super::shown::value;
use crate::CliError;
use crate::commands::named::Named;
use crate::commands::sessions::asked::Asked;
use crate::commands::target::Target;
use crate::output::{Output, table, time};

/// List the passkeys, authenticator applications and recovery codes of a person.
#[derive(Debug, Args)]
#[command(
    long_about = "List the passkeys, authenticator applications (totp) and recovery codes of a person, those of merged users \
too, each with what the person calls it, which is personal data. The command shows what one region holds; what was added \
elsewhere a moment ago may not have arrived yet. It prints no secret and no code.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Query on PREFIX-users, PREFIX-linked_accounts and PREFIX-access; kms:Decrypt with the keys of data and proofs. A user that \
is named by an identifier also needs dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja factors list amina@example.com --dir DIR
  umoja factors list 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR --json")]
pub(super) struct List {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let Asked { region, user, people, standing } = Asked::of(&self.user, &self.target).await?;
        let mut factors: Vec<&Factor> = standing.factors().collect();
        factors.sort_by_key(|factor| (factor.created_at, &factor.id));
        let answer = json!({
            "user": user,
            "region": region,
            "active": standing.is_active(),
            "factors": factors.iter().map(|factor| value(&people, factor)).collect::<Vec<_>>(),
            "recovery_codes_left": standing.recovery_codes_left(),
        });
        output.answer(&answer, || {
            if factors.is_empty() {
                return format!("{user} has no second factor, as far as {region} knows.");
            }
            let row = |factor: &&Factor| {
                let since = format!("since {}", time(factor.created_at));
                let label = people.factor_label(factor).unwrap_or_default();
                vec![factor.kind.name().to_owned(), factor.id.clone(), since, label]
            };
            let factors: Vec<_> = factors.iter().map(row).collect();
            format!("{user}\n{}recovery codes left: {}", table(&factors), standing.recovery_codes_left())
        });
        Ok(())
    }
}
