//! Sets a new password with a token, in any region that has caught up with the token. The token is valid while the
//! credentials that it was issued for are unchanged and still decide a login.

use umoja_crypto::Password;
use umoja_schema::{AuditEvent, PartRecord, PersonVersion, UserId};
use umoja_store::person::PersonParts;

use super::token::ResetToken;
use crate::accounts::until_written;
use crate::links::may_log_in;
use crate::lockout;
use crate::repeat::prove_set;
use crate::{Accounts, Context, Error, People, Rule};

/// Sets a password with a token.
pub struct ResetFinish {
    /// The token that the user brought back.
    pub token: String,
    /// The new password.
    pub password: Password,
}

/// A password that was reset.
pub struct Finished {
    /// The primary account of the person.
    pub id: UserId,
    /// The version of the person after the reset.
    pub version: PersonVersion,
}

/// A genuine token, and the person that it was issued for.
pub struct Opened {
    token: ResetToken,
    person: Option<PersonParts>,
}

impl Rule for ResetFinish {
    type Read = Opened;
    type Done = Finished;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Opened, Error> {
        let token = ResetToken::open(&accounts.secrets, &context.company.id, &self.token);
        let token = token.ok_or_else(|| lockout::forged_token(context))?;
        let person = accounts.reader().person(token.version.id).await?;
        Ok(Opened { token, person })
    }

    async fn act(self, accounts: &Accounts, context: &Context, opened: Opened) -> Result<Finished, Error> {
        let Opened { token, person } = opened;
        let wanted = &token.version;
        let mut first = Some(person);
        let person = until_written!({
            let person = match first.take() {
                Some(read) => read,
                None => accounts.reader().person(wanted.id).await?,
            };
            let Some(mut person) = person else { return Err(no_longer(accounts, &token).await) };
            let deciding = accounts.deciding(&person).await?;
            if deciding.is_set_by(context) {
                prove_set(accounts, context, &self.password, (&person, &deciding)).await?;
                return Ok(Some(person));
            }
            if context.is_done() {
                return Err(Error::KeyReused);
            }
            if !may_log_in(&person, &context.company.id) {
                return Err(Error::Disabled);
            }
            let is_meant = |record: &PartRecord| (record.id, &record.version) == (wanted.id, &wanted.credentials);
            if !deciding.record.as_ref().is_some_and(is_meant) {
                return Err(no_longer(accounts, &token).await);
            }
            if token.expires_at <= context.now.secs() {
                return Err(Error::ResetTokenInvalid);
            }
            let written = accounts
                .set_password(context, &person, deciding, self.password.clone(), AuditEvent::PasswordReset)
                .await?;
            Ok(written.map(|written| {
                person.set(written);
                person
            }))
        })?;
        accounts.end_what_has_ended(person.start).await?;
        lockout::forgive(accounts, &person).await;
        let (id, version) = person.primary.id().zip(person.version()).ok_or(Error::Broken("a person has a version"))?;
        Ok(Finished { id, version })
    }
}

/// The error for a genuine token that cannot be used: its version has not arrived in this region, or is no longer
/// current.
async fn no_longer(people: &People, token: &ResetToken) -> Error {
    match people.not_behind(&PersonVersion::of(token.version.clone(), [])).await {
        Ok(()) => Error::ResetTokenInvalid,
        Err(error) => error,
    }
}
