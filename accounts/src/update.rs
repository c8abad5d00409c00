//! Changes the profile and the identifiers of a linked user. For merged users, an identifier is changed on the user
//! whose value callers see, and the profile on the primary account. A removed value is removed from all of them.

use umoja_schema::{PersonVersion, UserId};

use crate::accounts::until_written;
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Patch, Person, Rule};

/// Changes a user.
pub struct Update {
    /// The user.
    pub id: UserId,
    /// The changes.
    pub patch: Patch,
    /// The version that has to be the current one.
    pub if_version: Option<PersonVersion>,
}

impl Rule for Update {
    type Read = Option<Person>;
    type Done = Person;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Option<Person>, Error> {
        accounts.reader().load(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, first: Self::Read) -> Result<Person, Error> {
        let mut first = Some(first);
        until_written!({
            let person = match first.take() {
                Some(read) => read,
                None => accounts.reader().load(self.id).await?,
            };
            let person = person.ok_or(Error::NotFound)?;
            if !person.is_linked_to(&context.company.id) {
                return Err(Error::NotLinked);
            }
            let changed = self.patch.apply_to(accounts, context, &person)?;
            let current = person.version();
            // A retry under the same idempotency key meets its own effect: no change is left, or only linked accounts
            // have changed so far, because the primary account is written last.
            let primary_is_as_wanted = |wanted: &PersonVersion| wanted.users().first() == current.users().first();
            let met = |wanted: &PersonVersion| {
                *wanted == current || context.is_repeat() && (changed.is_empty() || primary_is_as_wanted(wanted))
            };
            if let Some(wanted) = self.if_version.as_ref().filter(|wanted| !met(wanted)) {
                // The wanted version may be newer than the stored users, or contain a merged user that has not arrived.
                accounts.not_behind(wanted).await?;
                return Err(Error::Version { current: current.to_string() });
            }
            if changed.is_empty() {
                return Ok(Some(person));
            }
            let rules = Rules { reject_taken: true, ..Rules::of(&context.actor) };
            accounts.write_profiles(&person, &changed, &rules, |_| Vec::new()).await
        })
    }
}
