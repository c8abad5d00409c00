//! Idempotency keys: a retry with the same body gets the same outcome, and another body under the same key is rejected.
//! The stored outcome is a hash of the request, the status, and the user's id and version. It has no personal data, and
//! nothing in it depends on a password. It has a proof, as stored items have.
//!
//! - If the request made a change ([`Effect::Made`]), a retry is answered from the stored outcome.
//! - If nothing was done ([`Effect::Nothing`]: every 4xx, `changed: false`, a preview), the key is unused again. A
//!   retry is evaluated from the start and counts like a first request.
//! - Otherwise the outcome is unknown, or the operation completes its own work (`erase`): a retry runs again. A change
//!   that must not be made twice finds the mark of the key in the part that it would write ([`Context`]).
//!
//! A retry of a request that set a password shows by an attempt, which counts, that it has the same password. Otherwise
//! an answer would say of another password that it was set, or would say at no cost whether it was
//! (docs/decisions/0072).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use metrics::counter;
use serde_json::Value;
use umoja_accounts::{Context, People};
use umoja_schema::UserId;
use umoja_schema::api::PASSWORDS;
use umoja_schema::names::metric;
use umoja_store::ports::{Begun, Outcome, StoreError};
use umoja_store::secrets::Secrets;

use crate::kinds::IDK_REUSED;
use crate::problem::Problem;

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

/// A keyed hash over the operation and the body, which is equal for two requests if one is a retry of the other. The
/// order of members, white space and the passwords do not count. A hash of a password, kept in a table and in a part,
/// would be a fast hash to guess it from, and every comparison of two such hashes would be a guess that is not counted.
pub(crate) fn fingerprint(secrets: &Secrets, path: &str, body: &Value) -> String {
    URL_SAFE_NO_PAD.encode(secrets.request_hash(&["request", path, &without_passwords(body).to_string()]))
}

/// The canonical body, with `true` for every password.
fn without_passwords(body: &Value) -> Value {
    let mut body = canonical(body);
    for name in PASSWORDS {
        if let Some(password) = body.get_mut(name).filter(|password| !password.is_null()) {
            *password = Value::Bool(true);
        }
    }
    body
}

/// True if the body has a password.
pub(crate) fn has_password(body: &Value) -> bool {
    PASSWORDS.iter().any(|name| body.get(name).is_some_and(|password| !password.is_null()))
}

/// What a request did, as far as a retry is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It made a change, which left this user in this version.
    Made(UserId, Option<String>),
    /// Nothing was done, for certain.
    Nothing,
    /// It may have been done, or a retry continues it.
    Unknown,
}

/// The random bytes of a mark.
const MARK_BYTES: usize = 16;

/// A request with an idempotency key.
pub(crate) struct Remembered {
    key: [u8; 32],
    outcome: Outcome,
    /// True if an earlier request with this key and body was begun.
    is_repeat: bool,
}

impl Remembered {
    /// Records that a request has begun, or reads the outcome of an earlier one. `None` without an idempotency key.
    ///
    /// A stored outcome that does not verify does not say whether the request was done, so the request is rejected.
    /// Another region has no such row.
    pub(crate) async fn begin(people: &People, context: &Context) -> Result<Option<Self>, Problem> {
        let Some(request) = &context.request else { return Ok(None) };
        let key = people.secrets.request_hash(&["idk", context.company.id.as_str(), &request.key]);
        let mark = URL_SAFE_NO_PAD.encode(people.home.entropy.array::<MARK_BYTES>());
        let request = request.fingerprint.clone();
        let begun = Outcome { request: request.clone(), mark: Some(mark), ..Outcome::default() };
        let until = context.now.plus(REMEMBER_MS);
        let begun = people.home.requests.begin(&key, begun, context.now, until).await.inspect_err(|error| {
            if let StoreError::Unreadable(_) = error {
                counter!(metric::UNVERIFIED_OUTCOMES).increment(1);
                let company = context.company.id.as_str();
                tracing::error!(event = metric::UNVERIFIED_OUTCOMES, company, "a stored outcome does not verify");
            }
        })?;
        match begun {
            Begun::First(outcome) => Ok(Some(Self { key, outcome, is_repeat: false })),
            Begun::Earlier(outcome) if outcome.request != request => Err(Problem::from(&IDK_REUSED)),
            Begun::Earlier(outcome) => Ok(Some(Self { key, outcome, is_repeat: true })),
        }
    }

    /// The outcome of the earlier request, if it made a change.
    pub(crate) fn done(&self) -> Option<(u16, UserId, Option<String>)> {
        Some((self.outcome.status?, self.outcome.id?, self.outcome.version.clone()))
    }

    /// The mark of the key, the same for every retry.
    pub(crate) fn mark(&self) -> Option<String> {
        self.outcome.mark.clone()
    }

    /// Stores the outcome of a request that was answered with this status, or withdraws its key.
    ///
    /// If that fails, a retry runs again, which every operation allows. A retry never withdraws a key, because the
    /// outcome of the request that took it stays unknown: it may have been done and undone by others since.
    pub(crate) async fn end(mut self, people: &People, context: &Context, status: u16, effect: Effect) {
        let requests = &people.home.requests;
        let ended = match effect {
            Effect::Made(id, version) => {
                self.outcome = Outcome { status: Some(status), id: Some(id), version, ..self.outcome };
                requests.finish(&self.key, &self.outcome, context.now.plus(REMEMBER_MS)).await
            }
            Effect::Nothing if !self.is_repeat => requests.withdraw(&self.key, &self.outcome, context.now).await,
            Effect::Nothing | Effect::Unknown => Ok(()),
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "the outcome of a request could not be stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::json;

    use super::*;
    use crate::operations::described;

    #[test]
    fn passwords_and_only_passwords_are_left_out() {
        let body = json!({ "new_password": "a", "id": "x", "profile": { "password": "kept" }, "password": null });
        let canonical = without_passwords(&body);
        assert_eq!(
            canonical,
            json!({ "new_password": true, "id": "x", "profile": { "password": "kept" }, "password": null })
        );
        assert!(has_password(&body) && !has_password(&json!({ "id": "x", "password": null })));
    }

    #[test]
    fn every_member_of_a_body_that_is_a_password_is_known() {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let bodies: Vec<Value> = described(&mut generator, &mut SchemaSettings::draft2020_12().into_generator())
            .into_iter()
            .map(|one| one.body.to_value())
            .collect();
        let definitions = generator.take_definitions(true);
        let mut found = Vec::new();
        for body in bodies {
            let name = body["$ref"].as_str().and_then(|name| name.rsplit('/').next()).expect("a named body");
            let members = definitions[name]["properties"].as_object().expect("members");
            found.extend(members.keys().filter(|name| name.contains("password")).cloned());
        }
        found.sort();
        found.dedup();
        let mut known = PASSWORDS.to_vec();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
