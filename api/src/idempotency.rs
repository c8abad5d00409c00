//! Idempotency keys: a repeated request with the same body gives the same outcome, another body under the same key
//! is refused. What is kept is a hash of the request, the status, the user's id and version: no personal data.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use umoja_schema::UserId;
use umoja_store::ports::Outcome;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{IDK_REUSED, Refusal};

/// How long an outcome is remembered, in milliseconds: a day, as retries are counted in minutes.
const REMEMBER_MS: u64 = 24 * 60 * 60 * 1000;

/// A request with an idempotency key.
pub(crate) struct Remembered {
    key: [u8; 32],
    outcome: Outcome,
}

impl Remembered {
    /// What two requests have in common if one is a retry of the other: operation and body, whatever the order of
    /// members and the white space.
    pub(crate) fn request_of(path: &str, body: &Value) -> String {
        // serde_json's map is sorted, so its text is canonical enough for equal bodies to be equal.
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{path} {body}")))
    }

    /// Remembers that the request has begun, or finds out what became of it.
    pub(crate) async fn begin(app: &App, caller: &Caller, idk: &str, request: String) -> Result<Self, Refusal> {
        let key = app.secrets.request_hash(&["idk", caller.company.id.as_str(), idk]);
        let begun = Outcome { request, status: None, id: None, version: None };
        let stored = app.home.requests.begin(&key, &begun, caller.now, caller.now.plus(REMEMBER_MS)).await?;
        match stored {
            Some(stored) if stored.request != begun.request => Err(Refusal::from(&IDK_REUSED)),
            Some(stored) => Ok(Self { key, outcome: stored }),
            None => Ok(Self { key, outcome: begun }),
        }
    }

    /// What the earlier request ended with, if it did.
    pub(crate) fn done(&self) -> Option<(u16, UserId, Option<String>)> {
        Some((self.outcome.status?, self.outcome.id?, self.outcome.version.clone()))
    }

    /// Remembers the outcome. If that fails the request is done all the same: a retry runs it again, and every
    /// operation can be run again.
    pub(crate) async fn finish(mut self, app: &App, caller: &Caller, status: u16, id: UserId, version: Option<String>) {
        self.outcome.status = Some(status);
        self.outcome.id = Some(id);
        self.outcome.version = version;
        if let Err(error) = app.home.requests.finish(&self.key, &self.outcome, caller.now.plus(REMEMBER_MS)).await {
            tracing::warn!(%error, "the outcome of a request was not remembered");
        }
    }
}
