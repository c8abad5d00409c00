//! What the tests of several modules need.

use serde_json::{Value, json};
use umoja_schema::Client;

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
