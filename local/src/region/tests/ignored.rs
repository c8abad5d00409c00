//! A database that ignores writes without an error, as triggers can make it.

use umoja_schema::names::table;
use umoja_store::ports::{KeyAdded, LinkedAccountWrite};

use super::*;

async fn sql(store: &RegionStore, statement: String) {
    store.0.main.write("test", move |tx| Ok(tx.execute_batch(&statement)?)).await.unwrap();
}

async fn ignore(store: &RegionStore, table: &str) {
    for event in ["INSERT", "UPDATE", "DELETE"] {
        let trigger =
            format!("CREATE TRIGGER ignores_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(IGNORE); END");
        sql(store, trigger).await;
    }
}

/// The number of rows in every table.
fn count(store: &RegionStore) -> Vec<i64> {
    let tables = ["users", "identifiers", "linked_accounts", "logs", "items", "changes", "settings", "messages"];
    let count = |connection: &rusqlite::Connection, table| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    let counts = store.0.main.read("test", |connection| {
        Ok(tables.iter().map(|table| count(connection, table)).collect::<Result<Vec<i64>, _>>()?)
    });
    counts.unwrap()
}

#[tokio::test]
async fn a_transaction_of_which_one_write_is_ignored_is_an_error_and_writes_nothing() {
    for table in ["users", "identifiers", "linked_accounts", "logs", "changes"] {
        let (store, _) = in_memory();
        put(&store, 1, 1).await;
        ignore(&store, table).await;
        let before = count(&store);
        let writes = |ms| Writes {
            parts: vec![part_write(profile(user(1), version(ms)), Condition::Older)],
            ownerships: vec![identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))],
            linked_accounts: vec![LinkedAccountWrite { primary: user(2), linked: user(1), present: true }],
            rows: vec![(Log::Journal, row(user(1), "a"))],
            new_rows: vec![(Log::Audit, row(user(1), "b"))],
            ..Writes::default()
        };
        for ms in 2..5 {
            assert!(matches!(store.commit(&writes(ms)).await, Err(StoreError::Rejected(_))), "{table}");
        }
        assert_eq!(count(&store), before, "{table}");
    }
}

#[tokio::test]
async fn an_ignored_deletion_is_an_error() {
    for table in ["identifiers", "linked_accounts"] {
        let (store, _) = in_memory();
        let (item, pointer) = (
            owned(1, [(user(1), ownership(1))]),
            LinkedAccountWrite { primary: user(2), linked: user(1), present: true },
        );
        put_identifiers(&store, [identifier_write(unowned(1), item.clone())]).await;
        store.commit(&Writes { linked_accounts: vec![pointer], ..Writes::default() }).await.unwrap();
        ignore(&store, table).await;
        let writes = Writes {
            ownerships: vec![identifier_write(item, unowned(1))],
            linked_accounts: vec![LinkedAccountWrite { present: false, ..pointer }],
            ..Writes::default()
        };
        assert!(matches!(store.commit(&writes).await, Err(StoreError::Rejected(_))), "{table}");
    }
}

#[tokio::test]
async fn an_ignored_key_row_setting_or_message_is_an_error() {
    let (store, _) = in_memory();
    put(&store, 1, 1).await;
    for table in [table::USERS, "logs", table::SETTINGS, "messages"] {
        sql(&store, "DROP TRIGGER IF EXISTS ignores_INSERT; DROP TRIGGER IF EXISTS ignores_UPDATE; DROP TRIGGER IF EXISTS ignores_DELETE".into()).await;
        ignore(&store, table).await;
        let region = "af-south-1".parse().unwrap();
        let added = store.add_wrapped_key(user(1), Part::Profile, &version(1), &region, None, &[1]).await;
        assert_eq!(added == Ok(KeyAdded::Added), table != table::USERS, "{table}: {added:?}");
        if added.is_ok() {
            store.remove_wrapped_key(user(1), Part::Profile, &version(1), &region).await.unwrap();
        }
        let appended = store.append(Log::Journal, &row(user(1), table)).await;
        assert_eq!(appended.is_ok(), table != "logs", "{table}");
        let put = store.documents().put_setting("a", &serde_json::json!(1)).await;
        assert_eq!(put.is_ok(), table != table::SETTINGS, "{table}");
        let message = umoja_schema::Key::of_part(user(1), Part::Profile).to_message();
        let sent = umoja_store::ports::Queue::send(&store.queue("keys"), &message, 0).await;
        assert_eq!(sent.is_ok(), table != "messages", "{table}");
    }
}
