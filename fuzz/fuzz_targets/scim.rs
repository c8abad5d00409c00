#![no_main]

use std::sync::LazyLock;

use serde_json::{Value, json};
use umoja_ingest::scim::{Resource, filter, patch};

static USER: LazyLock<Resource> = LazyLock::new(|| {
    let emails = json!([{ "value": "ada@example.com", "type": "work", "primary": true }]);
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    let user = json!({ "schemas": schemas, "userName": "ada", "name": { "givenName": "Ada" }, "emails": emails });
    Resource::read(&user).expect("a user")
});

// A filter, or the body of a request that makes or changes a user.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(filter) = filter::parse(text) {
        let _ = (filter.holds(&USER.0, None), filter.keys(), filter.members());
    }
    let Ok(body) = serde_json::from_str::<Value>(text) else { return };
    for user in [Resource::read(&body), patch::apply(&USER, &body)].into_iter().flatten() {
        // What was accepted is accepted again, and stays as it is.
        let mut again = Value::Object(user.0.clone());
        again["schemas"] = user.schemas().into();
        assert!(Resource::read(&again) == Ok(user));
    }
});
