//! What the page knows of tickets and accounts.

use async_trait::async_trait;
use serde::{Serialize, Serializer};
use umoja_accounts::Error;
use umoja_accounts::provisioning::Ticket;
use umoja_schema::api::ProvisioningState;
use umoja_schema::{Company, CompanyId, Millis, TargetId};

/// Tickets, their companies, and the accounts that they show.
#[async_trait]
pub trait Statuses: Send + Sync {
    /// Opens a ticket. `None` if it is not genuine, or has expired. Reads no table, so that a flood of invented tickets
    /// costs no read.
    fn open(&self, ticket: &str, now: Millis) -> Option<Ticket>;

    /// A company. `None` if there is none of this id.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, Error>;

    /// The accounts of a ticket, in the order of its targets.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn accounts(&self, ticket: &Ticket) -> Result<Vec<Account>, Error>;
}

/// A genuine ticket and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) text: String,
    pub(crate) ticket: Ticket,
}

impl Opened {
    /// From when on the ticket shows nothing any more.
    pub(crate) const fn expires_at(&self) -> Millis {
        Millis(self.ticket.expires_at.saturating_mul(1000))
    }
}

/// The state of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The target.
    pub target: TargetId,
    /// How far it is.
    pub state: ProvisioningState,
    /// Why it waits or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A number that grows with every change of the row, the same in every region; 0 if there is no row yet.
    #[serde(serialize_with = "as_text")]
    pub sequence: u64,
}

/// Texts of one length are ordered as the numbers are, and JavaScript has no integers of 64 bits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_text<S: Serializer>(sequence: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{sequence:016x}"))
}
