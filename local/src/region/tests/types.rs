//! Values of other types than their columns have: each is one unreadable item, and neither hides nor stops another.

use umoja_schema::UserId;
use umoja_store::apply::{Applied, apply_newest, apply_replicated};
use umoja_store::ports::{
    Attempts as _, Begun, Checkpoints as _, IdentifierPage, Limit, LinkedAccountPage, LinkedAccountWrite, Page,
    RowPage, Strays,
};

use super::*;

/// Five users, each with a part, an identifier, a row and a pointer.
async fn five() -> (RegionStore, Arc<SetClock>) {
    let (store, clock) = in_memory();
    for n in 1..=5 {
        put(&store, n, 1).await;
        let after = owned(n, [(user(n), ownership(1))]);
        assert_eq!(put_identifiers(&store, [identifier_write(unowned(n), after)]).await, Commit::Done);
        store.append(Log::Journal, &row(user(n), "key")).await.unwrap();
        let pointer = LinkedAccountWrite { primary: user(n), linked: user(n + 10), present: true };
        let writes = Writes { linked_accounts: vec![pointer], ..Writes::default() };
        assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
    }
    (store, clock)
}

async fn sql(store: &RegionStore, statement: &str) {
    let statement = statement.to_owned();
    store.0.main.write("test", move |tx| Ok(tx.execute_batch(&statement)?)).await.unwrap();
}

/// A literal of a key.
fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{}'", digits.concat())
}

/// What a scan finds in pages: the users of readable items, and the number of others.
async fn scanned(store: &RegionStore, table: &str, limit: usize) -> (Vec<UserId>, usize) {
    let (mut found, mut others, mut after) = (Vec::new(), 0, None);
    loop {
        let next = match table {
            "users" => {
                let Page { records, unreadable, next } = store.scan(after, limit).await.unwrap();
                found.extend(records.iter().map(|record| record.id));
                others += unreadable.len();
                next
            }
            "logs" => {
                let RowPage { rows, unreadable, next } = store.scan_rows(Log::Journal, after, limit).await.unwrap();
                found.extend(rows.iter().map(|row| row.user));
                others += unreadable.len();
                next
            }
            "identifiers" => {
                let page = store.scan_identifiers(after, limit).await.unwrap();
                let IdentifierPage { items, unreadable, strays, next } = page;
                found.extend(items.iter().flat_map(|item| item.owners.keys().copied()));
                others += unreadable.len() + strays.len();
                next
            }
            _ => {
                let page = store.scan_linked_accounts(after, limit).await.unwrap();
                let LinkedAccountPage { pointers, strays, next } = page;
                found.extend(pointers.iter().map(|(primary, _)| *primary));
                others += strays.len();
                next
            }
        };
        after = next;
        if after.is_none() {
            found.sort_unstable();
            return (found, others);
        }
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_one_unreadable_item_of_a_scan() {
    let id = hex(user(3).as_bytes());
    let index = hex(index(3).as_bytes());
    let pointer = format!("'{}'", user(3));
    let columns = [
        ("users", "item", "id", &id),
        ("users", "version", "id", &id),
        ("users", "part", "id", &id),
        ("users", "id", "id", &id),
        ("logs", "item", "id", &id),
        ("logs", "key", "id", &id),
        ("logs", "id", "id", &id),
        ("identifiers", "item", "blind_index", &index),
        ("identifiers", "blind_index", "blind_index", &index),
        ("linked_accounts", "id", "id", &pointer),
        ("linked_accounts", "linked", "id", &pointer),
    ];
    for (table, column, key, value) in columns {
        for wrong in ["'x'", "''", "x''", "x'ff00'", "7", "-1.5", "CAST(x'ff' AS TEXT)"] {
            let (store, _) = five().await;
            sql(&store, &format!("UPDATE {table} SET {column} = {wrong} WHERE {key} = {value}")).await;
            for limit in [1, 2, 3, 10] {
                let expected = ([1, 2, 4, 5].map(user).to_vec(), 1);
                assert_eq!(scanned(&store, table, limit).await, expected, "{table}.{column} = {wrong}, {limit}");
            }
        }
    }
}

#[tokio::test]
async fn a_part_of_another_type_is_replaced_by_the_newest_copy_only() {
    for column in ["item", "version"] {
        for wrong in ["'x'", "x'ff'", "7", "'~'", "''"] {
            let (store, _) = five().await;
            sql(&store, &format!("UPDATE users SET {column} = {wrong} WHERE id = {}", hex(user(3).as_bytes()))).await;
            assert!(matches!(store.part(user(3), Part::Profile).await, Err(StoreError::Unreadable(_))));
            assert!(matches!(store.parts(user(3)).await, Err(StoreError::Unreadable(_))));
            let copy = profile(user(3), version(1));
            let late = apply_replicated(&store, &copy, store.region()).await;
            assert!(matches!(late, Err(StoreError::Unreadable(_))), "{column} = {wrong}: {late:?}");
            let applied = apply_newest(&store, &copy, store.region()).await;
            assert_eq!(applied, Ok(Applied::Written), "{column} = {wrong}");
            assert_eq!(store.part(user(3), Part::Profile).await, Ok(Some(copy)));
        }
    }
}

#[tokio::test]
async fn a_row_beside_a_user_hides_neither_the_parts_nor_the_other_rows() {
    let (store, _) = five().await;
    let id = hex(user(3).as_bytes());
    sql(
        &store,
        &format!("INSERT INTO users (id, part, version, item) VALUES ({id}, 'another', 1, 'x'), ({id}, x'00', 1, 2)"),
    )
    .await;
    assert_eq!(store.parts(user(3)).await.unwrap().profile, Some(profile(user(3), version(1))));
    store.append(Log::Journal, &row(user(3), "other")).await.unwrap();
    sql(&store, &format!("UPDATE logs SET item = 'x' WHERE id = {id} AND key = 'key'")).await;
    assert_eq!(store.rows(Log::Journal, user(3)).await, Ok(vec![row(user(3), "other")]));
    assert!(matches!(store.row(Log::Journal, user(3), "key").await, Err(StoreError::Unreadable(_))));
}

#[tokio::test]
async fn strays_of_derived_tables_are_dropped() {
    let (store, _) = five().await;
    for key in ["'x'", "''", "x'ff'"] {
        sql(
            &store,
            &format!(
                "INSERT INTO identifiers VALUES ({key}, x'00'); INSERT INTO linked_accounts VALUES ({key}, {key})"
            ),
        )
        .await;
    }
    // No reader finds an id in another spelling.
    sql(
        &store,
        &format!("INSERT INTO linked_accounts VALUES ('{}', '{}')", user(1).to_string().to_uppercase(), user(2)),
    )
    .await;
    let identifiers = store.scan_identifiers(None, 100).await.unwrap().strays;
    let linked_accounts = store.scan_linked_accounts(None, 100).await.unwrap().strays;
    assert_eq!(identifiers.len(), 3);
    assert!(linked_accounts.len() >= 3);
    let (one, other) = (identifiers.len() as u64, linked_accounts.len() as u64);
    assert_eq!(store.drop_strays(&Strays::Identifiers(identifiers)).await, Ok(one));
    assert_eq!(store.drop_strays(&Strays::LinkedAccounts(linked_accounts)).await, Ok(other));
    assert_eq!(scanned(&store, "identifiers", 2).await, ([1, 2, 3, 4, 5].map(user).to_vec(), 0));
    assert_eq!(scanned(&store, "linked_accounts", 2).await.1, 0);
}

#[tokio::test]
async fn a_change_of_another_type_does_not_stop_the_stream() {
    for wrong in ["table_name = x'00'", "image = 'x'", "image = 7", "image = x''"] {
        let (store, _) = in_memory();
        for n in 1..=3 {
            put(&store, n, 1).await;
        }
        sql(&store, &format!("UPDATE changes SET {wrong} WHERE sequence = 2")).await;
        let changes = store.changes(0, 10).unwrap();
        assert_eq!(sequences(&store, 0, 10), [1, 2, 3], "{wrong}");
        assert!(changes[1].table.is_empty() || changes[1].image.is_empty(), "{wrong}");
        assert_eq!(changes[2].image, profile(user(3), version(1)).to_item());
    }
}

#[tokio::test]
async fn a_change_with_an_impossible_sequence_hides_no_later_change() {
    let (store, _) = in_memory();
    put(&store, 1, 1).await;
    sql(
        &store,
        "INSERT INTO changes VALUES (9223372036854775807, 'users', x'00'), (-9223372036854775808, 'users', x'00')",
    )
    .await;
    for n in 2..=4 {
        put(&store, n, 1).await;
    }
    assert_eq!(sequences(&store, 0, 100), [1, 2, 3, 4]);
    assert_eq!(store.newest_change(), Ok(4));
    store.advance_cursor("a", 3).await.unwrap();
    for _ in 0..3 {
        store.housekeep(100).await.unwrap();
    }
    assert_eq!(sequences(&store, 0, 100), [4]);
}

#[tokio::test]
async fn a_damaged_cursor_starts_again_and_loses_no_change() {
    for wrong in ["'x'", "x'00'", "9223372036854775807", "6", "-5", "1.5"] {
        let (store, _) = in_memory();
        for ms in 1..=5 {
            put(&store, 1, ms).await;
        }
        store.advance_cursor("replicator", 2).await.unwrap();
        sql(&store, &format!("UPDATE cursors SET sequence = {wrong}")).await;
        assert_eq!(store.housekeep(100).await.unwrap().changes, 0, "{wrong}");
        assert_eq!(store.cursor("replicator").await, Ok(0), "{wrong}");
        assert_eq!(sequences(&store, 0, 10), [1, 2, 3, 4, 5]);
        store.advance_cursor("replicator", 4).await.unwrap();
        assert_eq!(store.cursor("replicator").await, Ok(4), "{wrong}");
        assert_eq!(store.housekeep(100).await.unwrap().changes, 4, "{wrong}");
    }
}

#[tokio::test]
async fn damaged_counts_start_again_and_expire() {
    let limit = Limit { at_once: 3, shortest_ms: 2_000, longest_ms: 900_000, window_ms: 3_600_000, slides: true };
    for wrong in
        ["count = 'x'", "count = -1", "count = 9223372036854775807", "locked_until = x'00'", "expires_at = 'x'"]
    {
        let (store, clock) = in_memory();
        let now = clock.now();
        store.count(&[1; 32], &limit, now).await.unwrap();
        store.add(&[2; 32], 5, now.plus(1)).await.unwrap();
        store.housekeep(10).await.unwrap();
        sql(&store, &format!("UPDATE attempts SET {wrong}")).await;
        let counted = store.count(&[1; 32], &limit, now).await;
        assert!(
            matches!(&counted, Ok(umoja_store::ports::Counted::Let(tally)) if tally.count == 1),
            "{wrong}: {counted:?}"
        );
        assert!(store.add(&[2; 32], 1, now.plus(1)).await.is_ok(), "{wrong}");
        store.housekeep(10).await.unwrap();
        sql(&store, "UPDATE attempts SET expires_at = 'never'").await;
        assert_eq!(store.housekeep(10).await.unwrap().attempts, 2);
    }
}

#[tokio::test]
async fn a_damaged_outcome_concerns_one_key_and_expires() {
    let outcome = Outcome { request: "r".into(), ..Outcome::default() };
    let (store, clock) = in_memory();
    let now = clock.now();
    for key in [[1; 32], [2; 32]] {
        assert_eq!(store.begin(&key, outcome.clone(), now, now.plus(1_000)).await, Ok(Begun::First(outcome.clone())));
    }
    sql(&store, &format!("UPDATE idempotency SET document = x'00', expires_at = 'x' WHERE key = {}", hex(&[1; 32])))
        .await;
    assert!(matches!(
        store.begin(&[1; 32], outcome.clone(), now, now.plus(1_000)).await,
        Err(StoreError::Unreadable(_))
    ));
    assert_eq!(store.begin(&[2; 32], outcome.clone(), now, now.plus(1_000)).await, Ok(Begun::Earlier(outcome.clone())));
    assert_eq!(store.housekeep(10).await.unwrap().idempotency, 1);
    assert_eq!(store.begin(&[1; 32], outcome.clone(), now, now.plus(1_000)).await, Ok(Begun::First(outcome.clone())));
}

#[tokio::test]
async fn damaged_checkpoints_and_documents_hide_no_others() {
    let (store, _) = in_memory();
    store.put_checkpoint("a", b"state").await.unwrap();
    sql(&store, "UPDATE checkpoints SET state = 7").await;
    assert_eq!(store.checkpoint("a").await, Ok(None));
    let documents = store.documents();
    documents.put_setting("a", &serde_json::json!(1)).await.unwrap();
    documents.put_setting("b", &serde_json::json!(2)).await.unwrap();
    sql(&store, "UPDATE settings SET document = x'00' WHERE name = 'a'; INSERT INTO companies VALUES ('acme', x'00')")
        .await;
    assert!(matches!(documents.setting("a").await, Err(StoreError::Unreadable(_))));
    assert_eq!(documents.setting("b").await, Ok(Some(serde_json::json!(2))));
    assert_eq!(documents.companies().await, Ok(vec![]));
    let rows = documents.setting_rows("").await.unwrap();
    let held: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.clone())).collect();
    assert_eq!(held, [("a", None), ("b", Some(serde_json::json!(2)))]);
    documents.put_setting("a", &serde_json::json!(3)).await.unwrap();
    assert_eq!(documents.setting("a").await, Ok(Some(serde_json::json!(3))));
    assert_eq!(documents.remove_setting(&rows[0]).await, Ok(false), "it has been replaced");
}

#[tokio::test]
async fn damaged_settings_hide_no_others_and_can_be_removed() {
    let (store, _) = in_memory();
    let documents = store.documents();
    documents.put_setting("source/b", &serde_json::json!({ "n": 1 })).await.unwrap();
    for (name, document) in [
        ("'source/a'", "x'00'"),
        ("'source/c'", "'{'"),
        ("CAST(x'736f757263652fc328' AS TEXT)", "''"),
        ("x'736f757263652f61'", "'{}'"),
    ] {
        sql(&store, &format!("INSERT INTO settings VALUES ({name}, {document})")).await;
    }
    let rows = documents.setting_rows("source/").await.unwrap();
    let held: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.is_some())).collect();
    assert_eq!(held, [("source/a", false), ("source/b", true), ("source/c", false), ("source/\u{fffd}(", false)]);
    for row in [&rows[0], &rows[2]] {
        assert_eq!(documents.remove_setting(row).await, Ok(true));
    }
    assert_eq!(documents.settings("source/").await, Ok(vec![("source/b".into(), serde_json::json!({ "n": 1 }))]));
}

#[tokio::test]
async fn damaged_documents_of_the_inbox_hide_no_others_and_can_be_replaced() {
    let (store, clock) = in_memory();
    let (now, document) = (clock.now(), serde_json::Map::from_iter([("n".to_owned(), 1.into())]));
    let put = async |key: u8, stored: Option<&umoja_store::ports::Etag>| {
        store.replace_inbox_document(&[key; 32], stored, &document, now, now.plus(1_000)).await.unwrap()
    };
    for wrong in ["x'00'", "7", "''", "'{'", "'[]'"] {
        for key in [1, 2, 3] {
            put(key, None).await;
        }
        sql(&store, &format!("UPDATE inbox SET document = {wrong} WHERE key = {}", hex(&[2; 32]))).await;
        sql(&store, "INSERT OR REPLACE INTO inbox SELECT 'no key', document, expires_at FROM inbox LIMIT 1").await;
        let (mut found, mut strays, mut after) = (Vec::new(), 0, None);
        loop {
            let page = store.scan_inbox(after, 1, now).await.unwrap();
            found.extend(page.documents.into_iter().map(|(key, document)| (key[0], document.members.is_some())));
            strays += page.strays;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((found, strays), (vec![(1, true), (2, false), (3, true)], 1), "{wrong}");
        let damaged = store.inbox_document(&[2; 32], now).await.unwrap().unwrap();
        assert!(!put(2, None).await, "{wrong}");
        assert!(put(2, Some(&damaged.etag)).await, "{wrong}");
        assert_eq!(store.inbox_document(&[2; 32], now).await.unwrap().unwrap().members.as_ref(), Some(&document));
    }
    for never in ["'x'", "x'00'", "1e300"] {
        sql(&store, &format!("UPDATE inbox SET expires_at = {never}")).await;
        assert_eq!(store.inbox_document(&[1; 32], now).await, Ok(None), "{never}");
        assert_eq!(store.housekeep(10).await.unwrap().inbox, 4, "{never}");
        for key in [1, 2, 3, 4] {
            assert!(put(key, None).await, "{never}");
        }
    }
}
