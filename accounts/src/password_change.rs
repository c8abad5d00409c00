//! Sets a new password for a user who knows the current one. For merged users, it is changed on the account whose
//! password decides.

use umoja_crypto::Password;
use umoja_schema::{AuditEvent, PersonVersion, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::Verdict;

use crate::accounts::until_written;
use crate::authenticate::{attempt, is_active};
use crate::lockout::{Entry, Origin, Target};
use crate::{Accounts, Context, Error, Rule};

/// A change of a password.
pub struct PasswordChange {
    /// The user.
    pub id: UserId,
    /// The current password.
    pub current: Password,
    /// The new password.
    pub new: Password,
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The new password is set.
    Changed(Option<PersonVersion>),
    /// The current password is wrong, or the user may not log in.
    Rejected,
}

impl Rule for PasswordChange {
    type Read = Option<PersonParts>;
    type Done = Changed;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Self::Read, Error> {
        accounts.reader().person(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Self::Read) -> Result<Changed, Error> {
        if person.is_none() {
            return Err(Error::NotFound);
        }
        let target = Target::of_id(accounts, self.id);
        let entry = Entry::begin(accounts, context, &target, person.as_ref(), &Origin::default()).await?;
        let changed = change(accounts, context, &self, person).await;
        // After an error, the attempt does not count: the current password was right, or it was not checked.
        entry.end(&changed).await;
        Ok(changed?.map_or(Changed::Rejected, |person| Changed::Changed(person.version())))
    }
}

/// The person whose password was changed. `None` if the current password is wrong, or if the user may not log in.
async fn change(
    accounts: &Accounts,
    context: &Context,
    asked: &PasswordChange,
    person: Option<PersonParts>,
) -> Result<Option<PersonParts>, Error> {
    let mut first = Some(person);
    until_written!({
        let person = match first.take() {
            Some(read) => read,
            None => accounts.reader().person(asked.id).await?,
        };
        let mut person = person.ok_or(Error::NotFound)?;
        let deciding = accounts.deciding(&person).await?;
        if deciding.record.is_none() {
            return Err(Error::NotFound);
        }
        let given = asked.current.clone();
        let verdict = accounts.hasher.verify(attempt(accounts, context, given, &deciding.credentials)).await?;
        let active = is_active(&person);
        if verdict == Verdict::Wrong && active && context.is_repeat() {
            // A retry under the same idempotency key meets its own effect.
            let of_new =
                accounts.hasher.verify(attempt(accounts, context, asked.new.clone(), &deciding.credentials)).await?;
            return Ok(Some((of_new != Verdict::Wrong).then_some(person)));
        }
        if verdict == Verdict::Wrong || !active {
            return Ok(Some(None));
        }
        let written =
            accounts.set_password(context, &person, deciding, asked.new.clone(), AuditEvent::PasswordChanged).await?;
        Ok(written.map(|written| {
            person.set(written);
            Some(person)
        }))
    })
}
