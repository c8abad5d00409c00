//! The AWS adapter over an embedded DynamoDB engine: the contract, and how many requests each operation may make.

use std::collections::BTreeMap;

use umoja_schema::{Millis, Part};
use umoja_store::contract::sample::*;
use umoja_store::contract::{Streamed, Tables};
use umoja_store::ports::{Attempts as _, Commit, Condition, Limit, Users as _, Writes};
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
umoja_store::attempts_contract!(tables);
umoja_store::checkpoints_contract!(tables);
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
