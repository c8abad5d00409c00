use super::*;

const EVENTS: &[u8] = include_bytes!("../../../tests/fixtures/keycloak.ndjson");
const EXPORT: &[u8] = include_bytes!("../../../tests/fixtures/keycloak-user.json");

const KIM: &str = "6b0a7f3e-2a5d-4c77-9e61-0d6a7f1f2b01";

fn line(number: usize) -> &'static [u8] {
    EVENTS.split(|byte| *byte == b'\n').nth(number - 1).unwrap()
}

fn event(number: usize, pointer: &str, value: Value) -> String {
    summary(&one(SourceKind::Keycloak, None, &with(line(number), pointer, value)))
}

#[test]
fn webhooks_and_plain_listeners_are_read() {
    let said = said(SourceKind::Keycloak, None, EVENTS);
    let expected = [
        ("w-1", format!("state kim@example.com of {KIM} at 1000")),
        ("w-2", format!("state active kim@example.com of {KIM} at 2000")),
        ("k-3", format!("suspended of {KIM} at 3000")),
        ("k-4", format!("password of {KIM} at 4000")),
        ("k-5", format!("deleted of {KIM} at 5000")),
        ("k-6", "unknown".to_owned()),
        ("k-7", format!("password of {KIM} at 7000")),
        ("k-8", "unknown".to_owned()),
        ("k-9", "unknown".to_owned()),
    ];
    assert_eq!(said, expected.map(|(id, said)| (id.to_owned(), said)));
}

#[test]
fn the_user_of_a_representation_is_that_of_the_export() {
    let import = imported(Format::Keycloak, EXPORT, &Options::default());
    let changes = changes(SourceKind::Keycloak, None, line(2));
    assert_same(row(&changes[0]), &import);
    assert!(row(&changes[0]).hash.is_none());
}

#[test]
fn a_registration_says_the_name_and_the_address_once_it_is_committed() {
    let changes = changes(SourceKind::Keycloak, None, line(1));
    let row = row(&changes[0]);
    assert_eq!((row.username.as_deref(), row.email_verified, row.status), (Some("kim"), false, None));
    assert_eq!(event(1, "/details", json!(null)), "unknown");
    let whole = json!({"username": "kim", "enabled": false, "email": "k@example.com"});
    assert_eq!(event(6, "/representation", whole), format!("state disabled k@example.com of {KIM} at 6000"));
}

#[test]
fn a_login_is_known_with_a_representation_only() {
    assert_eq!(event(6, "/type", json!("LOGIN")), "unknown");
    let login = with(line(6), "/type", json!("LOGIN"));
    let login = with(&login, "/representation", json!({"username": "kim"}));
    assert_eq!(summary(&one(SourceKind::Keycloak, None, &login)), format!("login - of {KIM} at 6000"));
}

#[test]
fn what_a_user_does_to_the_account_is_read() {
    assert_eq!(event(7, "/type", json!("DELETE_ACCOUNT")), format!("deleted of {KIM} at 7000"));
    let locked = json!("USER_DISABLED_BY_PERMANENT_LOCKOUT");
    assert_eq!(event(7, "/type", locked), format!("suspended of {KIM} at 7000"));
    let changed = with(line(7), "/type", json!("UPDATE_CREDENTIAL"));
    let of = |kind: &str| with(&changed, "/details", json!({"credential_type": kind}));
    assert_eq!(summary(&one(SourceKind::Keycloak, None, &of("password"))), format!("password of {KIM} at 7000"));
    assert_eq!(summary(&one(SourceKind::Keycloak, None, &of("otp"))), "unknown");
}

#[test]
fn the_account_of_a_service_is_no_user() {
    let service = json!({"username": "service-account-api", "serviceAccountClientId": "api"});
    assert_eq!(event(2, "/representation", service), "unknown");
}

#[test]
fn a_type_alone_says_what_an_administrator_has_done() {
    let bare = with(&with(line(2), "/operationType", json!("")), "/resourceType", json!(null));
    let said = summary(&one(SourceKind::Keycloak, None, &bare));
    assert_eq!(said, format!("state active kim@example.com of {KIM} at 2000"));
    let removed = with(&bare, "/type", json!("admin.USER-DELETE"));
    assert_eq!(summary(&one(SourceKind::Keycloak, None, &removed)), format!("deleted of {KIM} at 2000"));
    let role = with(&bare, "/type", json!("admin.REALM_ROLE_MAPPING-CREATE"));
    assert_eq!(summary(&one(SourceKind::Keycloak, None, &role)), "unknown");
}

#[test]
fn an_event_without_a_time_counts_as_of_its_receipt() {
    let received = RECEIVED_AT.since(Millis(1_764_417_600_000));
    assert_eq!(event(5, "/time", json!(null)), format!("deleted of {KIM} at {received}"));
    assert_eq!(event(5, "/time", json!("2025-11-29T12:00:05Z")), format!("deleted of {KIM} at 5000"));
}

#[test]
fn a_member_that_a_change_needs_is_named() {
    for (number, pointer, broken, named) in [
        (5, "/time", json!("noon"), "time"),
        (5, "/resourcePath", json!(null), "resourcePath"),
        (5, "/resourcePath", json!("users/"), "resourcePath"),
        (2, "/representation", json!("{"), "representation"),
        (2, "/representation", json!(7), "representation"),
        (2, "/representation", json!({"username": "kim", "enabled": "maybe"}), "representation"),
        (7, "/userId", json!(null), "userId"),
        (7, "/type", json!(null), "type"),
    ] {
        assert_eq!(event(number, pointer, broken), Malformed::Member(named).to_string(), "{number} {pointer}");
    }
}

#[test]
fn every_type_of_event_that_the_documentation_asks_for_is_read() {
    let mut blocks = include_str!("../../../../docs/sources.md").split("```json\n").skip(1);
    let block = blocks.find(|block| block.contains("eventTypes")).unwrap().split("```").next().unwrap();
    let webhook: Value = serde_json::from_str(block).unwrap();
    let types = webhook["eventTypes"].as_array().unwrap();
    for kind in types.iter().map(|kind| kind.as_str().unwrap()) {
        let mut event = json!({ "uid": "w-1", "type": kind, "authDetails": { "userId": KIM },
            "details": { "username": "kim", "credential_type": "password" }, "representation": "{\"username\":\"kim\"}" });
        let action = if kind == "admin.USER-ACTION" { "/reset-password" } else { "" };
        event["resourcePath"] = format!("users/{KIM}{action}").into();
        assert_ne!(summary(&one(SourceKind::Keycloak, None, event.to_string().as_bytes())), "unknown", "{kind}");
    }
    assert_eq!(types.len(), 9);
}
