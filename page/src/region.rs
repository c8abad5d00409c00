//! The statuses of a region, by the rules of [`umoja_accounts::provisioning`].

use async_trait::async_trait;
use umoja_accounts::provisioning::{self, Ticket};
use umoja_accounts::{Error, People};
use umoja_schema::{Company, CompanyId, Millis};

use crate::statuses::{Account, Statuses};

/// The people of a region.
pub(crate) struct Region(pub(crate) People);

#[async_trait]
impl Statuses for Region {
    fn open(&self, ticket: &str, now: Millis) -> Option<Ticket> {
        Ticket::open(&self.0.secrets, now, ticket).ok()
    }

    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, Error> {
        Ok(self.0.home.registry.company(id).await?)
    }

    async fn accounts(&self, ticket: &Ticket) -> Result<Vec<Account>, Error> {
        let accounts = provisioning::accounts(&self.0, ticket).await?;
        // The id at the target is for the company, and may be an address.
        let shown = |one: provisioning::AccountStatus| Account {
            target: one.account.target,
            state: one.account.state,
            code: one.account.code,
            sequence: one.sequence,
        };
        Ok(accounts.into_iter().map(shown).collect())
    }
}
