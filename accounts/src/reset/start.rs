//! Issues a token for the credentials that decide, and returns the stored addresses to send it to. The only write is
//! the audit row.

use umoja_schema::api::Selector;
use umoja_schema::{AuditEvent, PersonVersion};
use umoja_store::person::PersonParts;

use super::token::ResetToken;
use crate::links::may_log_in;
use crate::{Accounts, Context, Error, Person, Rule};

/// Starts a reset of a password.
pub struct ResetStart {
    /// The user.
    pub selector: Selector,
    /// The lifetime of the token in seconds.
    pub lifetime_secs: u64,
    /// The version that has to have arrived in the region.
    pub min_version: Option<PersonVersion>,
}

/// A token that was issued.
pub struct Started {
    /// The token.
    pub token: String,
    /// The expiry, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The person whose password it resets.
    pub person: Person,
}

impl Rule for ResetStart {
    type Read = Option<PersonParts>;
    type Done = Started;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.at_least(self.min_version.as_ref()).await?;
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Self::Read) -> Result<Started, Error> {
        let person = person.ok_or(Error::NotFound)?;
        if !may_log_in(&person, &context.company.id) {
            return Err(Error::Disabled);
        }
        let reader = accounts.reader();
        let (deciding, opened) = tokio::try_join!(accounts.deciding(&person), reader.open(person.clone()))?;
        let person = opened.ok_or(Error::NotFound)?;
        let user = deciding.record.and_then(|record| person.get(record.id)).ok_or(Error::NotFound)?;
        let token =
            ResetToken { version: user.version(), expires_at: context.now.secs().saturating_add(self.lifetime_secs) };
        // The audit row is written before the token is issued.
        accounts.recorder().append(&context.actor, user.id(), AuditEvent::ResetStarted).await?;
        let text = token.seal(&accounts.secrets, &context.company.id);
        Ok(Started { token: text, expires_at: token.expires_at, person })
    }
}
