//! Each kind of source with what its documentation shows.

mod auth0;
mod cognito;
mod generic;
mod keycloak;
mod okta;

use serde_json::{Value, json};
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::formats::{self, Format, Options};
use umoja_schema::{AccountStatus, Millis, SourceKind};

use super::*;

/// 2025-11-29T13:00:00Z, after every event of the fixtures.
const RECEIVED_AT: Millis = Millis(1_764_421_200_000);

/// The ids of the events of a body, and what each says, in words.
fn said(kind: SourceKind, mapping: Option<&Value>, body: &[u8]) -> Vec<(String, String)> {
    let events = split(kind, mapping, body).unwrap().into_iter();
    events.map(|event| (event.id, summary(&one(kind, mapping, &event.payload)))).collect()
}

fn one(kind: SourceKind, mapping: Option<&Value>, payload: &[u8]) -> Result<Read, Malformed> {
    read(kind, payload, &Reading { received_at: RECEIVED_AT, mapping })
}

fn changes(kind: SourceKind, mapping: Option<&Value>, payload: &[u8]) -> Vec<IncomingChange> {
    match one(kind, mapping, payload) {
        Ok(Read::Changes(changes)) => changes,
        other => panic!("{other:?}"),
    }
}

fn summary(read: &Result<Read, Malformed>) -> String {
    match read {
        Ok(Read::Changes(changes)) => changes.iter().map(change).collect::<Vec<_>>().join(", "),
        Ok(Read::Unknown) => "unknown".to_owned(),
        Err(malformed) => malformed.to_string(),
    }
}

/// `state of 7 at 12:00:00.000 as [...]`: the time is after noon of the day of the fixtures.
fn change(change: &IncomingChange) -> String {
    let what = match &change.change {
        Change::State { row, logged_in } => {
            assert_eq!(row.external_id.as_ref(), Some(&change.subject));
            let status = row.status.map_or("", |status| match status {
                AccountStatus::Active => " active",
                AccountStatus::Disabled => " disabled",
            });
            format!("{}{status} {}", if *logged_in { "login" } else { "state" }, row.email.as_deref().unwrap_or("-"))
        }
        Change::LoggedIn { row } => {
            assert_eq!(row.external_id.as_ref(), Some(&change.subject));
            format!("login {}", row.email.as_deref().unwrap_or("-"))
        }
        Change::Suspended => "suspended".to_owned(),
        Change::Activated => "activated".to_owned(),
        Change::Deleted => "deleted".to_owned(),
        Change::PasswordChanged => "password".to_owned(),
    };
    let after_noon = change.at.since(Millis(1_764_417_600_000));
    format!("{what} of {} at {after_noon}", change.subject)
}

fn row(change: &IncomingChange) -> &Row {
    let Change::State { row, .. } = &change.change else { panic!("no state") };
    row
}

/// The only row of a file.
fn imported(format: Format, file: &[u8], options: &Options) -> Row {
    let mut entries = formats::read(format, file, options).unwrap();
    let row = entries.next().unwrap().unwrap().row.unwrap();
    assert!(entries.next().is_none());
    row
}

/// Two rows are of the same user with the same values, whatever else their records have.
#[track_caller]
fn assert_same(event: &Row, import: &Row) {
    let values = |row: &Row| {
        let verified = [row.email_verified, row.phone_number_verified];
        let profile = serde_json::to_value(&row.profile).unwrap();
        (
            [&row.external_id, &row.email, &row.phone_number, &row.username].map(Clone::clone),
            verified,
            profile,
            (row.created_at, row.status),
        )
    };
    assert_eq!(values(event), values(import));
}

/// A member of the only event of a body is replaced, or removed by null.
fn with(body: &[u8], pointer: &str, value: Value) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(body).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name)
    } else {
        parent.insert(name.to_owned(), value)
    };
    event.to_string().into_bytes()
}

#[test]
fn an_event_without_an_id_or_with_an_endless_one_has_a_hash_for_it() {
    let id = |body: &str| split(SourceKind::Auth0, None, body.as_bytes()).unwrap().remove(0).id;
    let longest = "é".repeat(MAX_ID);
    assert_eq!(id(&json!({"id": longest}).to_string()), longest);
    for body in [json!({"id": format!("{longest}x")}), json!({"id": ""}), json!({"id": 7}), json!({})] {
        let body = body.to_string();
        assert_eq!(id(&body), format!("sha256:{}", request_hash(body.as_bytes())));
    }
}

#[test]
fn an_event_that_cannot_be_read_is_kept_and_named_later() {
    let twice = br#"{"id":"1","id":"2"}"#;
    let events = split(SourceKind::Auth0, None, twice).unwrap();
    assert_eq!(events[0].payload, twice);
    assert!(events[0].id.starts_with("sha256:"));
    assert!(matches!(one(SourceKind::Auth0, None, twice), Err(Malformed::Json)));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(one(SourceKind::Auth0, None, deep.as_bytes()), Err(Malformed::Json)));
    assert!(matches!(one(SourceKind::Auth0, None, b"[]"), Err(Malformed::Json)));
}

#[test]
fn a_body_has_a_limited_size_and_scim_posts_none() {
    for kind in SourceKind::ALL {
        assert_eq!(split(kind, None, &vec![b' '; MAX_BODY + 1]).map(drop), Err(Malformed::TooLarge));
    }
    assert_eq!(split(SourceKind::Scim, None, b"{}").map(drop), Err(Malformed::NoEvents));
    assert!(matches!(one(SourceKind::Scim, None, b"{}"), Err(Malformed::NoEvents)));
}

/// Every event of the fixtures, with the mapping of its source.
fn fixtures() -> Vec<(SourceKind, Option<Value>, Value)> {
    let mut events = Vec::new();
    let mut add = |kind, mapping: Option<Value>, body: &[u8]| {
        for event in split(kind, mapping.as_ref(), body).unwrap() {
            events.push((kind, mapping.clone(), serde_json::from_slice(&event.payload).unwrap()));
        }
    };
    add(SourceKind::Auth0, None, include_bytes!("../../tests/fixtures/auth0-action.json"));
    add(SourceKind::Auth0, None, include_bytes!("../../tests/fixtures/auth0-stream.json"));
    add(SourceKind::Auth0, None, include_bytes!("../../tests/fixtures/auth0-log.ndjson"));
    add(SourceKind::Cognito, None, include_bytes!("../../tests/fixtures/cognito.json"));
    add(SourceKind::Keycloak, None, include_bytes!("../../tests/fixtures/keycloak.ndjson"));
    add(SourceKind::Okta, None, include_bytes!("../../tests/fixtures/okta.json"));
    let cloud_events = include_bytes!("../../tests/fixtures/generic-cloudevents.json");
    add(SourceKind::Generic, Some(generic::of_cloud_events()), cloud_events);
    let plain = include_bytes!("../../tests/fixtures/generic-plain.json");
    add(SourceKind::Generic, Some(generic::of_plain()), plain);
    events
}

/// The place of every value inside of a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let at = format!("{at}/{name}");
        pointers(value, &at, found);
        found.push(at);
    }
}

#[test]
fn every_change_of_an_event_with_a_strange_value_has_a_user_and_a_time() {
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
    ];
    for (kind, mapping, event) in fixtures() {
        let mut places = Vec::new();
        pointers(&event, "", &mut places);
        assert!(!places.is_empty());
        for place in places {
            for other in &others {
                let mut altered = event.clone();
                *altered.pointer_mut(&place).unwrap() = other.clone();
                let read = one(kind, mapping.as_ref(), altered.to_string().as_bytes());
                let Ok(Read::Changes(changes)) = read else { continue };
                assert!(!changes.is_empty(), "{kind:?} {place}");
                for change in changes {
                    assert!(!change.subject.is_empty() && change.at <= RECEIVED_AT.plus(300_000), "{kind:?} {place}");
                    if let Change::State { row, .. } = change.change {
                        assert_eq!(row.external_id, Some(change.subject), "{kind:?} {place}");
                    }
                }
            }
        }
    }
}
