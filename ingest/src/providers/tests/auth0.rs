use super::*;

const ACTION: &[u8] = include_bytes!("../../../tests/fixtures/auth0-action.json");
const STREAM: &[u8] = include_bytes!("../../../tests/fixtures/auth0-stream.json");
const LOG: &[u8] = include_bytes!("../../../tests/fixtures/auth0-log.ndjson");
const EXPORT: &[u8] = include_bytes!("../../../tests/fixtures/auth0-user.ndjson");

const KIM: &str = "auth0|5d7b6f6f1b2c3d0e8c9a1b2c";

fn action(pointer: &str, value: Value) -> String {
    summary(&one(SourceKind::Auth0, None, &with(ACTION, pointer, value)))
}

fn streamed(place: usize) -> Vec<u8> {
    serde_json::from_slice::<Vec<Value>>(STREAM).unwrap()[place].to_string().into_bytes()
}

fn stream(place: usize, pointer: &str, value: Value) -> String {
    summary(&one(SourceKind::Auth0, None, &with(&streamed(place), pointer, value)))
}

#[test]
fn the_action_says_who_has_registered_or_logged_in() {
    let said = said(SourceKind::Auth0, None, ACTION);
    let login = format!("login kim@example.com of {KIM} at 123");
    assert_eq!(said, [("3f1c0b4e-7f0d-4b61-9d2c-6a5c1f8e0a11".to_owned(), login)]);
    let registered = action("/trigger", json!("post-user-registration"));
    assert_eq!(registered, format!("state kim@example.com of {KIM} at 123"));
}

#[test]
fn a_changed_password_comes_with_the_user_if_the_action_has_it() {
    let body = with(ACTION, "/trigger", json!("post-change-password"));
    let whole = format!("state kim@example.com of {KIM} at 123, password of {KIM} at 123");
    assert_eq!(summary(&one(SourceKind::Auth0, None, &body)), whole);
    let bare = with(&body, "/user/email", json!(null));
    assert_eq!(summary(&one(SourceKind::Auth0, None, &bare)), format!("password of {KIM} at 123"));
    let absent = with(&body, "/user/user_id", json!(null));
    assert_eq!(summary(&one(SourceKind::Auth0, None, &absent)), Malformed::Member("user_id").to_string());
}

#[test]
fn a_newer_action_or_trigger_is_unknown_and_a_broken_body_is_malformed() {
    assert_eq!(action("/v", json!(2)), "unknown");
    assert_eq!(action("/trigger", json!("pre-user-registration")), "unknown");
    for (member, broken) in [("v", json!("1")), ("time", json!(null)), ("time", json!("noon")), ("user", json!([]))] {
        let named = ["v", "time", "user"].into_iter().find(|name| *name == member).unwrap();
        assert_eq!(action(&format!("/{member}"), broken), Malformed::Member(named).to_string());
    }
    assert_eq!(action("/user/user_id", json!(null)), Malformed::Member("user").to_string());
}

#[test]
fn a_time_may_be_a_text_and_is_not_in_the_future() {
    assert_eq!(action("/time", json!("2025-11-29T12:00:00.123Z")), format!("login kim@example.com of {KIM} at 123"));
    let latest = 3_600_000 + 300_000;
    assert_eq!(action("/time", json!("2125-11-29T12:00:00Z")), format!("login kim@example.com of {KIM} at {latest}"));
}

#[test]
fn event_streams_are_read_in_both_spellings() {
    let said = said(SourceKind::Auth0, None, STREAM);
    let expected = [
        ("evt_1aBcDeFgHiJkLmNo", format!("state disabled kim@example.com of {KIM} at 0")),
        ("evt_2aBcDeFgHiJkLmNo", format!("deleted of {KIM} at 2096000")),
        ("evt_3aBcDeFgHiJkLmNo", "unknown".to_owned()),
        ("evt_4aBcDeFgHiJkLmNo", "unknown".to_owned()),
    ];
    assert_eq!(stream(0, "/type", json!("user.updated")), expected[0].1);
    assert_eq!(said, expected.map(|(id, said)| (id.to_owned(), said)));
    assert_eq!(split(SourceKind::Auth0, None, &streamed(0)).unwrap().len(), 1, "alone, without a batch");
}

#[test]
fn the_users_own_time_orders_what_event_streams_send() {
    assert_eq!(
        stream(0, "/data/object/updated_at", json!(null)),
        format!("state disabled kim@example.com of {KIM} at 5794"),
        "the time of the event, if the user has none"
    );
    assert_eq!(stream(1, "/time", json!(null)), Malformed::Member("time").to_string());
    assert_eq!(stream(0, "/data/object", json!(null)), Malformed::Member("object").to_string());
    assert_eq!(stream(0, "/type", json!(null)), Malformed::Member("type").to_string());
}

#[test]
fn log_streams_delete_and_change_passwords_and_carry_no_user() {
    let expected = [
        ("90020251129120001", "unknown".to_owned()),
        ("90020251129120002", format!("password of {KIM} at 2000")),
        ("90020251129120003", format!("deleted of {KIM} at 3000")),
        ("90020251129120004", "unknown".to_owned()),
        ("90020251129120005", "unknown".to_owned()),
    ]
    .map(|(id, said)| (id.to_owned(), said));
    assert_eq!(said(SourceKind::Auth0, None, LOG), expected);
    let lines: Vec<&str> = std::str::from_utf8(LOG).unwrap().lines().collect();
    assert_eq!(said(SourceKind::Auth0, None, format!("[{}]", lines.join(",")).as_bytes()), expected);
}

#[test]
fn the_user_of_an_event_is_that_of_the_export() {
    let import = imported(Format::Auth0, EXPORT, &Options::default());
    assert_same(row(&changes(SourceKind::Auth0, None, ACTION)[0]), &import);
    let unblocked = with(&streamed(0), "/data/object/blocked", json!(null));
    assert_same(row(&changes(SourceKind::Auth0, None, &unblocked)[0]), &import);
}

#[test]
fn half_a_character_and_a_long_number_are_read_as_by_an_import() {
    let body = with(ACTION, "/user/user_metadata", json!("HERE"));
    let strange = String::from_utf8(body).unwrap();
    let strange = strange.replace("\"HERE\"", r#"{"cut":"\ud83d","long":123456789012345678901234567890}"#);
    let changes = changes(SourceKind::Auth0, None, strange.as_bytes());
    let custom = &row(&changes[0]).profile.custom["user_metadata"];
    assert_eq!(custom, &json!({"cut": "\u{fffd}", "long": "123456789012345678901234567890"}));
}
