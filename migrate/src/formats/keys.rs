//! The file of the secrets of legacy hashes:
//!
//! ```json
//! {
//!   "shop-1": {"secret": "...", "encoding": "utf8"},
//!   "app": {"firebase": {"signer_key": "...", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}
//! }
//! ```
//!
//! `encoding` is `utf8`, `hex` or `base64`; Firebase's values are as its console shows them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use umoja_crypto::legacy::{HashKey, HashKeys, TextEncoding};
use zeroize::Zeroizing;

use super::json;

/// The secrets, and the public ones of Firebase's parameters.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// For verifying.
    pub hash_keys: HashKeys,
    /// The costs of each Firebase project, by the id of its key.
    pub firebase: BTreeMap<String, FirebaseCost>,
}

/// The costs of a Firebase project's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirebaseCost {
    /// `rounds`.
    pub rounds: u32,
    /// `mem_cost`: the logarithm of scrypt's N.
    pub mem_cost: u32,
}

/// Why a file of keys is rejected. Contains ids and members, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not a JSON object of keys, or an id is not unique.
    #[error("the keys are not a JSON object, or an id is not unique")]
    Form,
    /// The id of a key.
    #[error("the id of a key is not 1 to 32 characters of a-z, 0-9 and -")]
    Id,
    /// The members of a key.
    #[error("the key `{0}` is neither `secret` with `encoding` nor `firebase` with its four members")]
    Key(String),
    /// A text that is not of its encoding.
    #[error("the key `{0}` is empty or not in its encoding")]
    Encoding(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    secret: Option<String>,
    encoding: Option<String>,
    firebase: Option<Firebase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Firebase {
    signer_key: String,
    salt_separator: String,
    rounds: u32,
    mem_cost: u32,
}

/// Reads a file of keys.
///
/// # Errors
/// [`KeysError`].
pub fn parse(bytes: &[u8]) -> Result<Keys, KeysError> {
    let mut keys = Keys::default();
    for (id, written) in json::object(bytes).map_err(|_| KeysError::Form)? {
        if !is_id(&id) {
            return Err(KeysError::Id);
        }
        if !written.is_object() {
            return Err(KeysError::Key(id));
        }
        let (key, cost) = read(&id, written)?;
        keys.hash_keys = keys.hash_keys.with(&id, key).map_err(|_| KeysError::Id)?;
        keys.firebase.extend(cost.map(|cost| (id, cost)));
    }
    Ok(keys)
}

/// The rule of [`HashKeys`], checked before an error names an id.
fn is_id(id: &str) -> bool {
    HashKeys::default().with(id, HashKey::Secret(Zeroizing::default())).is_ok()
}

fn read(id: &str, written: Value) -> Result<(HashKey, Option<FirebaseCost>), KeysError> {
    let form = || KeysError::Key(id.to_owned());
    let decode = |encoding: TextEncoding, text: &str| {
        encoding.decode(text).filter(|bytes| !bytes.is_empty()).ok_or_else(|| KeysError::Encoding(id.to_owned()))
    };
    match serde_json::from_value(written).map_err(|_| form())? {
        Written { secret: Some(secret), encoding: Some(encoding), firebase: None } => {
            let encoding = match encoding.as_str() {
                "utf8" => TextEncoding::Utf8,
                "hex" => TextEncoding::Hex,
                "base64" => TextEncoding::Base64,
                _ => return Err(form()),
            };
            Ok((HashKey::Secret(decode(encoding, &secret)?), None))
        }
        Written { secret: None, encoding: None, firebase: Some(firebase) } => {
            let signer_key = decode(TextEncoding::Base64, &firebase.signer_key)?;
            let salt_separator = decode(TextEncoding::Base64, &firebase.salt_separator)?.to_vec();
            let cost = FirebaseCost { rounds: firebase.rounds, mem_cost: firebase.mem_cost };
            Ok((HashKey::Firebase { signer_key, salt_separator }, Some(cost)))
        }
        Written { .. } => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_firebase_projects_are_read() {
        let keys = parse(
            br#"{"shop-1": {"secret": "6162", "encoding": "hex"}, "shop-2": {"secret": "YWI=", "encoding": "base64"},
                "shop-3": {"secret": "hunter2", "encoding": "utf8"},
                "app": {"firebase": {"signer_key": "AAAA", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#,
        )
        .unwrap();
        assert_eq!(keys.hash_keys.id_of(b"ab"), Some("shop-1"));
        assert_eq!(keys.hash_keys.id_of(b"hunter2"), Some("shop-3"));
        assert!(keys.hash_keys.contains("app"));
        assert_eq!(keys.firebase["app"], FirebaseCost { rounds: 8, mem_cost: 14 });
        assert!(!format!("{keys:?}").contains("hunter2"));
    }

    #[test]
    fn errors_do_not_contain_the_secret() {
        for (file, error) in [
            (r#"["hunter2"]"#, KeysError::Form),
            (r#"{"a": {"secret": "hunter2", "encoding": "utf8"}, "a": {}}"#, KeysError::Form),
            (r#"{"hunter 2": {"secret": "x", "encoding": "utf8"}}"#, KeysError::Id),
            (r#"{"a": "hunter2"}"#, KeysError::Key("a".into())),
            (r#"{"a": ["hunter2", "utf8", null]}"#, KeysError::Key("a".into())),
            (r#"{"a": {"secret": "hunter2"}}"#, KeysError::Key("a".into())),
            (r#"{"a": {"secret": "hunter2", "encoding": "utf-8"}}"#, KeysError::Key("a".into())),
            (r#"{"a": {"secret": "hunter2", "encoding": "hex"}}"#, KeysError::Encoding("a".into())),
            (r#"{"a": {"secret": "", "encoding": "utf8"}}"#, KeysError::Encoding("a".into())),
            (r#"{"a": {"secret": "hunter2", "encoding": "utf8", "more": 1}}"#, KeysError::Key("a".into())),
            (r#"{"a": {"firebase": {"signer_key": "hunter2"}}}"#, KeysError::Key("a".into())),
        ] {
            let found = parse(file.as_bytes()).unwrap_err();
            assert_eq!(found, error);
            assert!(!found.to_string().contains("hunter"));
        }
    }
}
