//! A password that has changed at the provider: what the company stated about the password before is over.

use umoja_schema::{AuditEvent, Credentials, Millis};
use umoja_store::apply::MAX_ROUNDS;

use super::change::{Applied, IncomingChange};
use super::feeder::{Feeder, Found};
use crate::Context;
use crate::ends_all::EndsAll;
use crate::import::{Failed, Reason};
use crate::person::{Person, unreadable};

impl Feeder {
    pub(super) async fn password_changed(&self, context: &Context, change: &IncomingChange) -> Result<Applied, Failed> {
        let mut is_changed = false;
        for _ in 0..MAX_ROUNDS {
            let Found::User(person, id) = self.find(context, &change.subject).await? else {
                return Ok(Applied::Absent);
            };
            match self.dropped(context, &person, change.at).await? {
                Dropped::One => is_changed = true,
                Dropped::Overtaken => {}
                Dropped::None if is_changed => {
                    self.people().end_what_has_ended(id).await?;
                    return Ok(Applied::Changed(id));
                }
                Dropped::None => return Ok(Applied::Unchanged(id)),
            }
        }
        Err(Reason::Busy.into())
    }

    /// Drops what the company has stated from the first user of the person that has any of it. Merged users each have
    /// their own credentials, and any of them can decide. What the person has signed in to ends with them.
    async fn dropped(&self, context: &Context, person: &Person, at: Millis) -> Result<Dropped, Failed> {
        let people = self.people();
        for user in person.users() {
            let stored = &user.credentials;
            let credentials = match people.sealer.open::<Credentials>(stored).await {
                Ok(credentials) => credentials,
                Err(error) => {
                    unreadable(stored, error)?;
                    continue;
                }
            };
            let Some(changed) = without_statements(context, &credentials, at) else { continue };
            let event = Some((context, AuditEvent::PasswordDropped));
            let written =
                people.write_credentials(stored, &changed, user.status, event, Some(EndsAll::from(person))).await?;
            return Ok(if written.is_some() { Dropped::One } else { Dropped::Overtaken });
        }
        Ok(Dropped::None)
    }
}

enum Dropped {
    /// One user was written.
    One,
    /// No user has a statement of the company that is older than the change.
    None,
    /// Another write got in between.
    Overtaken,
}

/// The credentials without the older statements of the company. `None` if there are none.
fn without_statements(context: &Context, credentials: &Credentials, at: Millis) -> Option<Credentials> {
    let company = &context.company.id;
    let source = credentials.password_source.as_ref().filter(|source| source.company == *company);
    if source.is_some_and(|source| source.at >= at.secs()) {
        return None;
    }
    let mut changed = credentials.clone();
    changed.legacy_hashes.retain(|legacy| legacy.company != *company);
    if source.is_some() {
        (changed.secret, changed.password_source, changed.password_by) = (None, None, None);
    }
    (changed != *credentials).then_some(changed)
}
