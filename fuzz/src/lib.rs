//! Properties for any bytes, besides the absence of panics.

pub mod sign_on;

use std::sync::LazyLock;

use serde_json::Value;
use umoja_accounts::incoming::Change;
use umoja_crypto::legacy::{ForeignHash, ImportError, cost, runs_argon2};
use umoja_crypto::password::{EngineChoice, Params, Passwords};
use umoja_ingest::cognito::{PoolList, Trigger, TriggerEvent};
use umoja_ingest::providers::{self, MAX_EVENTS, Read, Reading};
use umoja_migrate::formats::{Format, MAX_RECORD, Mapping, Options, keys, read};
use umoja_schema::{Millis, SourceKind};

/// Keys and a mapping that uses them: every family, every rule.
pub static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let keys = keys::parse(include_bytes!("keys.json")).expect("keys");
    Options { mapping: Some(Mapping::parse(include_bytes!("mapping.json")).expect("a mapping")), keys, ..Options::default() }
});

static PASSWORDS: LazyLock<Passwords> =
    LazyLock::new(|| Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).expect("an engine"));

/// A source of this format: entries are in order and end after an error, and every read entry can be stored.
pub fn source(format: Format, bytes: &[u8]) {
    with_options(format, bytes, &OPTIONS);
}

/// As [`source`], with other options.
pub fn with_options(format: Format, bytes: &[u8], options: &Options) {
    let Ok(entries) = read(format, bytes, options) else { return };
    let (mut line, mut position, mut over) = (0, 0, false);
    for entry in entries {
        assert!(!over, "no entry follows an error");
        let Ok(entry) = entry else {
            over = true;
            continue;
        };
        assert!(entry.line >= line && entry.bytes_read > position);
        (line, position) = (entry.line, entry.bytes_read);
        if let Ok(row) = entry.row {
            assert_eq!(row.line, line);
            let length = row.email.map_or(0, |email| email.len()) + row.external_id.map_or(0, |id| id.len());
            assert!(length <= 2 * MAX_RECORD);
            if let Some(hash) = row.hash {
                stored(&hash);
            }
        }
    }
}

/// The mapping of a source, with every kind of event.
pub static EVENTS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(include_bytes!("events.json")).expect("a mapping"));

/// A body of a source of this kind: each event has an id, and each of its changes a user and a time that is not ahead.
pub fn posted(kind: SourceKind, bytes: &[u8]) {
    posted_by(kind, &EVENTS, bytes);
}

/// As [`posted`], with another mapping.
pub fn posted_by(kind: SourceKind, mapping: &Value, bytes: &[u8]) {
    event(kind, mapping, bytes);
    let Ok(events) = providers::split(kind, Some(mapping), bytes) else { return };
    assert!(events.len() <= MAX_EVENTS);
    for received in events {
        assert!((1..=256).contains(&received.id.chars().count()));
        event(kind, mapping, &received.payload);
    }
}

fn event(kind: SourceKind, mapping: &Value, payload: &[u8]) {
    let received_at = Millis(1_764_421_200_000);
    let reading = Reading { received_at, mapping: Some(mapping) };
    let Ok(Read::Changes(changes)) = providers::read(kind, payload, &reading) else { return };
    assert!((1..=MAX_EVENTS).contains(&changes.len()));
    for change in changes {
        assert!(!change.subject.is_empty() && change.at <= received_at.plus(300_000));
        if let Change::State { row, .. } = change.change {
            assert_eq!(row.external_id, Some(change.subject));
        }
    }
}

/// Any JSON as the event of a trigger of a user pool: nothing of a person is printed.
pub fn trigger(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let Ok(event) = TriggerEvent::parse(&value) else { return };
    assert!(!event.pool.is_empty() && value["userPoolId"] == event.pool);
    assert!(format!("{event:?}").len() < 200 + event.pool.len() * 6, "the debug text has values");
    let (Trigger::SignUp { attributes, .. } | Trigger::Confirmed(attributes) | Trigger::Token { attributes, .. }) =
        &event.trigger
    else {
        return;
    };
    if let Ok(subject) = attributes.subject() {
        drop(attributes.row(subject));
    }
}

/// Any bytes as the list of a user pool: what is read are the users of the list.
pub fn pool_list(bytes: &[u8]) {
    let Ok(list) = PoolList::read(bytes) else { return };
    // What is skipped may have depths and numbers that a value has not.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    assert_eq!(value["Users"].as_array().map(Vec::len), Some(list.listed()));
}

/// Any JSON as the body of every operation of the API: only an object is accepted.
pub fn body(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let taken = umoja_api::parses(&value);
    assert!(taken.is_empty() || value.is_object(), "{taken:?} accept a body that is not an object");
}

/// The result of a constructor can be stored, and the stored string can be read and its cost estimated.
pub fn hash(hash: Result<ForeignHash, ImportError>) {
    if let Ok(hash) = hash {
        stored(&hash);
    }
}

fn stored(hash: &ForeignHash) {
    let stored = hash.to_stored(&PASSWORDS, [7; 16]);
    assert!(cost(&stored).is_ok(), "a stored hash is readable");
    assert!(!hash.is_raw_fast() || runs_argon2(&stored), "a fast hash is inside an argon2id");
}
