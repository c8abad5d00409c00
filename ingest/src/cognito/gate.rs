//! Before a token is issued: Umoja's id of the user goes into it, or there is no token.

use umoja_accounts::incoming::Holder;
use umoja_schema::UserId;
use umoja_schema::ingest::{InboxState, PoolDirection};

use super::error::TriggerError;
use super::event::{Attributes, TriggerEvent};
use super::handler::{Admitted, Cognito};
use super::migration::UMOJA_ID;

impl Cognito {
    /// The user that has the pool's id. It is never the primary account of a merged person, so that a merge changes no
    /// token. A sign-up that is still open is completed first.
    pub(super) async fn token(&self, parsed: &TriggerEvent, attributes: &Attributes) -> Result<UserId, TriggerError> {
        let admitted = self.admitted(parsed).await?;
        let feeder = self.feeder(&admitted);
        if admitted.direction == PoolDirection::ToPool {
            let id = attributes.get(UMOJA_ID).and_then(|id| id.parse().ok()).ok_or(TriggerError::NoUser)?;
            return admits(feeder.linked(id).await?);
        }
        // Cognito issues no token to such a user.
        if attributes.get("cognito:user_status") == Some("UNCONFIRMED") {
            return Err(TriggerError::NoUser);
        }
        let subject = attributes.subject()?;
        let holder = feeder.holder(subject).await?;
        if holder != Holder::Unknown || !self.waits(&admitted, parsed, subject).await? {
            return admits(holder);
        }
        self.activate(&admitted, parsed, attributes).await?;
        admits(feeder.holder(subject).await?)
    }

    /// True if the user of a sign-up was not made yet. A user that was made and is gone was erased, and is not made
    /// again by a login.
    async fn waits(&self, admitted: &Admitted, parsed: &TriggerEvent, subject: &str) -> Result<bool, TriggerError> {
        let rows = self.rows(&admitted.known);
        let confirmed = admitted.known.confirmed_key(&parsed.pool, subject);
        Ok(match rows.state(&confirmed).await? {
            Some(InboxState::Waiting | InboxState::Parked) => true,
            Some(InboxState::Done | InboxState::Ignored | InboxState::Open) => false,
            None => rows.is_open(&admitted.known.sign_up_key(&parsed.pool, parsed.user_name.as_str())).await?,
        })
    }
}

const fn admits(holder: Holder) -> Result<UserId, TriggerError> {
    match holder {
        Holder::User { id, may_log_in: true, .. } => Ok(id),
        Holder::User { .. } | Holder::Erased | Holder::Unknown => Err(TriggerError::NoUser),
    }
}
