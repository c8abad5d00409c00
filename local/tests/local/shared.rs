//! Several handles on one directory, as in several processes: each has its own connections, threads and locks.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Attribute, Part};
use umoja_store::contract::sample::{part_write, profile, user, version};
use umoja_store::ports::{Commit, Condition, Keys as _, KeysError, Queue as _, Users as _, Writes};

use crate::support::{SetClock, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost_between_processes() {
    let (clock, dir) = (SetClock::new(), tempfile::tempdir().unwrap());
    let stores = [open(dir.path(), &clock), open(dir.path(), &clock), open(dir.path(), &clock)];
    let put = |record, condition| Writes { parts: vec![part_write(record, condition)], ..Writes::default() };
    let mut first = profile(user(1), version(1));
    first.unknown.insert("count".into(), 0u64.into());
    stores[0].commit(&put(first, Condition::Absent)).await.unwrap();
    let mut tasks = JoinSet::new();
    for store in stores.clone() {
        tasks.spawn(async move {
            let mut done = 0;
            while done < 20 {
                let stored = store.part(user(1), Part::Profile).await.unwrap().unwrap();
                let Some(Attribute::N(count)) = stored.unknown.get("count") else { panic!("no count") };
                let mut next = profile(user(1), version(stored.version.hlc.millis().0 + 1));
                next.unknown.insert("count".into(), (count.parse::<u64>().unwrap() + 1).into());
                if store.commit(&put(next, Condition::VersionIs(stored.version))).await.unwrap() == Commit::Done {
                    done += 1;
                }
            }
        });
    }
    tasks.join_all().await;
    for store in stores {
        let stored = store.part(user(1), Part::Profile).await.unwrap().unwrap();
        assert_eq!(stored.unknown["count"], Attribute::from(60u64));
        assert_eq!(store.newest_change(), Ok(61));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_one_process_are_visible_to_others_at_once() {
    let (clock, dir) = (SetClock::new(), tempfile::tempdir().unwrap());
    let (server, tool) = (open(dir.path(), &clock), open(dir.path(), &clock));
    tool.documents().put_setting("peers", &serde_json::json!(["a"])).await.unwrap();
    assert_eq!(server.documents().setting("peers").await, Ok(Some(serde_json::json!(["a"]))));

    let context = umoja_store::ports::EncryptionContext::new();
    let (key, wrapped) = server.keys().generate(&context).await.unwrap();
    tool.keys().set_enabled(false).unwrap();
    assert_eq!(server.keys().probe().await, Err(KeysError::Disabled));
    tool.keys().set_enabled(true).unwrap();
    let id = tool.keys().rotate().unwrap();
    assert_eq!(server.keys().key_id().unwrap(), id);
    assert_eq!(server.keys().unwrap(&wrapped, &context).await.unwrap().expose(), key.expose());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_received_by_one_process() {
    let (clock, dir) = (SetClock::new(), tempfile::tempdir().unwrap());
    let queues = [open(dir.path(), &clock).queue("keys"), open(dir.path(), &clock).queue("keys")].map(Arc::new);
    for n in 0..40 {
        queues[0].send(&umoja_schema::Key::of_part(user(n), Part::Profile).to_message(), 0).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for queue in &queues {
        let queue = Arc::clone(queue);
        tasks.spawn(async move {
            let mut received = Vec::new();
            loop {
                match queue.receive(3, 60).await.unwrap() {
                    none if none.is_empty() => return received,
                    some => received.extend(some.into_iter().map(|delivery| delivery.text)),
                }
            }
        });
    }
    let mut received = tasks.join_all().await.concat();
    received.sort_unstable();
    received.dedup();
    assert_eq!(received.len(), 40);
    assert_eq!(queues[1].depth().await.unwrap().in_flight, 40);
}
