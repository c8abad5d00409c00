//! Changes the profile and the identifiers of a linked user. Of merged users an identifier is changed where callers see it
//! from, and the profile at the root; what is removed is removed from all of them.

use umoja_schema::{PersonVersion, UserId};

use crate::accounts::until_written;
use crate::profiles::Rules;
use crate::{Accounts, Context, Error, Patch, Person, Rule};

/// Changes a user.
pub struct Update {
    /// The user.
    pub id: UserId,
    /// What is to change.
    pub patch: Patch,
    /// Only if this is the current version.
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
            // A request that is repeated under its idempotency key meets its own effect: nothing is left to change, or,
            // as the root is written last, only others than the root have changed.
            let root_is_as_wanted = |wanted: &PersonVersion| wanted.users().first() == current.users().first();
            let met = |wanted: &PersonVersion| {
                *wanted == current || context.is_repeat() && (changed.is_empty() || root_is_as_wanted(wanted))
            };
            if let Some(wanted) = self.if_version.as_ref().filter(|wanted| !met(wanted)) {
                // Newer than what is stored of anybody: or merged with somebody, of which nothing has arrived here.
                accounts.not_behind(wanted).await?;
                return Err(Error::Version { current: current.to_string() });
            }
            if changed.is_empty() {
                return Ok(Some(person));
            }
            let rules = Rules { refuse_taken: true, ..Rules::of(&context.actor) };
            accounts.write_profiles(&person, &changed, &rules, |_| Vec::new()).await
        })
    }
}
