//! What every kind of target is asked.

use serde_json::{Map, Value};
use umoja_schema::{TargetKind, UserId};

use crate::targets::client::{Account, Changed, Client, Created};
use crate::targets::failure::{Code, Failure};
use crate::targets::{plain, posted, scim};

impl Client<'_> {
    /// The account that was made for the user, by the id of the user and nothing else.
    ///
    /// # Errors
    /// If the target gives no usable answer.
    pub async fn find(&self, user: UserId) -> Result<Option<Account>, Failure> {
        match self.kind {
            TargetKind::Scim => scim::find(self, user).await,
            TargetKind::Http => plain::find(self, user).await,
            TargetKind::Webhook => Ok(Some(posted::account(user))),
        }
    }

    /// Makes the account of a user. An account with the same values counts as the user's only if it has the id of the
    /// user: who adopted one by its address would give an account to a stranger.
    ///
    /// # Errors
    /// [`Code::Conflict`](crate::targets::Code::Conflict) if another account has the values.
    pub async fn create(&self, user: UserId, document: &Map<String, Value>) -> Result<Created, Failure> {
        match self.kind {
            TargetKind::Scim => scim::create(self, user, document).await,
            TargetKind::Http => plain::put(self, user, document).await.map(Created::Made),
            TargetKind::Webhook => posted::put(self, user, document).await.map(Created::Made),
        }
    }

    /// Replaces the account by a document.
    ///
    /// # Errors
    /// If the target does not take it.
    pub async fn update(
        &self,
        user: UserId,
        account: &Account,
        document: &Map<String, Value>,
    ) -> Result<Changed, Failure> {
        match self.kind {
            TargetKind::Scim => scim::update(self, account, document).await,
            TargetKind::Http => plain::put(self, user, document).await.map(Changed::Done),
            TargetKind::Webhook => posted::put(self, user, document).await.map(Changed::Done),
        }
    }

    /// Sets the account to inactive, and changes no other value.
    ///
    /// # Errors
    /// If the target does not do it.
    pub async fn disable(&self, user: UserId, account: &Account) -> Result<Changed, Failure> {
        match self.kind {
            TargetKind::Scim => scim::disable(self, account).await,
            TargetKind::Http => plain::disable(self, user, account).await,
            TargetKind::Webhook => posted::disable(self, user).await.map(|()| Changed::Done(account.clone())),
        }
    }

    /// Deletes the account. One that is not there any more is deleted.
    ///
    /// # Errors
    /// If the target does not do it.
    pub async fn delete(&self, user: UserId, account: &Account) -> Result<(), Failure> {
        match self.kind {
            TargetKind::Scim => scim::delete(self, account).await,
            TargetKind::Http => plain::delete(self, user).await,
            TargetKind::Webhook => posted::delete(self, user).await,
        }
    }

    /// The account as the target has it now.
    ///
    /// # Errors
    /// If the target gives no usable answer.
    pub async fn read(&self, user: UserId, account: &Account) -> Result<Option<Map<String, Value>>, Failure> {
        match self.kind {
            TargetKind::Scim => scim::read(self, account).await.map(|read| read.map(|(document, _)| document)),
            TargetKind::Http => plain::read(self, user).await,
            // It cannot be asked.
            TargetKind::Webhook => Err(Code::UnreadableAnswer.into()),
        }
    }
}
