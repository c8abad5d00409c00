//! Before and after the confirmation of a sign-up.

use std::collections::BTreeSet;

use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_schema::ingest::{InboxState, PoolDirection};

use super::error::TriggerError;
use super::event::{Attributes, TriggerEvent};
use super::handler::{Admitted, Cognito, payload};
use crate::outcome::Outcome;

/// The pool of which the users come to Umoja.
pub(super) fn feeding(admitted: Admitted) -> Result<Admitted, TriggerError> {
    match admitted.direction {
        PoolDirection::FromPool => Ok(admitted),
        PoolDirection::ToPool => Err(TriggerError::NotAllowed("the users of the pool come from Umoja")),
    }
}

impl Cognito {
    /// Before the sign-up: writes a row that expires, and neither makes a user nor claims an address. The same sign-up
    /// may come any number of times.
    pub(super) async fn sign_up(
        &self,
        parsed: &TriggerEvent,
        attributes: &Attributes,
        by_admin: bool,
    ) -> Result<(), TriggerError> {
        let admitted = feeding(self.admitted(parsed).await?)?;
        let row = attributes.row(parsed.user_name.as_str()).map_err(|_| TriggerError::Unusable)?;
        if self.feeder(&admitted).taken(&row).await?.is_some() {
            return Err(TriggerError::Taken);
        }
        let key = admitted.known.sign_up_key(&parsed.pool, parsed.user_name.as_str());
        let payload = payload("PreSignUp_SignUp", attributes);
        self.rows(&admitted.known).open(&key, payload.as_bytes(), by_admin).await
    }

    /// After the confirmation, which Cognito has stored: an error here is shown to the person and undoes nothing. So
    /// what is not applied now waits in the inbox.
    pub(super) async fn confirmed(&self, parsed: &TriggerEvent, attributes: &Attributes) -> Result<(), TriggerError> {
        let admitted = feeding(self.admitted(parsed).await?)?;
        self.activate(&admitted, parsed, attributes).await
    }

    /// Makes or matches the user of a confirmed sign-up.
    pub(super) async fn activate(
        &self,
        admitted: &Admitted,
        parsed: &TriggerEvent,
        attributes: &Attributes,
    ) -> Result<(), TriggerError> {
        let subject = attributes.subject()?;
        let row = Box::new(attributes.row(subject)?);
        let rows = self.rows(&admitted.known);
        let key = admitted.known.confirmed_key(&parsed.pool, subject);
        let payload = payload("PostConfirmation_ConfirmSignUp", attributes);
        let (at, state) = rows.confirm(&key, payload.as_bytes()).await?;
        if matches!(state, InboxState::Done | InboxState::Ignored) {
            return Ok(());
        }
        let change = Change::State { row, logged_in: false };
        let change = IncomingChange { subject: subject.to_owned(), at, change };
        let feeder = self.feeder(admitted);
        let mut left_out = BTreeSet::new();
        let applied = match feeder.apply_noting(&change, &mut left_out).await {
            Err(failed) if failed.is_transient() => feeder.apply_noting(&change, &mut left_out).await,
            applied => applied,
        };
        match applied {
            Ok(applied) => {
                rows.settle(&key, Outcome::applied(&left_out)).await;
                applied.user().map(drop).ok_or(TriggerError::NoUser)
            }
            Err(failed) if failed.is_transient() => {
                rows.ring(&key).await;
                Err(failed.into())
            }
            Err(failed) => {
                let outcome = match &failed {
                    umoja_accounts::import::Failed::Rejected(reason) => Outcome::rejected(reason),
                    umoja_accounts::import::Failed::Stopped(_) => Outcome::parked("stopped"),
                };
                rows.settle(&key, outcome).await;
                Err(failed.into())
            }
        }
    }
}
