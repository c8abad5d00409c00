//! The legacy form of events, as an old Action of Auth0 sends them: a GET whose query string has `topic`, `subject` and
//! `message`. A source takes it only if its operator has said so.
//!
//! # Danger
//!
//! A query string is written into the logs of whatever passes it on, and cannot be signed. Of the message, which has
//! personal data, only the id of the user is read; everything else is dropped before anything is stored. So such an
//! event says that the user exists, and nothing about it.

use serde_json::{Value, json};

use crate::providers::{Malformed, Received};
use crate::query::parameters;

/// The most characters of the id of a user.
const MAX_ID: usize = 255;

/// What an event in the legacy form may have, beside its subject, which has no meaning here.
pub(crate) struct Legacy {
    /// The topic, which has to be that of the source and is passed to nothing.
    pub(crate) topic: String,
    /// The event that is stored: it names the user.
    pub(crate) event: Received,
}

/// Reads a query string; `None` if it is no event in the legacy form.
///
/// # Errors
/// If the message has no id of a user.
pub(crate) fn read(query: &str) -> Result<Option<Legacy>, Malformed> {
    let mut parameters = parameters(query);
    let mut take = |name: &str| {
        let place = parameters.iter().position(|(own, _)| own == name)?;
        Some(parameters.swap_remove(place).1)
    };
    let (Some(topic), Some(message)) = (take("topic"), take("message")) else { return Ok(None) };
    let message: Value = serde_json::from_str(&message).map_err(|_| Malformed::Json)?;
    let id = message.get("user_id").or_else(|| message.pointer("/user/user_id")).and_then(Value::as_str);
    let id = id.filter(|id| !id.is_empty() && id.chars().count() <= MAX_ID).ok_or(Malformed::Member("user_id"))?;
    let payload = json!({ "v": 1, "trigger": "legacy-get", "user": { "user_id": id } }).to_string();
    Ok(Some(Legacy { topic, event: Received { id: format!("legacy-get:{id}"), payload: payload.into_bytes() } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_of_the_user_is_kept() {
        let message = r#"{"user_id":"auth0%7Cada","email":"ada%40example.com","name":"Ada+%26+co"}"#;
        let legacy = read(&format!("topic=users&subject=ada%40example.com&message={message}")).unwrap().unwrap();
        assert_eq!(legacy.topic, "users");
        assert_eq!(legacy.event.id, "legacy-get:auth0|ada");
        let payload: Value = serde_json::from_slice(&legacy.event.payload).unwrap();
        assert_eq!(payload, json!({ "v": 1, "trigger": "legacy-get", "user": { "user_id": "auth0|ada" } }));
        let nested = read(r#"topic=users&message={"user":{"user_id":"auth0%7Cada"}}"#).unwrap().unwrap();
        assert_eq!(nested.event.payload, legacy.event.payload);
    }

    #[test]
    fn a_message_without_a_user_is_malformed() {
        assert!(read("").unwrap().is_none() && read("topic=users").unwrap().is_none());
        assert_eq!(read("topic=users&message=ada").err(), Some(Malformed::Json));
        for message in [r#"{"email":"ada"}"#, r#"{"user_id":""}"#, r#"{"user_id":7}"#, "[]"] {
            assert_eq!(read(&format!("topic=users&message={message}")).err(), Some(Malformed::Member("user_id")));
        }
    }
}
