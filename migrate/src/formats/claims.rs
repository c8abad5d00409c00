//! What of a source goes under `custom`.

use serde_json::{Map, Value};

/// Parts of names that speak of credentials and second factors.
const CREDENTIAL: [&str; 12] = [
    "passw",
    "hash",
    "secret",
    "token",
    "salt",
    "otp",
    "mfa",
    "recovery",
    "backupcode",
    "apikey",
    "privatekey",
    "credential",
];

/// Whether a member of this name stays behind: it may be a way to log in.
pub(super) fn is_credential(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    CREDENTIAL.iter().any(|part| plain.contains(part))
}

/// Puts a value under `custom`, without what [`is_credential`] inside of it, and unless it is null or empty then.
pub(super) fn put(custom: &mut Map<String, Value>, name: &str, value: Value) {
    let value = without_credentials(value);
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if !empty && !is_credential(name) {
        custom.insert(name.to_owned(), value);
    }
}

fn without_credentials(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| !is_credential(name));
            Value::Object(kept.map(|(name, value)| (name, without_credentials(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_credentials).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_that_could_be_a_way_to_log_in_goes_under_custom() {
        let mut custom = Map::new();
        let value = json!({"size": 42, "resetToken": "x", "a": [{"api_key": "x", "b": 1}], "TOTP_secret": "x"});
        put(&mut custom, "meta", value);
        put(&mut custom, "old_password", json!("x"));
        put(&mut custom, "backup-codes", json!(["x"]));
        put(&mut custom, "empty", json!({"salt": "x"}));
        assert_eq!(Value::Object(custom), json!({"meta": {"size": 42, "a": [{"b": 1}]}}));
    }
}
