//! Tickets, which are not stored: the accounts whose status they show, an expiry, and a tag that every region can check.
//! A ticket shows the status of these accounts and opens nothing else.
//!
//! The format is `<content>.<tag>`, both in unpadded base64url. The content is JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_schema::api::MAX_TICKET;
use umoja_schema::{CompanyId, Millis, ReturnUrlId, TargetId, UserId, Version};
use umoja_store::secrets::Secrets;

/// The content of a genuine ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The company that it was issued to, whose targets they are.
    #[serde(rename = "c")]
    pub company: CompanyId,
    /// The user whose accounts they are.
    #[serde(rename = "u")]
    pub user: UserId,
    /// The version of the user that the targets get, as callers know it.
    #[serde(rename = "v")]
    pub version: String,
    /// The accounts.
    #[serde(rename = "t")]
    pub targets: Vec<Wanted>,
    /// The expiry, in seconds since the Unix epoch.
    #[serde(rename = "x")]
    pub expires_at: u64,
    /// The id of the return URL of the company.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<ReturnUrlId>,
}

/// One account of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The target.
    #[serde(rename = "t")]
    pub target: TargetId,
    /// The request that has to be decided; `None` if the account was up to date when the ticket was issued.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Version>,
}

/// Why a ticket opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// This deployment did not issue it.
    #[error("the ticket is not one of this deployment")]
    Invalid,
    /// It has expired.
    #[error("the ticket has expired")]
    Expired,
}

impl Ticket {
    /// How long a ticket shows the status, in seconds.
    pub const LIFETIME_SECS: u64 = 30 * 60;

    /// The text of the ticket.
    pub fn seal(&self, secrets: &Secrets) -> String {
        // A struct of texts and numbers has a JSON form.
        let content = serde_json::to_vec(self).unwrap_or_default();
        let tag = secrets.ticket_tag(&content);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(content), URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a ticket that any region of this deployment issued.
    ///
    /// # Errors
    /// [`TicketError`]. Whether an expired ticket was genuine is said only of a genuine one.
    pub fn open(secrets: &Secrets, now: Millis, text: &str) -> Result<Self, TicketError> {
        let genuine = Self::genuine(secrets, text).ok_or(TicketError::Invalid)?;
        if genuine.expires_at <= now.secs() { Err(TicketError::Expired) } else { Ok(genuine) }
    }

    fn genuine(secrets: &Secrets, text: &str) -> Option<Self> {
        if text.len() > MAX_TICKET {
            return None;
        }
        let (content, tag) = text.split_once('.')?;
        let (content, tag) = (URL_SAFE_NO_PAD.decode(content).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
        if !secrets.is_ticket_tag(&content, &tag) {
            return None;
        }
        serde_json::from_slice(&content).ok()
    }
}
