//! The members of a source that go under `custom`.

use serde_json::{Map, Value};

use crate::LeftOut;

/// Names of credentials anywhere in a member's name, regardless of case and separators.
const PARTS: [&str; 10] =
    ["passw", "passkey", "secret", "token", "credential", "recovery", "backupcode", "apikey", "privatekey", "webauthn"];

/// Names of credentials as whole words, because they are parts of harmless words: `footprint`, `team_favourite`.
const WORDS: [&str; 10] = ["otp", "totp", "hotp", "mfa", "2fa", "tfa", "hash", "hashes", "salt", "pwd"];

/// Whether a member of this name is not imported because it may be a way to log in.
pub(super) fn is_credential(name: &str) -> bool {
    let joined = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let words = words(name);
    PARTS.iter().any(|part| joined.contains(part)) || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// `myTOTPSecret-2` is `my`, `totp`, `secret`, `2`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
        let hump = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase) || after.is_some_and(|after| after.is_lowercase()));
        if hump || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Puts a value under `custom`, without its inner members that are [`is_credential`], unless it is null or empty then.
/// Returns the names of what it did not take, such as `user_metadata.secret`.
#[must_use]
pub(super) fn put(custom: &mut Map<String, Value>, name: &str, value: Value) -> Vec<String> {
    if is_empty(&value) {
        return Vec::new();
    }
    if is_credential(name) {
        return vec![name.to_owned()];
    }
    let mut dropped = Vec::new();
    let value = without_credentials(value, name, &mut dropped);
    if !is_empty(&value) {
        custom.insert(name.to_owned(), value);
    }
    dropped
}

/// Whether there is nothing to take.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value that is left out. It is kept unless its name or a name inside may be a way to log in.
pub(super) fn left_out(name: &str, value: Value) -> LeftOut {
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    let value =
        if is_credential(name) || is_empty { Value::Null } else { without_credentials(value, name, &mut Vec::new()) };
    LeftOut { field: name.to_owned(), value }
}

/// The value at `path` without the members that may be a way to log in, whose paths are added to `dropped`.
fn without_credentials(value: Value, path: &str, dropped: &mut Vec<String>) -> Value {
    match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                let path = format!("{path}.{name}");
                if is_credential(&name) {
                    dropped.push(path);
                } else {
                    kept.insert(name, without_credentials(value, &path, dropped));
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| without_credentials(item, path, dropped)).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn credentials_never_go_under_custom() {
        let mut custom = Map::new();
        let value = json!({"size": 42, "resetToken": "x", "a": [{"api_key": "x", "b": 1}], "TOTP_secret": "x"});
        let _ = put(&mut custom, "meta", value);
        let _ = put(&mut custom, "old_password", json!("x"));
        let _ = put(&mut custom, "backup-codes", json!(["x"]));
        let _ = put(&mut custom, "empty", json!({"salt": "x"}));
        for name in
            ["passwordHash", "userMFA", "MFAEnabled", "2fa", "my-otp", "oldHash", "SALT", "webauthn_ids", "AccessToken"]
        {
            let _ = put(&mut custom, name, json!("x"));
        }
        assert_eq!(Value::Object(custom), json!({"meta": {"size": 42, "a": [{"b": 1}]}}));
    }

    #[test]
    fn harmless_names_are_kept() {
        for name in ["footprint", "teamFavourite", "hashtags", "basalt", "passport", "shoe_size", "", "Größe"] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_taken_is_returned_by_its_path() {
        let metadata = json!({"theme": "light", "token": 1, "keys": [{"secret": "x", "id": 1}]});
        let mut custom = Map::new();
        assert_eq!(put(&mut custom, "meta", metadata), ["meta.token", "meta.keys.secret"]);
        assert_eq!(put(&mut custom, "old_password", json!("x")), ["old_password"]);
        assert!(put(&mut custom, "password", json!("")).is_empty());
    }
}
