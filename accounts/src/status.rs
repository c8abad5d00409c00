//! Disables or activates a user for all companies. For merged users, the status of the primary account counts.

use umoja_schema::{AccountStatus, AuditEvent, Credentials, UserId};

use crate::accounts::until_written;
use crate::ends_all::EndsAll;
use crate::{Accounts, Context, Error, Person, Reason, Rule};

/// Sets the status of a user.
pub struct SetStatus {
    /// The user.
    pub id: UserId,
    /// The new status.
    pub status: AccountStatus,
    /// The reason for it.
    pub reason: Option<Reason>,
}

impl Rule for SetStatus {
    type Read = Option<Person>;
    type Done = Person;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Option<Person>, Error> {
        accounts.reader().load(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Self::Read) -> Result<Person, Error> {
        let reason = self.reason.as_ref().map(|reason| reason.as_str().to_owned());
        let mut first = Some(first);
        let done = until_written!({
            let person = match first.take() {
                Some(read) => read,
                None => accounts.reader().load(self.id).await?,
            };
            let mut person = person.ok_or(Error::NotFound)?;
            // What a person had signed in to does not come back when it is activated.
            let all = (self.status == AccountStatus::Disabled).then(|| EndsAll::from(&person));
            let stored = &mut person.primary;
            let credentials: Credentials = accounts.sealer.open(&stored.credentials).await?;
            if stored.status == self.status && credentials.status_reason == reason {
                return Ok(Some(person));
            }
            let changed =
                Credentials { status_reason: reason.clone(), status_source: Some(context.source()), ..credentials };
            let event = Some((context, AuditEvent::StatusChanged(self.status)));
            let written = accounts.write_credentials(&stored.credentials, &changed, self.status, event, all).await?;
            let Some(written) = written else { return Ok(None) };
            stored.credentials = written;
            stored.status = self.status;
            Ok(Some(person))
        })?;
        if self.status == AccountStatus::Disabled {
            accounts.end_what_has_ended(self.id).await?;
        }
        Ok(done)
    }
}
