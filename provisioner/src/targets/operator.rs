//! What an operator says in place of a target.

use std::collections::BTreeSet;

use umoja_accounts::{Error, confirm_by_operator, not_confirmed};
use umoja_schema::{TargetId, UserId};
use umoja_store::apply::MAX_ROUNDS;

use crate::targets::provisioner::Provisioner;
use crate::targets::rows::{self, without_account};

impl Provisioner {
    /// Completes the receipts of an erasure in place of a target that never will: says the operator's reason in the receipts
    /// of the user and of all who were erased with it, and forgets their accounts, so that the target is not asked any
    /// more. Returns those users whose receipts waited for the target. It can be repeated.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn confirm_erasure(
        &self,
        target: &TargetId,
        user: UserId,
        reason: &str,
    ) -> Result<BTreeSet<UserId>, Error> {
        let people = self.people();
        let users = not_confirmed(people, user, target).await?;
        for user in &users {
            confirm_by_operator(people, *user, target, reason).await?;
            self.forget(target, *user).await?;
        }
        Ok(users)
    }

    /// Notes that nothing is known of an account any more.
    async fn forget(&self, target: &TargetId, user: UserId) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            let stored = rows::read(self.people(), user, target).await?;
            let row = rows::without_failure(without_account(stored.row.clone()));
            if !stored.exists() || row == stored.row || stored.replace(self.people(), &row).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }
}
