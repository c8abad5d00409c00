//! A token for the credentials that decide, and the stored addresses to send it to. Nothing is written but that it was
//! handed out.

use umoja_schema::api::Selector;
use umoja_schema::{AuditEvent, PersonVersion};
use umoja_store::group::GroupParts;

use super::token::ResetToken;
use crate::authenticate::is_active;
use crate::{Accounts, Context, Error, Person, Rule};

/// Starts a reset of a password.
pub struct ResetStart {
    /// Whose.
    pub selector: Selector,
    /// How long the token is good for, in seconds.
    pub lifetime_secs: u64,
    /// Only where the region has heard of this version.
    pub min_version: Option<PersonVersion>,
}

/// A token that was handed out.
pub struct Started {
    /// The token.
    pub token: String,
    /// When it ends, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// Whose password it resets.
    pub person: Person,
}

impl Rule for ResetStart {
    type Read = Option<GroupParts>;
    type Done = Started;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Self::Read, Error> {
        accounts.at_least(self.min_version.as_ref()).await?;
        accounts.find(context, &self.selector).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, group: Self::Read) -> Result<Started, Error> {
        let group = group.ok_or(Error::NotFound)?;
        if !is_active(&group) {
            return Err(Error::Disabled);
        }
        let reader = accounts.reader();
        let (deciding, opened) = tokio::try_join!(accounts.deciding(&group), reader.open(group.clone()))?;
        let person = opened.ok_or(Error::NotFound)?;
        let user = deciding.record.and_then(|record| person.get(record.id)).ok_or(Error::NotFound)?;
        let token =
            ResetToken { version: user.version(), expires_at: context.now.secs().saturating_add(self.lifetime_secs) };
        // Before it is handed out.
        accounts.recorder().append(&context.actor, user.id(), AuditEvent::ResetStarted).await?;
        let text = token.seal(&accounts.secrets, &context.company.id);
        Ok(Started { token: text, expires_at: token.expires_at, person })
    }
}
