//! Reads and writes the rows of `target_accounts`, and the confirmations of erasures.

use umoja_accounts::provisioning::replace;
use umoja_accounts::{Error, People};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{TargetAccount, TargetId, UserId, Version};
use umoja_store::ports::StoreError;

use crate::targets::client::Account;

/// A row as it is stored.
pub(crate) struct StoredAccount {
    pub(crate) row: TargetAccount,
    /// `None` if there is no row yet.
    version: Option<Version>,
}

/// Reads the row of a user and a target.
pub(crate) async fn read(people: &People, user: UserId, target: &TargetId) -> Result<StoredAccount, Error> {
    let item = people.home.own.items.item(&TARGET_ACCOUNTS, user, target.as_str()).await?;
    Ok(match item {
        Some(item) => {
            let row = TargetAccount::from_item(&item).map_err(StoreError::from)?;
            StoredAccount { row, version: Some(item.version) }
        }
        None => StoredAccount { row: TargetAccount::new(user, target.clone()), version: None },
    })
}

impl StoredAccount {
    /// True if the row is in the table.
    pub(crate) const fn exists(&self) -> bool {
        self.version.is_some()
    }

    /// Replaces the row if it is still as it was read. `None` if it is not.
    pub(crate) async fn replace(&self, people: &People, row: &TargetAccount) -> Result<Option<Self>, Error> {
        let row = TargetAccount { sequence: self.row.sequence + 1, ..row.clone() };
        let version = replace(people, self.version.as_ref(), |version| row.to_item(version)).await?;
        Ok(version.map(|version| Self { row, version: Some(version) }))
    }

    /// The account that the row names. `None` if it names none, or the id does not open.
    pub(crate) fn account(&self, people: &People) -> Option<Account> {
        let row = &self.row;
        let id = people.secrets.open_remote_id((row.user, &row.target), row.remote_id.as_deref()?)?;
        Some(Account { id, etag: row.etag.clone() })
    }
}

/// A row with this account.
pub(crate) fn with_account(people: &People, row: TargetAccount, account: &Account) -> TargetAccount {
    let sealed = people.secrets.seal_remote_id((row.user, &row.target), &account.id, &*people.home.entropy);
    TargetAccount { remote_id: Some(sealed), etag: account.etag.clone(), ..row }
}

/// A row without an account.
pub(crate) fn without_account(row: TargetAccount) -> TargetAccount {
    TargetAccount { account: umoja_schema::RemoteAccount::None, remote_id: None, etag: None, digest: None, ..row }
}

/// A row of a target that is up to date.
pub(crate) fn without_failure(row: TargetAccount) -> TargetAccount {
    TargetAccount { attempts: 0, code: None, tried: None, failing_since: None, ..row }
}
