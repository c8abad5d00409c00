//! Outcomes of requests that are proved.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use umoja_schema::Millis;
use umoja_schema::names::attribute::PROOF;
use umoja_schema::names::table;

use super::registry::version_of;
use super::{Proved, members};
use crate::ports::{Begun, Outcome, Requests, StoreError};
use crate::proof_keys::unproved;

fn outcome(members: Map<String, Value>) -> Result<Outcome, StoreError> {
    Ok(serde_json::from_value(members.into()).map_err(|_| unproved())?)
}

/// The key as the proof covers it, so that a document does not verify under another key.
pub(super) fn id(key: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

impl Proved<dyn Requests> {
    async fn proved(&self, key: &[u8; 32], unproved: Outcome) -> Result<Outcome, StoreError> {
        let mut members = members(&unproved)?;
        self.proofs.keys().await?.document(table::IDEMPOTENCY, &id(key), &mut members)?;
        outcome(members)
    }

    async fn verified(&self, key: &[u8; 32], stored: Outcome) -> Result<Outcome, StoreError> {
        let mut members = members(&stored)?;
        let keys = self.proofs.keys_for([version_of(members.get(PROOF))]).await?;
        keys.verified_document(table::IDEMPOTENCY, &id(key), &mut members)?;
        outcome(members)
    }
}

#[async_trait]
impl Requests for Proved<dyn Requests> {
    /// A seen request has no content to prove: that its row is there is all that it says.
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError> {
        self.inner.first_use(hash, now, expires_at).await
    }

    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError> {
        let proved = self.proved(key, outcome).await?;
        match self.inner.begin(key, proved, now, expires_at).await? {
            Begun::First(stored) => Ok(Begun::First(stored)),
            Begun::Earlier(stored) => Ok(Begun::Earlier(self.verified(key, stored).await?)),
        }
    }

    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError> {
        let proved = self.proved(key, outcome.clone()).await?;
        self.inner.finish(key, &proved, expires_at).await
    }

    /// The outcome comes with its proof from [`Requests::begin`], so that it is the stored one after a rotation too.
    async fn withdraw(&self, key: &[u8; 32], outcome: &Outcome, now: Millis) -> Result<(), StoreError> {
        self.inner.withdraw(key, outcome, now).await
    }
}
