use serde_json::json;

use super::*;

const CONFIRMED: &str = include_str!("../../../tests/fixtures/cognito.json");

fn event(source: &str) -> Value {
    let mut event: Value = serde_json::from_str(CONFIRMED).unwrap();
    event["triggerSource"] = source.into();
    event
}

fn trigger(event: &Value) -> String {
    match TriggerEvent::parse(event).map(|parsed| parsed.trigger) {
        Ok(Trigger::SignUp { by_admin, .. }) => format!("sign-up, by an administrator: {by_admin}"),
        Ok(Trigger::Confirmed(_)) => "confirmed".to_owned(),
        Ok(Trigger::PasswordReset(_)) => "password".to_owned(),
        Ok(Trigger::LoggedIn(_)) => "login".to_owned(),
        Ok(Trigger::Token { version, .. }) => format!("{version:?}"),
        Ok(Trigger::Migration { password }) => format!("migration, knows a password: {}", password.is_some()),
        Ok(Trigger::Other) => "other".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_trigger_is_read() {
    for (source, said) in [
        ("PreSignUp_SignUp", "sign-up, by an administrator: false"),
        ("PreSignUp_ExternalProvider", "sign-up, by an administrator: false"),
        ("PreSignUp_AdminCreateUser", "sign-up, by an administrator: true"),
        ("PostConfirmation_ConfirmSignUp", "confirmed"),
        ("PostConfirmation_ConfirmForgotPassword", "password"),
        ("PostAuthentication_Authentication", "login"),
        ("TokenGeneration_HostedAuth", "IdTokens"),
        ("TokenGeneration_RefreshTokens", "IdTokens"),
        ("TokenGeneration_ClientCredentials", "other"),
        ("UserMigration_ForgotPassword", "migration, knows a password: false"),
        ("CustomMessage_SignUp", "other"),
        ("PreAuthentication_Authentication", "other"),
    ] {
        assert_eq!(trigger(&event(source)), said, "{source}");
    }
    let mut migration = event("UserMigration_Authentication");
    assert_eq!(trigger(&migration), Malformed::Member("password").to_string());
    migration["request"] = json!({ "password": "correct horse" });
    assert_eq!(trigger(&migration), "migration, knows a password: true");
}

#[test]
fn later_versions_of_the_event_reach_access_tokens() {
    let mut event = event("TokenGeneration_Authentication");
    for (version, said) in [("0", "IdTokens"), ("1", "IdTokens"), ("2", "AccessTokens"), ("3", "AccessTokens")] {
        event["version"] = version.into();
        assert_eq!(trigger(&event), said);
    }
}

#[test]
fn a_member_that_a_trigger_needs_is_named() {
    for (pointer, value, named) in [
        ("userPoolId", json!(null), "userPoolId"),
        ("userName", json!(""), "userName"),
        ("triggerSource", json!(7), "triggerSource"),
        ("triggerSource", json!("PostConfirmation"), "triggerSource"),
        ("request", json!([]), "request"),
        ("request", json!({}), "userAttributes"),
        ("request", json!({ "userAttributes": { "email": [] } }), "userAttributes"),
    ] {
        let mut event = event("PostConfirmation_ConfirmSignUp");
        event[pointer] = value;
        assert_eq!(trigger(&event), Malformed::Member(named).to_string());
    }
    assert_eq!(trigger(&json!([])), Malformed::Json.to_string());
}

#[test]
fn flags_of_another_type_are_texts() {
    let mut event = event("PostConfirmation_ConfirmSignUp");
    event["request"]["userAttributes"]["email_verified"] = json!(true);
    let Ok(Trigger::Confirmed(attributes)) = TriggerEvent::parse(&event).map(|parsed| parsed.trigger) else {
        panic!("another trigger")
    };
    assert_eq!(attributes.get("email_verified"), Some("true"));
    let row = attributes.row(attributes.subject().unwrap()).unwrap();
    assert_eq!((row.email.as_deref(), row.email_verified), (Some("testuser@example.com"), true));
}

#[test]
fn nothing_of_a_person_is_printed() {
    let mut event = event("UserMigration_Authentication");
    event["userName"] = "canary-name".into();
    event["request"] = json!({ "password": "canary-password", "userAttributes": { "email": "canary@example.com" } });
    assert!(!format!("{:?}", TriggerEvent::parse(&event)).contains("canary"));
    event["triggerSource"] = "PostConfirmation_ConfirmSignUp".into();
    assert!(!format!("{:?}", TriggerEvent::parse(&event)).contains("canary"));
}
