//! What the tests of several modules need.

use std::sync::Arc;

use serde_json::{Value, json};
use umoja_host::{OsEntropy, SystemClock};
use umoja_local::RegionStore;
use umoja_schema::{Client, Millis};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{Secrets, SecretsDocument};

use crate::form::Form;
use crate::request::AuthorizationRequest;

/// The client `shop` with these members changed.
pub(crate) fn client(changes: Value) -> Client {
    let mut client = json!({
        "id": "shop", "revision": 1, "company": "soko", "name": "Soko", "kind": "confidential",
        "redirect_uris": ["https://shop.example/callback"],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scopes": ["openid", "email", "offline_access"], "subject_type": "public", "enabled": true,
    });
    for (name, value) in changes.as_object().unwrap() {
        client[name] = value.clone();
    }
    serde_json::from_value(client).unwrap()
}

/// A request of that client, with more parameters.
pub(crate) fn request(more: &str) -> AuthorizationRequest {
    let query = format!(
        "client_id=shop&redirect_uri=https://shop.example/callback&response_type=code&scope=openid+email\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&{more}"
    );
    let form = Form::parse(query.as_bytes()).unwrap();
    AuthorizationRequest::read(&form, Some(&client(json!({}))), false).unwrap()
}

/// The secrets of a deployment of one region in memory.
pub(crate) async fn secrets() -> (Secrets, Arc<dyn Entropy>) {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let store =
        RegionStore::in_memory("eu-west-1".parse().unwrap(), Arc::clone(&clock) as _, Arc::clone(&entropy) as _);
    let home = store.home([], clock, Arc::clone(&entropy) as _);
    let ring = KeyRing::new(&home, PEER_WRAP_BUDGET_MS);
    let document = SecretsDocument::create(&ring, Millis(1)).await.unwrap();
    (Secrets::open(&document, &ring).await.ok().unwrap(), entropy)
}
