//! Sets a new password for a user who knows the current one. For merged users, it is changed on the account whose
//! password decides.

use umoja_crypto::Password;
use umoja_schema::{AuditEvent, PersonVersion, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::Verdict;

use crate::accounts::until_written;
use crate::deciding_credentials::Deciding;
use crate::links::may_log_in;
use crate::lockout::{Entry, Origin, Target};
use crate::repeat::prove_set;
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
    Changed(PersonVersion),
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
        let person = person.ok_or(Error::NotFound)?;
        let deciding = accounts.deciding(&person).await?;
        if deciding.is_set_by(context) {
            prove_set(accounts, context, &self.new, (&person, &deciding)).await?;
            return changed(accounts, &person).await;
        }
        if context.is_done() {
            return Err(Error::KeyReused);
        }
        let target = Target::of_id(accounts, self.id);
        let mut entry = Entry::begin(accounts, context, &target, Some(&person), &Origin::default()).await?;
        let done = change(accounts, context, &self, &mut entry, (person, deciding)).await;
        // After an error, the attempt does not count: the current password was right, or it was not checked.
        entry.end(&done).await;
        match done? {
            Some(person) => changed(accounts, &person).await,
            None => Ok(Changed::Rejected),
        }
    }
}

/// The answer, once every session of the person that ended with the former password is listed as ended.
async fn changed(accounts: &Accounts, person: &PersonParts) -> Result<Changed, Error> {
    accounts.end_what_has_ended(person.start).await?;
    Ok(Changed::Changed(person.version().ok_or(Error::Broken("a person has a version"))?))
}

/// The person whose password was changed. `None` if the current password is wrong, or if the user may not log in.
async fn change(
    accounts: &Accounts,
    context: &Context,
    asked: &PasswordChange,
    entry: &mut Entry<'_>,
    first: (PersonParts, Deciding),
) -> Result<Option<PersonParts>, Error> {
    let mut first = Some(first);
    until_written!({
        let (mut person, deciding) = if let Some(read) = first.take() {
            read
        } else {
            let person = accounts.reader().person(asked.id).await?.ok_or(Error::NotFound)?;
            let deciding = accounts.deciding(&person).await?;
            (person, deciding)
        };
        if deciding.record.is_none() {
            return Err(Error::NotFound);
        }
        // The password is compared first, so that every rejection takes the same work.
        let verdict = entry.compare(&asked.current, &deciding.credentials).await?;
        if verdict == Verdict::Wrong || !may_log_in(&person, &context.company.id) {
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
