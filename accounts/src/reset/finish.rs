//! A new password for who brings a token, in any region that has caught up with it. What decides is what a login goes by:
//! the token is good as long as the credentials that it was made for do, unchanged.

use umoja_crypto::Password;
use umoja_schema::{AuditEvent, PartRecord, PersonVersion, UserId};
use umoja_store::group::GroupParts;
use umoja_store::ports::Verdict;

use super::token::ResetToken;
use crate::accounts::until_written;
use crate::authenticate::{attempt, is_active};
use crate::lockout;
use crate::{Accounts, Context, Error, People, Rule};

/// Sets a password with a token.
pub struct ResetFinish {
    /// The token, as the person brought it back.
    pub token: String,
    /// The password as it shall be.
    pub password: Password,
}

/// A password that was reset.
pub struct Finished {
    /// The root of whose person.
    pub id: UserId,
    /// The version of the person then.
    pub version: PersonVersion,
}

/// A genuine token, and whose it is.
pub struct Opened {
    token: ResetToken,
    group: Option<GroupParts>,
}

impl Rule for ResetFinish {
    type Read = Opened;
    type Done = Finished;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Opened, Error> {
        let token = ResetToken::open(&accounts.secrets, &context.company.id, &self.token);
        let token = token.ok_or_else(|| lockout::forged_token(context))?;
        let group = accounts.reader().group(token.version.id).await?;
        Ok(Opened { token, group })
    }

    async fn act(self, accounts: &Accounts, context: &Context, opened: Opened) -> Result<Finished, Error> {
        let Opened { token, group } = opened;
        let wanted = &token.version;
        let mut first = Some(group);
        let group = until_written!({
            let group = match first.take() {
                Some(read) => read,
                None => accounts.reader().group(wanted.id).await?,
            };
            let Some(mut group) = group else { return Err(no_longer(accounts, &token).await) };
            if !is_active(&group) {
                return Err(Error::Disabled);
            }
            let deciding = accounts.deciding(&group).await?;
            let is_meant = |record: &PartRecord| (record.id, &record.version) == (wanted.id, &wanted.credentials);
            if !deciding.record.as_ref().is_some_and(is_meant) {
                // A request that is repeated under its idempotency key meets its own effect.
                let is_done = context.is_repeat()
                    && accounts
                        .hasher
                        .verify(attempt(accounts, context, self.password.clone(), &deciding.credentials))
                        .await?
                        != Verdict::Wrong;
                return if is_done { Ok(Some(group)) } else { Err(no_longer(accounts, &token).await) };
            }
            if token.expires_at <= context.now.secs() {
                return Err(Error::ResetTokenInvalid);
            }
            let written = accounts
                .set_password(context, &group, deciding, self.password.clone(), AuditEvent::PasswordReset)
                .await?;
            Ok(written.map(|written| {
                group.set(written);
                group
            }))
        })?;
        lockout::forgive(accounts, &group).await;
        let (id, version) = group.root.id().zip(group.version()).ok_or(Error::Broken("a person has a version"))?;
        Ok(Finished { id, version })
    }
}

/// Why a genuine token does nothing here: because this region has not heard of what it is for, or because that is over.
async fn no_longer(people: &People, token: &ResetToken) -> Error {
    match people.not_behind(&PersonVersion::of(token.version.clone(), [])).await {
        Ok(()) => Error::ResetTokenInvalid,
        Err(error) => error,
    }
}
