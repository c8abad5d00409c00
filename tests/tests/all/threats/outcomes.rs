//! An attacker writes the tables `idempotency`, `inbox` and `checkpoints`, or the setting of a source, without the
//! deployment's secrets.

use serde_json::{Map, Value, json};
use umoja_schema::names::metric;
use umoja_schema::{InboxEvent, InboxState, UserId};
use umoja_store::inbox::{Accepted, accept, page};
use umoja_store::ports::{Begun, Checkpoints as _, Clock as _, Inbox as _, Outcome, Requests as _, StoreError};
use umoja_tests::deployment::Deployment;
use umoja_tests::recorder::Recorded;
use umoja_tests::world::{World, run};

fn key(d: &Deployment, idk: &str) -> [u8; 32] {
    d.world.regions[0].secrets().request_hash(&["idk", "shop", idk])
}

/// A row as it is stored.
async fn row(d: &Deployment, idk: &str) -> Outcome {
    let now = d.world.clock.now();
    let begun = d.world.regions[0].store.begin(&key(d, idk), Outcome::default(), now, now.plus(1)).await.unwrap();
    let Begun::Earlier(row) = begun else { panic!("no row") };
    row
}

async fn overwrite(d: &Deployment, idk: &str, row: &Outcome) {
    let until = d.world.clock.now().plus(60_000);
    d.world.regions[0].store.finish(&key(d, idk), row, until).await.unwrap();
}

#[test]
fn a_changed_outcome_answers_no_repeat_and_nothing_is_done_again() {
    let recorded = Recorded::start();
    run(async {
        let d = Deployment::new(1500).await;
        let bob = d.register(0, "bob@example.com", "battery staple").await.id();
        let body = json!({ "username": "ada", "profile": { "nickname": "A" } });
        let ada = d.call_idk(0, "register", "k", body.clone()).await.ok(201).id();
        d.call_idk(0, "register", "other", json!({ "username": "eve" })).await.ok(201);
        let (genuine, moved) = (row(&d, "k").await, row(&d, "other").await);
        let new_member = [("novelty".to_owned(), json!(1)), ("proof".to_owned(), genuine.unknown["proof"].clone())];
        let changes = [
            Outcome { id: Some(bob.parse::<UserId>().unwrap()), ..genuine.clone() },
            Outcome { status: Some(200), ..genuine.clone() },
            Outcome { status: None, id: None, version: None, ..genuine.clone() },
            Outcome { version: moved.version.clone(), ..genuine.clone() },
            Outcome { mark: moved.mark.clone(), ..genuine.clone() },
            Outcome { unknown: new_member.into_iter().collect(), ..genuine.clone() },
            Outcome { unknown: serde_json::Map::new(), ..genuine.clone() },
            Outcome { request: genuine.request.clone(), ..moved },
        ];
        for changed in changes {
            overwrite(&d, "k", &changed).await;
            let parts = d.world.regions[0].tables.users.scan(None, 100).await.unwrap().records;
            d.call_idk(0, "register", "k", body.clone()).await.rejected(503, "unreadable");
            assert_eq!(recorded.take(metric::UNVERIFIED_OUTCOMES), 1);
            assert_eq!(d.world.regions[0].tables.users.scan(None, 100).await.unwrap().records, parts);
        }
        // Another region has no such row, and finds the user that was registered.
        d.world.settle().await;
        assert_eq!(d.call_idk(1, "register", "k", body.clone()).await.ok(201).id(), ada);
        overwrite(&d, "k", &genuine).await;
        assert_eq!(d.call_idk(0, "register", "k", body).await.ok(201).id(), ada);
        assert_eq!(recorded.take(metric::UNVERIFIED_OUTCOMES), 0);
    });
}

#[test]
fn a_changed_outcome_does_not_repeat_a_change_of_a_password() {
    run(async {
        let d = Deployment::new(1501).await;
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let change = |current: &str, new: &str| json!({ "id": id, "current_password": current, "new_password": new });
        let first = change("correct horse", "battery staple");
        d.call_idk(0, "password/change", "k", first.clone()).await.ok(200);
        // The user goes back to the first password, so the first request would succeed a second time.
        d.call(0, "password/change", change("battery staple", "correct horse")).await.ok(200);
        let begun = Outcome { status: None, id: None, version: None, mark: None, ..row(&d, "k").await };
        overwrite(&d, "k", &begun).await;
        d.call_idk(0, "password/change", "k", first).await.rejected(503, "unreadable");
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
    });
}

#[test]
fn a_forged_event_is_damaged_and_gives_way_to_a_genuine_one() {
    run(async {
        let world = World::new(1503, 2).await;
        let (store, inbox, now) = (&world.regions[0].store, &*world.regions[0].tables.inbox, world.clock.now());
        let until = now.plus(60_000);
        let event = |payload: &str| InboxEvent {
            source: "shop-auth0".parse().unwrap(),
            received_at: now,
            content: "a keyed hash".into(),
            state: InboxState::Waiting,
            reason: None,
            detail: None,
            left_out: Vec::new(),
            key_version: 1,
            payload: payload.into(),
            unknown: Map::new(),
        };
        for key in [[1; 32], [2; 32]] {
            assert_eq!(accept(inbox, &key, &event("genuine"), now, until).await, Ok(Accepted::New));
        }
        let stored = async |key: &[u8; 32]| store.inbox_document(key, now).await.unwrap().unwrap();
        let genuine = stored(&[1; 32]).await.members.unwrap();
        let changed = |name: &str, value: Value| {
            let mut document = genuine.clone();
            document.insert(name.to_owned(), value);
            document
        };
        let mut unproved = genuine.clone();
        unproved.remove("proof");
        let forged = [
            changed("payload", json!("forged")),
            changed("source", json!("other")),
            changed("state", json!("done")),
            changed("novelty", json!(1)),
            unproved,
            stored(&[2; 32]).await.members.unwrap(),
        ];
        for (n, document) in forged.into_iter().enumerate() {
            let key = if n == 5 { [3; 32] } else { [1; 32] };
            let etag = store.inbox_document(&key, now).await.unwrap().map(|stored| stored.etag);
            assert_eq!(store.replace_inbox_document(&key, etag.as_ref(), &document, now, until).await, Ok(true), "{n}");
            let read = umoja_store::inbox::event(inbox, &key, now).await;
            assert!(matches!(read, Err(StoreError::Unreadable(_))), "{n}");
            let page = page(inbox, None, 100, now).await.unwrap();
            assert_eq!(page.unreadable, 1, "{n}");
            assert_eq!(accept(inbox, &key, &event("posted again"), now, until).await, Ok(Accepted::New), "{n}");
            let read = umoja_store::inbox::event(inbox, &key, now).await.unwrap().unwrap();
            assert_eq!(read.event, event("posted again"), "{n}");
        }
        let read = umoja_store::inbox::event(inbox, &[2; 32], now).await.unwrap().unwrap();
        assert_eq!(read.event, event("genuine"));
    });
}

#[test]
fn a_source_that_something_else_wrote_is_left_out_and_hides_no_others() {
    run(async {
        let world = World::new(1504, 2).await;
        let (documents, registry) = (world.regions[0].store.documents(), &world.regions[0].home.registry);
        registry.put_setting("source/b", &json!({ "n": 1 })).await.unwrap();
        let genuine = documents.setting("source/b").await.unwrap().unwrap();
        documents.put_setting("source/a", &genuine).await.unwrap();
        documents.put_setting("source/c", &json!({ "n": 1 })).await.unwrap();
        assert_eq!(registry.settings("source/").await, Ok(vec![("source/b".into(), json!({ "n": 1 }))]));
        let rows = registry.setting_rows("source/").await.unwrap();
        let held: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.is_some())).collect();
        assert_eq!(held, [("source/a", false), ("source/b", true), ("source/c", false)]);
        for row in [&rows[0], &rows[2]] {
            assert_eq!(registry.remove_setting(row).await, Ok(true));
        }
        assert_eq!(documents.settings("").await.unwrap().iter().filter(|(name, _)| name.contains('/')).count(), 1);
    });
}

#[test]
fn a_forged_checkpoint_counts_as_lost() {
    run(async {
        let world = World::new(1502, 2).await;
        let (store, proved) = (&world.regions[0].store, &world.regions[0].tables.checkpoints);
        proved.put_checkpoint("job/one", b"place").await.unwrap();
        let genuine = store.checkpoint("job/one").await.unwrap().unwrap();
        let (mut longer, mut flipped) = (genuine.clone(), genuine.clone());
        longer.push(0);
        flipped[0] ^= 1;
        let forged = [
            ("job/one", longer),
            ("job/one", flipped),
            ("job/one", b"place".to_vec()),
            ("job/one", Vec::new()),
            ("job/two", genuine.clone()),
        ];
        for (name, state) in forged {
            store.put_checkpoint(name, &state).await.unwrap();
            assert_eq!(proved.checkpoint(name).await, Ok(None), "{name}");
        }
        store.put_checkpoint("job/one", &genuine).await.unwrap();
        assert_eq!(proved.checkpoint("job/one").await, Ok(Some(b"place".to_vec())));
    });
}
