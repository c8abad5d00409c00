//! Changes the profile and the identifiers of a linked user. For merged users, an identifier is changed on the user
//! whose value callers see, and the profile on the primary account. A removed value is removed from all of them.

use umoja_schema::{PersonVersion, UserId};

use crate::accounts::until_written;
use crate::person::Stored;
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
            // A retry under the same idempotency key meets its own effect. The primary account is written last.
            if has_written(context, &person.primary) {
                return Ok(Some(person));
            }
            let mut changed = self.patch.apply_to(accounts, context, &person)?;
            if let Some(wanted) = self.if_version.as_ref().filter(|wanted| !is_met(context, wanted, &person)) {
                // The wanted version may be newer than the stored users, or contain a merged user that has not arrived.
                accounts.not_behind(wanted).await?;
                return Err(Error::Version { current: person.version().to_string() });
            }
            if changed.is_empty() {
                return Ok(Some(person));
            }
            for change in &mut changed {
                change.identity.updated_by = context.mark();
            }
            let rules = Rules { reject_taken: true, ..Rules::of(&context.actor) };
            accounts.write_profiles(&person, &changed, &rules, |_| Vec::new()).await
        })
    }
}

/// True if an earlier attempt of this request has written the user.
fn has_written(context: &Context, user: &Stored) -> bool {
    context.has_written(user.identity.updated_by.as_ref())
}

/// True if every user is in the wanted version, except for linked accounts that an earlier attempt of this request has
/// written.
fn is_met(context: &Context, wanted: &PersonVersion, person: &Person) -> bool {
    let current = person.version();
    let is_unwritten = |id: UserId| !person.get(id).is_some_and(|user| has_written(context, user));
    let unwritten = |version: &PersonVersion| -> Vec<_> {
        version.users().iter().filter(|user| is_unwritten(user.id)).cloned().collect()
    };
    let ids = |version: &PersonVersion| version.users().iter().map(|user| user.id).collect::<Vec<_>>();
    ids(wanted) == ids(&current) && unwritten(wanted) == unwritten(&current)
}
