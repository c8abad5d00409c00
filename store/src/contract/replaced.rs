//! Cases of entity tags: an item is replaced as a whole, whatever it holds, unless it changed meanwhile.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Item, Key, Log, Part};

use super::Tables;
use super::sample::*;
use crate::ports::{Condition, Etag, KeyAdded};

async fn etag(t: &Tables, key: &Key) -> Etag {
    t.users.etag(key).await.unwrap().unwrap()
}

pub async fn an_absent_item_has_no_entity_tag(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    for part in [credentials(user(1), version(1)), profile(user(2), version(1))] {
        assert_eq!(t.users.etag(&Item::from(part).key()).await, Ok(None));
    }
}

pub async fn an_item_of_every_table_is_replaced(t: Tables) {
    put(&*t.users, &profile(user(1), version(5)), Condition::Absent).await;
    t.logs.append(Log::Audit, &row(user(1), "a")).await.unwrap();
    put_item(&*t.users, &item(user(1), "a", version(5)), Condition::Absent).await;
    let mut other_row = row(user(1), "a");
    other_row.kind = "other".into();
    // The version may go back: what is replaced may be forged.
    let others = [
        Item::from(profile(user(1), version(4))),
        Item::from((Log::Audit, other_row.clone())),
        Item::from(item(user(1), "a", version(4))),
    ];
    for other in &others {
        let tag = etag(&t, &other.key()).await;
        assert_eq!(t.users.replace(other, &tag).await, Ok(true));
    }
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(profile(user(1), version(4)))));
    assert_eq!(t.logs.row(Log::Audit, user(1), "a").await, Ok(Some(other_row)));
    assert_eq!(t.items.item(&SAMPLE, user(1), "a").await, Ok(Some(item(user(1), "a", version(4)))));
}

pub async fn an_item_that_changed_meanwhile_is_not_replaced(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let key = Key::of_part(user(1), Part::Profile);
    let tag = etag(&t, &key).await;
    let added =
        t.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region("af-south-1"), None, &[1, 2]).await;
    assert_eq!(added, Ok(KeyAdded::Added));
    let replaced = t.users.replace(&profile(user(1), version(9)).into(), &tag).await;
    assert_eq!(replaced, Ok(false));
    let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
    assert_eq!(stored.version, version(1));
}

pub async fn one_of_many_replacements_of_an_item_succeeds(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let tag = etag(&t, &Key::of_part(user(1), Part::Profile)).await;
    let mut running = JoinSet::new();
    for ms in 2..12 {
        let (users, tag) = (Arc::clone(&t.users), tag.clone());
        running.spawn(async move { users.replace(&profile(user(1), version(ms)).into(), &tag).await.unwrap() });
    }
    let replaced = running.join_all().await;
    assert_eq!(replaced.iter().filter(|replaced| **replaced).count(), 1);
}

pub async fn a_wrapped_key_is_replaced_only_over_the_expected_one(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let add = async |replaced: Option<&[u8]>, wrapped: &[u8]| {
        t.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region("af-south-1"), replaced, wrapped).await
    };
    assert_eq!(add(None, &[1, 2]).await, Ok(KeyAdded::Added));
    assert_eq!(add(Some(&[9]), &[3, 4]).await, Ok(KeyAdded::Present));
    let stored = async || {
        let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
        stored.live().unwrap().keys[&region("af-south-1")].clone()
    };
    assert_eq!(stored().await, [1, 2]);
    assert_eq!(add(Some(&[1, 2]), &[3, 4]).await, Ok(KeyAdded::Added));
    assert_eq!(stored().await, [3, 4]);
}
