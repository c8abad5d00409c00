use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinSet;
use umoja_schema::{Marked, Standing};

use super::*;
use crate::faulty::{Fault, Faults, Faulty};
use crate::ports::InboxPage;

const KEY: [u8; 32] = [7; 32];
const NOW: Millis = Millis(1_000_000);

/// The text of each document with its expiry. A text that is no JSON object is damaged.
#[derive(Default)]
struct Table(Mutex<BTreeMap<[u8; 32], (String, Millis)>>);

impl Table {
    fn put(&self, key: [u8; 32], document: &str) {
        self.0.lock().unwrap().insert(key, (document.to_owned(), NOW.plus(Millis::DAY_MS)));
    }

    fn live(&self, key: &[u8; 32], now: Millis) -> Option<InboxDocument> {
        let (text, expires_at) = self.0.lock().unwrap().get(key).cloned()?;
        let (members, etag) = (serde_json::from_str(&text).ok(), Etag(text.into_bytes()));
        (expires_at > now).then_some(InboxDocument { members, expires_at, etag })
    }
}

#[async_trait]
impl Inbox for Table {
    async fn inbox_document(&self, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError> {
        Ok(self.live(key, now))
    }

    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        if self.live(key, now).map(|stored| stored.etag).as_ref() != stored {
            return Ok(false);
        }
        let text = serde_json::to_string(document).unwrap();
        self.0.lock().unwrap().insert(*key, (text, expires_at));
        Ok(true)
    }

    async fn scan_inbox(&self, _: Option<String>, _: usize, now: Millis) -> Result<InboxPage, StoreError> {
        let keys: Vec<_> = self.0.lock().unwrap().keys().copied().collect();
        let documents = keys.iter().filter_map(|key| Some((*key, self.live(key, now)?))).collect();
        Ok(InboxPage { documents, strays: 2, next: Some("next".into()) })
    }

    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        // An adapter may return more than what waits.
        self.scan_inbox(after, limit, now).await
    }
}

fn deleted(at: u64) -> Mark {
    Mark { at: Millis(at), standing: Standing::Deleted }
}

fn sample(content: &str) -> InboxEvent {
    InboxEvent {
        source: "shop-auth0".parse().unwrap(),
        received_at: NOW,
        content: content.into(),
        state: InboxState::Waiting,
        reason: None,
        detail: None,
        left_out: Vec::new(),
        key_version: 1,
        payload: "sealed".into(),
        unknown: Map::from_iter([("novelty".to_owned(), json!({ "of": "a newer version" }))]),
    }
}

async fn accept_one(table: &dyn Inbox, event: &InboxEvent) -> Result<Accepted, StoreError> {
    accept(table, &KEY, event, NOW, expiry(event.state, NOW)).await
}

#[tokio::test]
async fn the_first_event_under_a_key_is_kept_and_returned_to_others() {
    let table = Table::default();
    assert_eq!(event(&table, &KEY, NOW).await, Ok(None));
    assert_eq!(accept_one(&table, &sample("a")).await, Ok(Accepted::New));
    let stored = event(&table, &KEY, NOW).await.unwrap().unwrap();
    assert_eq!((&stored.event, stored.expires_at), (&sample("a"), NOW.plus(365 * Millis::DAY_MS)));
    for content in ["a", "b"] {
        assert_eq!(accept_one(&table, &sample(content)).await, Ok(Accepted::Known(stored.clone())));
    }
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_known_when_it_comes_again() {
    let (table, faults) = (Arc::new(Table::default()), Arc::new(Faults::default()));
    let table: Faulty<dyn Inbox> = Faulty::new(table, Arc::clone(&faults));
    faults.then([Fault::AnswerLost]);
    assert!(accept_one(&table, &sample("a")).await.unwrap_err().is_transient());
    assert!(
        matches!(accept_one(&table, &sample("a")).await, Ok(Accepted::Known(stored)) if stored.event == sample("a"))
    );
}

#[tokio::test]
async fn an_event_is_replaced_only_as_it_was_read() {
    let table = Table::default();
    accept_one(&table, &sample("a")).await.unwrap();
    let read = event(&table, &KEY, NOW).await.unwrap().unwrap();
    let done = InboxEvent { state: InboxState::Done, ..read.event.clone() };
    let until = expiry(done.state, NOW);
    assert_eq!(replace_event(&table, &read, &done, NOW, until).await, Ok(true));
    assert_eq!(replace_event(&table, &read, &sample("b"), NOW, until).await, Ok(false));
    let stored = event(&table, &KEY, Millis(until.0 - 1)).await.unwrap().unwrap();
    assert_eq!((stored.event, stored.expires_at), (done, NOW.plus(7 * Millis::DAY_MS)));
    assert_eq!(event(&table, &KEY, until).await, Ok(None));
    for state in [InboxState::Parked, InboxState::Ignored] {
        assert_eq!(expiry(state, NOW), NOW.plus(30 * Millis::DAY_MS));
    }
}

#[tokio::test]
async fn a_damaged_document_is_no_event_and_is_replaced() {
    let table = Table::default();
    table.put(KEY, "damaged");
    assert!(matches!(event(&table, &KEY, NOW).await, Err(StoreError::Unreadable(_))));
    assert!(matches!(marked(&table, &KEY, NOW).await, Err(StoreError::Unreadable(_))));
    assert_eq!(accept_one(&table, &sample("a")).await, Ok(Accepted::New));
    assert_eq!(event(&table, &KEY, NOW).await.unwrap().unwrap().event, sample("a"));
    table.put(KEY, "damaged");
    assert_eq!(raise_mark(&table, &KEY, deleted(5), NOW).await, Ok(Marked::new(deleted(5))));
}

#[tokio::test]
async fn a_document_of_a_form_that_this_version_does_not_know_is_kept() {
    let table = Table::default();
    let novel = r#"{"state":"novel"}"#;
    table.put(KEY, novel);
    assert!(matches!(accept_one(&table, &sample("a")).await, Err(StoreError::Unreadable(_))));
    assert!(matches!(raise_mark(&table, &KEY, deleted(5), NOW).await, Err(StoreError::Unreadable(_))));
    assert_eq!(table.live(&KEY, NOW).unwrap().etag, Etag(novel.into()));
}

#[tokio::test]
async fn a_mark_keeps_the_latest_deletion_and_lasts_from_the_last_one() {
    let table = Table::default();
    assert_eq!(marked(&table, &KEY, NOW).await, Ok(None));
    let later = NOW.plus(Millis::DAY_MS);
    for (at, now, kept) in [(50, NOW, 50), (40, later, 50), (60, later, 60)] {
        assert_eq!(raise_mark(&table, &KEY, deleted(at), now).await, Ok(Marked::new(deleted(kept))));
        assert_eq!(marked(&table, &KEY, now).await, Ok(Some(Marked::new(deleted(kept)))));
    }
    let until = later.plus(90 * Millis::DAY_MS);
    assert!(marked(&table, &KEY, Millis(until.0 - 1)).await.unwrap().is_some());
    assert_eq!(marked(&table, &KEY, until).await, Ok(None));
}

#[tokio::test]
async fn concurrent_deletions_leave_the_latest() {
    let faults = Arc::new(Faults::default());
    faults.set_pausing(true);
    let table: Arc<Faulty<dyn Inbox>> = Arc::new(Faulty::new(Arc::new(Table::default()), Arc::clone(&faults)));
    let mut tasks = JoinSet::new();
    for at in [3, 9, 1, 7, 5, 8, 2] {
        let table = Arc::clone(&table);
        tasks.spawn(async move { raise_mark(&*table, &KEY, deleted(at), NOW).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(marked(&*table, &KEY, NOW).await, Ok(Some(Marked::new(deleted(9)))));
    assert!(faults.calls()["replace_inbox_document"] > 7, "no task was overtaken");
}

#[tokio::test]
async fn a_page_has_events_without_marks_and_counts_what_is_neither() {
    let table = Table::default();
    accept_one(&table, &sample("a")).await.unwrap();
    raise_mark(&table, &[1; 32], deleted(5), NOW).await.unwrap();
    for (n, document) in [(2, "damaged"), (3, "{}"), (4, r#"{"state":"novel"}"#)] {
        table.put([n; 32], document);
    }
    let page = page(&table, None, 10, NOW).await.unwrap();
    let events: Vec<_> = page.events.into_iter().map(|stored| (stored.key, stored.event)).collect();
    assert_eq!((events, page.unreadable, page.next), (vec![(KEY, sample("a"))], 5, Some("next".to_owned())));
}

#[test]
fn a_message_names_the_key_of_its_event() {
    let Message::Ingest { key } = message(&KEY) else { panic!("another message") };
    assert_eq!(key_of(&key), Some(KEY));
    for wrong in ["", "AAAA", &format!("{key}A"), &format!("{key}="), "!"] {
        assert_eq!(key_of(wrong), None, "{wrong}");
    }
}
