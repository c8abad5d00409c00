//! Reads and writes the rows of `target_accounts`, and the confirmations of erasures.

use umoja_accounts::{Error, People};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Hlc, TargetAccount, TargetId, UserId, Version};
use umoja_store::ports::{Commit, Condition, ItemWrite, StoreError, Writes};

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
        let home = &people.home;
        let hlc = Hlc::next(home.clock.now(), self.version.as_ref().map(|version| version.hlc))?;
        let version = Version { erased: false, hlc, origin: home.own.name.clone() };
        let row = TargetAccount { sequence: self.row.sequence + 1, ..row.clone() };
        let condition = self.version.clone().map_or(Condition::Absent, Condition::VersionIs);
        let item = row.to_item(version.clone());
        let writes = Writes { items: vec![ItemWrite { item, condition }], ..Writes::default() };
        let (user, target) = (row.user, row.target.clone());
        let stored = Self { row, version: Some(version.clone()) };
        match home.own.users.commit(&writes).await {
            Ok(Commit::Done) => Ok(Some(stored)),
            Ok(Commit::Conflict { .. }) => Ok(None),
            // It may have been done.
            Err(StoreError::Unavailable(request)) => {
                let now = home.own.items.item(&TARGET_ACCOUNTS, user, target.as_str()).await?;
                let is_done = now.is_some_and(|now| now.version == version);
                if is_done { Ok(Some(stored)) } else { Err(StoreError::Unavailable(request).into()) }
            }
            Err(error) => Err(error.into()),
        }
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
