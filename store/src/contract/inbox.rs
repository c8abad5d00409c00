//! Cases of [`Inbox`](crate::ports::Inbox). Times are whole seconds, because an adapter may round an expiry up to the
//! next second.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use umoja_schema::Millis;

use super::Tables;
use crate::ports::{Etag, InboxDocument};

const KEY: [u8; 32] = [0xa1; 32];
/// In the year 2100: an emulator deletes what has expired by its own clock, between two steps of a case.
const NOW: Millis = Millis(4_102_444_800_000);

fn later(secs: u64) -> Millis {
    NOW.plus(secs * 1000)
}

fn document(n: u64) -> Map<String, Value> {
    let document = json!({ "n": n, "text": "é\u{1F600}", "of": ["a", { "b": null }], "": false });
    document.as_object().unwrap().clone()
}

async fn put(t: &Tables, key: &[u8; 32], n: u64, expires_at: Millis) {
    assert_eq!(t.inbox.replace_inbox_document(key, None, &document(n), NOW, expires_at).await, Ok(true));
}

async fn read(t: &Tables, now: Millis) -> InboxDocument {
    t.inbox.inbox_document(&KEY, now).await.unwrap().unwrap()
}

/// The documents of all pages of this size.
async fn all(t: &Tables, limit: usize, now: Millis) -> BTreeMap<[u8; 32], InboxDocument> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = t.inbox.scan_inbox(after, limit, now).await.unwrap();
        assert!(page.documents.len() <= limit);
        assert_eq!(page.strays, 0);
        for (key, document) in page.documents {
            assert_eq!(all.insert(key, document), None, "returned twice");
        }
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub async fn a_document_that_was_never_stored_is_absent(t: Tables) {
    assert_eq!(t.inbox.inbox_document(&KEY, NOW).await, Ok(None));
    put(&t, &[1; 32], 1, later(60)).await;
    assert_eq!(t.inbox.inbox_document(&KEY, NOW).await, Ok(None));
}

pub async fn a_stored_document_is_read_as_it_was_with_its_expiry(t: Tables) {
    put(&t, &KEY, 1, later(60)).await;
    let stored = read(&t, NOW).await;
    assert_eq!((stored.members.clone(), stored.expires_at), (Some(document(1)), later(60)));
    assert_eq!(read(&t, later(59)).await, stored, "the tag changes only with the document");
}

pub async fn a_document_of_200_kilobytes_is_stored_completely(t: Tables) {
    let large = Map::from_iter([("payload".to_owned(), Value::from("x".repeat(200 * 1024)))]);
    assert_eq!(t.inbox.replace_inbox_document(&KEY, None, &large, NOW, later(60)).await, Ok(true));
    let stored = read(&t, NOW).await;
    assert_eq!(stored.members.as_ref(), Some(&large));
    assert_eq!(t.inbox.replace_inbox_document(&KEY, Some(&stored.etag), &document(1), NOW, later(60)).await, Ok(true));
}

pub async fn a_document_is_replaced_only_over_the_one_that_was_read(t: Tables) {
    let other = Etag(b"S{}".to_vec());
    assert_eq!(
        t.inbox.replace_inbox_document(&KEY, Some(&other), &document(1), NOW, later(60)).await,
        Ok(false),
        "none is stored"
    );
    put(&t, &KEY, 1, later(60)).await;
    let first = read(&t, NOW).await;
    for stored in [None, Some(&other)] {
        assert_eq!(t.inbox.replace_inbox_document(&KEY, stored, &document(2), NOW, later(60)).await, Ok(false));
    }
    assert_eq!(read(&t, NOW).await, first);
    assert_eq!(t.inbox.replace_inbox_document(&KEY, Some(&first.etag), &document(2), NOW, later(90)).await, Ok(true));
    assert_eq!(t.inbox.replace_inbox_document(&KEY, Some(&first.etag), &document(3), NOW, later(90)).await, Ok(false));
    let second = read(&t, NOW).await;
    assert_eq!((second.members, second.expires_at), (Some(document(2)), later(90)));
    assert_ne!(second.etag, first.etag);
}

pub async fn a_document_counts_as_absent_once_it_has_expired(t: Tables) {
    put(&t, &KEY, 1, later(60)).await;
    let first = read(&t, later(59)).await;
    assert_eq!(t.inbox.inbox_document(&KEY, later(60)).await, Ok(None));
    assert_eq!(all(&t, 10, later(60)).await, BTreeMap::new());
    let replaced = t.inbox.replace_inbox_document(&KEY, Some(&first.etag), &document(2), later(60), later(90)).await;
    assert_eq!(replaced, Ok(false), "it has expired");
    assert_eq!(
        t.inbox.replace_inbox_document(&KEY, None, &document(2), later(59), later(90)).await,
        Ok(false),
        "it has not expired"
    );
    assert_eq!(t.inbox.replace_inbox_document(&KEY, None, &document(2), later(60), later(90)).await, Ok(true));
    assert_eq!(read(&t, later(89)).await.members, Some(document(2)), "the new expiry counts");
}

pub async fn one_of_fifty_concurrent_writers_over_one_document_succeeds(t: Tables) {
    for round in 0..3 {
        let stored = t.inbox.inbox_document(&KEY, NOW).await.unwrap().map(|stored| stored.etag);
        assert_eq!(stored.is_some(), round > 0);
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            let (inbox, stored) = (Arc::clone(&t.inbox), stored.clone());
            tasks.spawn(async move {
                let document = document(round * 100 + n);
                let done =
                    inbox.replace_inbox_document(&KEY, stored.as_ref(), &document, NOW, later(60)).await.unwrap();
                done.then_some(document)
            });
        }
        let done: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(done.len(), 1);
        assert_eq!(read(&t, NOW).await.members.as_ref(), Some(&done[0]));
    }
}

pub async fn a_page_of_an_empty_inbox_is_the_last(t: Tables) {
    let page = t.inbox.scan_inbox(None, 10, NOW).await.unwrap();
    assert_eq!((page.documents, page.strays, page.next), (vec![], 0, None));
}

pub async fn pages_return_every_live_document_once_with_any_page_size(t: Tables) {
    for n in 0..17 {
        put(&t, &[n; 32], n.into(), later(60 + u64::from(n % 2) * 60)).await;
    }
    for limit in [1, 5, 17, 100] {
        for (now, live) in [(NOW, 17), (later(60), 8)] {
            let all = all(&t, limit, now).await;
            assert_eq!(all.len(), live, "{limit}");
            for (key, document) in all {
                assert_eq!(t.inbox.inbox_document(&key, now).await, Ok(Some(document)));
            }
        }
    }
}

pub async fn documents_that_wait_are_found_among_all_others(t: Tables) {
    let of =
        |state: &str| json!({ "state": state, "of": { "x": "\"state\":\"waiting\"" } }).as_object().unwrap().clone();
    for n in 0..12_u8 {
        let (key, state) = ([n; 32], ["waiting", "done", "parked"][usize::from(n % 3)]);
        let expires_at = if n == 9 { NOW } else { later(60) };
        assert_eq!(t.inbox.replace_inbox_document(&key, None, &of(state), NOW, expires_at).await, Ok(true));
    }
    let waiting = async |limit: usize| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = t.inbox.scan_waiting(after, limit, NOW).await.unwrap();
            assert!(page.documents.len() <= limit);
            found.extend(page.documents.into_iter().map(|(key, document)| (key[0], document.members)));
            after = page.next;
            if after.is_none() {
                found.sort_by_key(|(key, _)| *key);
                return found;
            }
        }
    };
    for limit in [1, 2, 100] {
        let expected = [0, 3, 6].map(|n| (n, Some(of("waiting"))));
        assert_eq!(waiting(limit).await, expected, "{limit}");
    }
    let stored = t.inbox.inbox_document(&[3; 32], NOW).await.unwrap().unwrap();
    assert_eq!(
        t.inbox.replace_inbox_document(&[3; 32], Some(&stored.etag), &of("done"), NOW, later(60)).await,
        Ok(true)
    );
    assert_eq!(waiting(2).await.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 6]);
}

pub async fn documents_and_outcomes_of_one_hash_are_separate(t: Tables) {
    let outcome = crate::ports::Outcome { request: "r".into(), ..Default::default() };
    t.requests.begin(&KEY, outcome, NOW, later(60)).await.unwrap();
    assert_eq!(t.requests.first_use(&KEY, NOW, later(60)).await, Ok(true));
    assert_eq!(t.inbox.inbox_document(&KEY, NOW).await, Ok(None));
    put(&t, &KEY, 1, later(60)).await;
}
