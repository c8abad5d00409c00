//! Idempotency keys: a retry with the same body gets the same outcome, and another body under the same key is rejected.
//! The stored outcome is a hash of the request, the status, and the user's id and version. It has no personal data.
//!
//! A retry is answered from the stored outcome if the operation has `CHANGES` and its answer was made with
//! `Answer::of`. It runs again if the operation is `erase` or has no `CHANGES`, or if the first request ended in a
//! problem.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use umoja_accounts::{Context, People};
use umoja_schema::UserId;
use umoja_store::ports::Outcome;
use umoja_store::secrets::Secrets;

use crate::problem::{IDK_REUSED, Problem};

/// The value with the members of every object in the order of their names.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// How long an outcome is remembered, in milliseconds. A day is enough, because retries come within minutes.
const REMEMBER_MS: u64 = 24 * 60 * 60 * 1000;

/// A hash over the operation and the body, which is equal for two requests if one is a retry of the other. The order of
/// members and white space do not count. The hash is keyed, because the body may contain a password: a plain hash of
/// it, kept in a table for a day, would be a fast hash to guess the password from.
pub(crate) fn fingerprint(secrets: &Secrets, path: &str, body: &Value) -> String {
    URL_SAFE_NO_PAD.encode(secrets.request_hash(&["request", path, &canonical(body).to_string()]))
}

/// A request with an idempotency key.
pub(crate) struct Remembered {
    key: [u8; 32],
    outcome: Outcome,
    /// True if an earlier request with this key and body was begun.
    pub(crate) is_repeat: bool,
}

impl Remembered {
    /// Records that a request has begun, or reads the outcome of an earlier one. `None` without an idempotency key.
    pub(crate) async fn begin(people: &People, context: &Context) -> Result<Option<Self>, Problem> {
        let Some(request) = &context.request else { return Ok(None) };
        let key = people.secrets.request_hash(&["idk", context.company.id.as_str(), &request.key]);
        let begun = Outcome { request: request.fingerprint.clone(), status: None, id: None, version: None };
        let until = context.now.plus(REMEMBER_MS);
        let stored = people.home.requests.begin(&key, &begun, context.now, until).await?;
        match stored {
            Some(stored) if stored.request != begun.request => Err(Problem::from(&IDK_REUSED)),
            Some(stored) => Ok(Some(Self { key, outcome: stored, is_repeat: true })),
            None => Ok(Some(Self { key, outcome: begun, is_repeat: false })),
        }
    }

    /// The outcome of the earlier request, if it was executed.
    pub(crate) fn done(&self) -> Option<(u16, UserId, Option<String>)> {
        Some((self.outcome.status?, self.outcome.id?, self.outcome.version.clone()))
    }

    /// Stores the outcome. If that fails, the request has still been executed: a retry runs it again, which every
    /// operation allows.
    pub(crate) async fn finish(
        mut self,
        people: &People,
        context: &Context,
        status: u16,
        id: UserId,
        version: Option<String>,
    ) {
        self.outcome.status = Some(status);
        self.outcome.id = Some(id);
        self.outcome.version = version;
        if let Err(error) = people.home.requests.finish(&self.key, &self.outcome, context.now.plus(REMEMBER_MS)).await {
            tracing::warn!(%error, "the outcome of a request could not be stored");
        }
    }
}
