//! A client for people and for programs, and its secrets.

use serde_json::{Value, json};
use umoja_crypto::ClientSecret;
use umoja_schema::Client;
use umoja_schema::client::ClientSecretHash;

pub(super) use crate::commands::known::{change_known, known};
use crate::deployment::Regions;

/// A new secret, and what is stored of it.
pub(super) fn new_secret(deployment: &Regions) -> (ClientSecret, ClientSecretHash) {
    let secret = ClientSecret::new(deployment.entropy.array());
    let hash = ClientSecretHash { sha256: secret.hash(), ends_at: None };
    (secret, hash)
}

/// A client for programs, without hashes of secrets.
pub(super) fn settings(client: &Client, now_secs: u64) -> Value {
    let mut value = serde_json::to_value(client).unwrap_or_default();
    let secrets: Vec<Value> =
        client.live_secrets(now_secs).map(|secret| json!({ "ends_at": secret.ends_at })).collect();
    value["secrets"] = secrets.into();
    if let Some(members) = value.as_object_mut() {
        members.remove("removed");
    }
    value
}

/// A client in a word.
pub(super) const fn state(client: &Client) -> &'static str {
    if client.enabled { "on" } else { "DISABLED" }
}
