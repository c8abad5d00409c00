//! What Cognito reads in the answer: the event, with another `response`.

use serde_json::{Map, Value, json};
use umoja_schema::UserId;

use super::event::TokenVersion;

/// The claim of tokens with Umoja's id of the user.
pub const CLAIM: &str = "umoja_id";

/// The event with Umoja's id in the claims of the tokens that it is about.
pub(super) fn with_claim(event: Value, version: TokenVersion, id: UserId) -> Value {
    let claims = json!({ "claimsToAddOrOverride": { CLAIM: id.to_string() } });
    let response = match version {
        TokenVersion::IdTokens => json!({ "claimsOverrideDetails": claims }),
        TokenVersion::AccessTokens => json!({
            "claimsAndScopeOverrideDetails": { "idTokenGeneration": claims, "accessTokenGeneration": claims }
        }),
    };
    with_response(event, response)
}

/// The event with a user whom Cognito adds to the pool. A user who has typed the right password is confirmed; without
/// one, Cognito sends a code to a verified address or number.
pub(super) fn with_user(event: Value, attributes: &Map<String, Value>, knows_password: bool) -> Value {
    let mut response = json!({ "userAttributes": attributes, "messageAction": "SUPPRESS" });
    if knows_password {
        response["finalUserStatus"] = "CONFIRMED".into();
    }
    with_response(event, response)
}

fn with_response(mut event: Value, members: Value) -> Value {
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        match event.get_mut("response") {
            Some(Value::Object(response)) => response.extend(members),
            _ => drop(event.insert("response".to_owned(), Value::Object(members))),
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_event_says_which_tokens_get_the_claim() {
        let (event, id) = (json!({ "version": "1", "response": { "kept": 1 } }), UserId::v8([7; 16]));
        let claims = json!({ "claimsToAddOrOverride": { "umoja_id": id.to_string() } });
        let answer = with_claim(event.clone(), TokenVersion::IdTokens, id);
        assert_eq!(answer, json!({ "version": "1", "response": { "kept": 1, "claimsOverrideDetails": claims } }));
        let answer = with_claim(json!({ "response": null }), TokenVersion::AccessTokens, id);
        let both = json!({ "idTokenGeneration": claims, "accessTokenGeneration": claims });
        assert_eq!(answer, json!({ "response": { "claimsAndScopeOverrideDetails": both } }));
    }

    #[test]
    fn only_who_has_typed_the_password_is_confirmed() {
        let attributes = Map::from_iter([("email".to_owned(), json!("ada@example.com"))]);
        let answer = |knows| with_user(json!({}), &attributes, knows)["response"].clone();
        assert_eq!(answer(true)["finalUserStatus"], "CONFIRMED");
        assert_eq!(answer(false)["finalUserStatus"], Value::Null);
        assert_eq!(answer(false)["messageAction"], "SUPPRESS");
        assert_eq!(answer(false)["userAttributes"]["email"], "ada@example.com");
    }
}
