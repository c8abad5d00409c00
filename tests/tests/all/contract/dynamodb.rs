//! The AWS adapter over an embedded DynamoDB engine: the contract, and how many requests each operation may make.

use std::collections::BTreeMap;

use serde_json::json;
use umoja_schema::{Company, Millis, Part};
use umoja_store::contract::sample::*;
use umoja_store::contract::{Streamed, Tables};
use umoja_store::ports::{
    Attempts as _, Commit, Condition, Inbox, Limit, LinkedAccountPage, Registry, StoreError, Strays, Users as _, Writes,
};
use umoja_tests::dynamodb::DynamoRegion;

async fn streamed() -> Streamed {
    DynamoRegion::new(&region(HERE)).await.for_contract()
}

async fn tables() -> Tables {
    streamed().await.tables
}

umoja_store::users_contract!(tables);
umoja_store::logs_contract!(tables);
umoja_store::items_contract!(tables);
umoja_store::registry_contract!(tables);
umoja_store::requests_contract!(tables);
umoja_store::inbox_contract!(tables);
umoja_store::attempts_contract!(tables);
umoja_store::checkpoints_contract!(tables);
umoja_store::due_contract!(tables);
umoja_store::streams_contract!(streamed);

fn calls(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_write_that_changes_no_identifier_uses_no_transaction() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let users = &*region.tables;
    put(users, &profile(user(1), version(1)), Condition::Absent).await;
    put(users, &profile(user(1), version(2)), Condition::VersionIs(version(1))).await;
    put(users, &profile(user(1), version(1)), Condition::Older).await; // rejected with the reason in the same answer
    assert_eq!(region.calls.all(), calls(&[("PutItem", 3)]));
}

#[tokio::test]
async fn a_write_that_changes_an_identifier_is_one_transaction() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let record = owning(user(1), version(1), [(index(1), ownership(1))]);
    let writes = Writes {
        parts: vec![part_write(record, Condition::Absent)],
        ownerships: vec![identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))],
        rows: vec![],
        ..Writes::default()
    };
    assert_eq!(region.tables.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(region.calls.all(), calls(&[("TransactWriteItems", 1)]));
}

#[tokio::test]
async fn a_read_of_any_size_is_one_request() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let users = &*region.tables;
    users.parts(user(1)).await.unwrap();
    assert_eq!(region.calls.all(), calls(&[("Query", 1)]));
    region.calls.reset();
    users.part(user(1), Part::Profile).await.unwrap();
    users.ownerships(&[index(1)]).await.unwrap();
    users.ownerships(&[]).await.unwrap();
    assert_eq!(region.calls.all(), calls(&[("GetItem", 2)]));
    region.calls.reset();
    users.ownerships(&(0..100).map(index).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(region.calls.all(), calls(&[("BatchGetItem", 1)]));
}

#[tokio::test]
async fn a_wrapped_key_is_added_by_one_request() {
    let region = DynamoRegion::new(&region(HERE)).await;
    put(&*region.tables, &profile(user(1), version(1)), Condition::Absent).await;
    region.calls.reset();
    for _ in 0..2 {
        let peer = "af-south-1".parse().unwrap();
        region.tables.add_wrapped_key(user(1), Part::Profile, &version(1), &peer, None, &[1]).await.unwrap();
    }
    assert_eq!(region.calls.all(), calls(&[("UpdateItem", 2)]));
}

#[tokio::test]
async fn the_first_attempt_is_one_write_and_later_ones_two() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let limit = Limit { at_once: 3, shortest_ms: 2_000, longest_ms: 60_000, window_ms: 3_600_000, slides: true };
    for (put, update) in [(1, 0), (2, 1), (4, 1), (5, 1)] {
        region.tables.count(&[1; 32], &limit, Millis(1_700_000_000_000)).await.unwrap();
        let expected = [("PutItem", put), ("UpdateItem", update)].into_iter().filter(|(_, count)| *count > 0);
        assert_eq!(region.calls.all(), calls(&expected.collect::<Vec<_>>()));
    }
}

#[tokio::test]
async fn a_row_of_companies_that_holds_no_company_is_listed_replaced_and_removed() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let registry: &dyn Registry = &*region.tables;
    let text = r#"{"id":"acme","name":"Acme","enabled":true,"trusted":false,"scopes":[],"api_keys":[],"keys":[]}"#;
    let acme: Company = serde_json::from_str(text).unwrap();
    for document in
        [json!({ "S": "{" }), json!({ "S": "" }), json!({ "B": "AAA=" }), json!({ "N": "7" }), json!({ "L": [] })]
    {
        region.put_item("companies", json!({ "id": { "S": "acme" }, "document": document }));
        region.put_item("companies", json!({ "id": { "S": "no id/of one" } }));
        region.put_item("companies", json!({ "id": { "S": "zz" }, "document": { "S": text } }));
        assert!(matches!(registry.company(&acme.id).await, Err(StoreError::Unreadable(_))), "{document}");
        let rows = registry.company_rows().await.unwrap();
        let held: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.company.is_some())).collect();
        assert_eq!(held, [("acme", false), ("no id/of one", false), ("zz", false)], "{document}");
        assert_eq!(registry.replace_company_row(&rows[0], Some(&acme)).await, Ok(true), "{document}");
        for row in &rows[1..] {
            assert_eq!(registry.replace_company_row(row, None).await, Ok(true), "{document}");
        }
        assert_eq!(registry.companies().await, Ok(vec![acme.clone()]));
        assert_eq!(registry.replace_company_row(&rows[0], None).await, Ok(false), "it has been replaced");
    }
}

#[tokio::test]
async fn a_row_of_settings_that_holds_no_setting_is_listed_and_removed() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let registry: &dyn Registry = &*region.tables;
    registry.put_setting("source/b", &json!({ "n": 1 })).await.unwrap();
    for document in [json!({ "S": "{" }), json!({ "S": "" }), json!({ "B": "AAA=" }), json!({ "L": [] })] {
        region.put_item("settings", json!({ "id": { "S": "source/a" }, "document": document }));
        region.put_item("settings", json!({ "id": { "S": "source/c" } }));
        let rows = registry.setting_rows("source/").await.unwrap();
        let held: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.is_some())).collect();
        assert_eq!(held, [("source/a", false), ("source/b", true), ("source/c", false)], "{document}");
        for row in [&rows[0], &rows[2]] {
            assert_eq!(registry.remove_setting(row).await, Ok(true), "{document}");
        }
        assert_eq!(registry.settings("source/").await, Ok(vec![("source/b".into(), json!({ "n": 1 }))]));
    }
}

#[tokio::test]
async fn a_damaged_document_of_the_inbox_hides_no_others_and_is_replaced() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let inbox: &dyn Inbox = &*region.tables;
    let (now, until) = (Millis(1_000_000), Millis(2_000_000));
    let id = |n: u8| json!({ "S": format!("{n:02x}").repeat(32) });
    let document = serde_json::Map::from_iter([("n".to_owned(), json!(1))]);
    region.put_item("inbox", json!({ "id": id(1), "document": { "S": "{}" }, "expires_at": { "N": "2000" } }));
    for stranger in ["no key".to_owned(), "0A".repeat(32)] {
        region.put_item(
            "inbox",
            json!({ "id": { "S": stranger }, "document": {"S": "{}"}, "expires_at": {"N": "2000"} }),
        );
    }
    for damaged in [json!({ "S": "{" }), json!({ "S": "[]" }), json!({ "B": "AAA=" }), json!({ "N": "7" })] {
        region.put_item("inbox", json!({ "id": id(2), "document": damaged, "expires_at": { "N": "2000" } }));
        let page = inbox.scan_inbox(None, 100, now).await.unwrap();
        let mut held: Vec<_> = page.documents.iter().map(|(key, one)| (key[0], one.members.is_some())).collect();
        held.sort_unstable();
        assert_eq!((held, page.strays, page.next), (vec![(1, true), (2, false)], 2, None), "{damaged}");
        let read = inbox.inbox_document(&[2; 32], now).await.unwrap().unwrap();
        assert_eq!(inbox.replace_inbox_document(&[2; 32], None, &document, now, until).await, Ok(false), "{damaged}");
        let replaced = inbox.replace_inbox_document(&[2; 32], Some(&read.etag), &document, now, until).await;
        assert_eq!(replaced, Ok(true), "{damaged}");
        assert_eq!(inbox.inbox_document(&[2; 32], now).await.unwrap().unwrap().members.as_ref(), Some(&document));
    }
    for never in [json!({ "S": "2000" }), json!({ "NULL": true })] {
        region.put_item("inbox", json!({ "id": id(3), "document": { "S": "{}" }, "expires_at": never }));
        assert_eq!(inbox.inbox_document(&[3; 32], now).await, Ok(None), "{never}");
        assert_eq!(inbox.replace_inbox_document(&[3; 32], None, &document, now, until).await, Ok(true), "{never}");
    }
}

#[tokio::test]
async fn an_event_is_accepted_by_one_request_and_read_by_one() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let (inbox, document): (&dyn Inbox, _) = (&*region.tables, serde_json::Map::new());
    inbox.replace_inbox_document(&[1; 32], None, &document, Millis(1_000), Millis(9_000)).await.unwrap();
    assert_eq!(region.calls.all(), calls(&[("PutItem", 1)]));
    inbox.inbox_document(&[1; 32], Millis(1_000)).await.unwrap();
    assert_eq!(region.calls.all(), calls(&[("GetItem", 1), ("PutItem", 1)]));
}

#[tokio::test]
async fn an_item_of_linked_accounts_that_is_no_pointer_is_listed_and_removed() {
    let region = DynamoRegion::new(&region(HERE)).await;
    let users = &*region.tables;
    for id in ["a/b", "c", "d/e/f"] {
        region.put_item("linked_accounts", json!({ "id": { "S": id }, "linked": { "S": "g/h" } }));
    }
    let (mut strays, mut after) = (Vec::new(), None);
    loop {
        let page = users.scan_linked_accounts(after, 1).await.unwrap();
        strays.extend(page.strays);
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(strays.len(), 3);
    assert_eq!(users.drop_strays(&Strays::LinkedAccounts(strays)).await, Ok(3));
    assert_eq!(users.scan_linked_accounts(None, 9).await, Ok(LinkedAccountPage::default()));
}
