use super::*;

const CLOUD_EVENTS: &[u8] = include_bytes!("../../../tests/fixtures/generic-cloudevents.json");
const PLAIN: &[u8] = include_bytes!("../../../tests/fixtures/generic-plain.json");

pub(super) fn of_cloud_events() -> Value {
    json!({
        "external_id": "id",
        "email": "mail",
        "profile": {"custom": {"shoe_size": "size"}},
        "events": {"state": ["person.saved"], "deleted": ["person.removed"]},
    })
}

pub(super) fn of_plain() -> Value {
    json!({
        "records": "/account/people",
        "external_id": "id",
        "email": "mail",
        "status": {"from": "state", "active": ["on"], "disabled": ["off"], "deleted": ["gone"]},
        "profile": {"custom": {"shoe_size": "size"}},
        "events": {
            "id": "delivery", "type": "what", "time": {"from": "at", "unit": "seconds"},
            "login": ["login"], "suspended": ["off"], "activated": ["on"], "password_changed": ["password"],
            "deleted": ["gone"], "state": ["saved"],
        },
    })
}

fn plain(pointer: &str, value: Value) -> String {
    summary(&one(SourceKind::Generic, Some(&of_plain()), &with(PLAIN, pointer, value)))
}

#[test]
fn cloud_events_need_no_places_for_their_own_attributes() {
    let said = said(SourceKind::Generic, Some(&of_cloud_events()), CLOUD_EVENTS);
    let received = RECEIVED_AT.since(Millis(1_764_417_600_000));
    let expected = [
        ("/crm 42", "state kim@example.com of 7 at 0".to_owned()),
        ("/shop 42", format!("deleted of 7 at {received}")),
        ("/shop 43", "unknown".to_owned()),
    ];
    assert_eq!(said, expected.map(|(id, said)| (id.to_owned(), said)));
}

#[test]
fn a_cloud_event_with_an_unusable_time_is_malformed() {
    let event = json!({"specversion": "1.0", "type": "person.removed", "time": "noon", "data": {"id": 7}});
    let read = one(SourceKind::Generic, Some(&of_cloud_events()), event.to_string().as_bytes());
    assert_eq!(summary(&read), Malformed::Member("time").to_string());
}

#[test]
fn any_json_is_read_by_the_places_of_the_mapping() {
    let said = said(SourceKind::Generic, Some(&of_plain()), PLAIN);
    let login = "login active kim@example.com of 7 at 0, deleted of 8 at 0";
    assert_eq!(said, [("d-1".to_owned(), login.to_owned())]);
    assert_eq!(plain("/what", json!("off")), "suspended of 7 at 0, suspended of 8 at 0");
    assert_eq!(plain("/what", json!("on")), "activated of 7 at 0, activated of 8 at 0");
    assert_eq!(plain("/what", json!("password")), "password of 7 at 0, password of 8 at 0");
    assert_eq!(plain("/what", json!("gone")), "deleted of 7 at 0, deleted of 8 at 0");
    assert_eq!(plain("/what", json!("audit")), "unknown");
}

#[test]
fn what_the_mapping_needs_and_the_event_lacks_is_named() {
    for (pointer, broken, named) in [
        ("/what", json!(null), "type"),
        ("/at", json!("noon"), "time"),
        ("/at", json!(null), "time"),
        ("/account/people", json!(null), "records"),
        ("/account/people", json!("text"), "records"),
        ("/account/people", json!([{"id": 1, "state": "lost"}]), "records"),
        ("/account/people", json!([{"state": "on"}]), "external_id"),
        ("/account/people", json!([{"state": "gone"}]), "external_id"),
    ] {
        assert_eq!(plain(pointer, broken), Malformed::Member(named).to_string(), "{pointer}");
    }
    assert!(matches!(one(SourceKind::Generic, None, PLAIN), Err(Malformed::Member("mapping"))));
    let many = vec![json!({"id": 1}); MAX_EVENTS + 1];
    assert_eq!(plain("/account/people", json!(many)), Malformed::TooMany.to_string());
}

#[test]
fn the_user_of_an_event_is_that_of_an_import_by_the_same_mapping() {
    let mapping = formats::Mapping::parse(of_cloud_events().to_string().as_bytes()).unwrap();
    let options = Options { mapping: Some(mapping), ..Options::default() };
    let import = imported(Format::Ndjson, br#"{"id": 7, "mail": "kim@example.com", "size": 42}"#, &options);
    let event = &serde_json::from_slice::<Vec<Value>>(CLOUD_EVENTS).unwrap()[0];
    let changes = changes(SourceKind::Generic, Some(&of_cloud_events()), event.to_string().as_bytes());
    assert_same(row(&changes[0]), &import);
    assert_eq!(row(&changes[0]).profile.custom["shoe_size"], 42);
}

#[test]
fn the_mapping_of_the_documentation_reads_an_event() {
    let mut blocks = include_str!("../../../../docs/migrate.md").split("```json\n").skip(1);
    let block = blocks.find(|block| block.contains("\"events\"")).unwrap().split("```").next().unwrap();
    let mapping: Value = serde_json::from_str(block).unwrap();
    check_mapping(&mapping).unwrap();
    let event = json!({
        "delivery": "d-1", "at": 1_764_417_600, "what": "account.created", "account": {"id": 7, "mail": "kim@example.com"}
    });
    let said = said(SourceKind::Generic, Some(&mapping), event.to_string().as_bytes());
    assert_eq!(said, [("d-1".to_owned(), "state kim@example.com of 7 at 0".to_owned())]);
}

#[test]
fn a_wrong_mapping_is_rejected_before_the_source_is_added() {
    assert!(check_mapping(&of_plain()).is_ok());
    assert!(matches!(check_mapping(&json!({"external_id": "id"})), Err(MappingError::Missing("events"))));
    assert!(matches!(check_mapping(&json!({"events": {}})), Err(MappingError::Form(_))));
    assert!(matches!(check_mapping(&json!([])), Err(MappingError::Form(_))));
}

#[test]
fn the_events_of_the_documentation_are_read() {
    let blocks = include_str!("../../../../docs/sources.md").split("```json\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
    let mapping = json!({"external_id": "id", "email": "mail", "events": {}});
    let samples = [
        (SourceKind::Auth0, 0, None),
        (SourceKind::Okta, 1, None),
        (SourceKind::Keycloak, 3, None),
        (SourceKind::Generic, 5, Some(&mapping)),
    ];
    for (kind, block, mapping) in samples {
        let said = said(kind, mapping, blocks[block].as_bytes());
        assert!(said.len() == 1 && said[0].1.contains("amina@example.com of "), "{said:?}");
    }
}
