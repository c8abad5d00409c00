//! A new password for who knows the current one. Of merged users it is changed where that one is.

use umoja_crypto::Password;
use umoja_schema::{AuditEvent, PersonVersion, UserId};
use umoja_store::group::GroupParts;
use umoja_store::ports::Verdict;

use crate::accounts::until_written;
use crate::authenticate::{attempt, is_active};
use crate::lockout::{Entry, Origin, Target};
use crate::{Accounts, Context, Error, Rule};

/// A change of a password.
pub struct PasswordChange {
    /// The user.
    pub id: UserId,
    /// The password as it is.
    pub current: Password,
    /// The password as it shall be.
    pub new: Password,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The new password counts.
    Changed(Option<PersonVersion>),
    /// The current password is wrong, or the user may not log in.
    Refused,
}

impl Rule for PasswordChange {
    type Read = Option<GroupParts>;
    type Done = Changed;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Self::Read, Error> {
        accounts.reader().group(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, group: Self::Read) -> Result<Changed, Error> {
        if group.is_none() {
            return Err(Error::NotFound);
        }
        let target = Target::of_id(accounts, self.id);
        let entry = Entry::begin(accounts, context, &target, group.as_ref(), &Origin::default()).await?;
        let changed = change(accounts, context, &self, group).await;
        // Whatever is an error: the current password was right, or nobody looked at it.
        entry.end(&changed).await;
        Ok(changed?.map_or(Changed::Refused, |group| Changed::Changed(group.version())))
    }
}

/// Whose password was changed; `None` if the current one is wrong.
async fn change(
    accounts: &Accounts,
    context: &Context,
    asked: &PasswordChange,
    group: Option<GroupParts>,
) -> Result<Option<GroupParts>, Error> {
    let mut first = Some(group);
    until_written!({
        let group = match first.take() {
            Some(read) => read,
            None => accounts.reader().group(asked.id).await?,
        };
        let mut group = group.ok_or(Error::NotFound)?;
        let deciding = accounts.deciding(&group).await?;
        if deciding.record.is_none() {
            return Err(Error::NotFound);
        }
        let given = asked.current.clone();
        let verdict = accounts.hasher.verify(attempt(accounts, context, given, &deciding.credentials)).await?;
        let active = is_active(&group);
        if verdict == Verdict::Wrong && active && context.is_repeat() {
            // A request that is repeated under its idempotency key meets its own effect.
            let again =
                accounts.hasher.verify(attempt(accounts, context, asked.new.clone(), &deciding.credentials)).await?;
            return Ok(Some((again != Verdict::Wrong).then_some(group)));
        }
        if verdict == Verdict::Wrong || !active {
            return Ok(Some(None));
        }
        let written =
            accounts.set_password(context, &group, deciding, asked.new.clone(), AuditEvent::PasswordChanged).await?;
        Ok(written.map(|written| {
            group.set(written);
            Some(group)
        }))
    })
}
