//! Cases of [`Items`](crate::ports::Items): the newest version, by conditions on versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Item, Millis, Version};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, ItemPage, ItemWrite, Writes};

pub async fn the_last_written_item_is_read(t: Tables) {
    let mut written = item(user(1), "a#1", version(1));
    written.fields = every_type();
    written.unknown = every_type();
    for ms in [1, 2] {
        written.version = version(ms);
        assert_eq!(put_item(&*t.users, &written, Condition::Older).await, Commit::Done);
        assert_eq!(t.items.item(&SAMPLE, user(1), "a#1").await, Ok(Some(written.clone())));
    }
    assert_eq!(t.items.item(&SAMPLE, user(1), "a").await, Ok(None));
    assert_eq!(t.items.item(&SAMPLE, user(2), "a#1").await, Ok(None));
}

pub async fn an_older_or_equal_version_of_an_item_is_not_written(t: Tables) {
    let newest = item(user(1), "a", version_of(5, "b"));
    put_item(&*t.users, &newest, Condition::Older).await;
    for older in [version_of(5, "b"), version_of(5, "a"), version_of(4, "c")] {
        let commit = put_item(&*t.users, &item(user(1), "a", older), Condition::Older).await;
        assert_eq!(commit, Commit::Conflict { stored: vec![] });
    }
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![newest]));
}

pub async fn an_ended_item_beats_every_later_live_one(t: Tables) {
    let ended = item(user(1), "a", Version { erased: true, ..version(5) }).expiring(Millis(1_000));
    put_item(&*t.users, &item(user(1), "a", version(7)), Condition::Older).await;
    assert_eq!(put_item(&*t.users, &ended, Condition::Older).await, Commit::Done);
    let later = put_item(&*t.users, &item(user(1), "a", version(9)), Condition::Older).await;
    assert_eq!(later, Commit::Conflict { stored: vec![] });
    assert_eq!(t.items.item(&SAMPLE, user(1), "a").await, Ok(Some(ended.clone())));
    assert_eq!(t.items.scan_items(&SAMPLE, None, 10).await.unwrap().items, [Item::from(ended)]);
}

pub async fn an_item_is_written_only_over_the_read_version(t: Tables) {
    let conflict = Commit::Conflict { stored: vec![] };
    let put = async |ms, condition| put_item(&*t.users, &item(user(1), "a", version(ms)), condition).await;
    assert_eq!(put(1, Condition::VersionIs(version(1))).await, conflict);
    assert_eq!(put(1, Condition::Absent).await, Commit::Done);
    assert_eq!(put(2, Condition::Absent).await, conflict);
    assert_eq!(put(3, Condition::VersionIs(version(2))).await, conflict);
    assert_eq!(put(4, Condition::VersionIs(version(1))).await, Commit::Done);
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![item(user(1), "a", version(4))]));
}

pub async fn an_item_is_written_with_its_part_or_not_at_all(t: Tables) {
    let writes = |ms, condition| Writes {
        parts: vec![part_write(profile(user(1), version(ms)), condition)],
        items: vec![ItemWrite { item: item(user(1), "a", version(ms)), condition: Condition::Older }],
        ..Writes::default()
    };
    assert_eq!(t.users.commit(&writes(2, Condition::Absent)).await, Ok(Commit::Done));
    assert_ne!(t.users.commit(&writes(3, Condition::Absent)).await, Ok(Commit::Done), "the part is rejected");
    assert_ne!(t.users.commit(&writes(2, Condition::VersionIs(version(2)))).await, Ok(Commit::Done), "the item is");
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![item(user(1), "a", version(2))]));
    let items = vec![ItemWrite { item: item(user(1), "b", version(4)), condition: Condition::Absent }];
    let items = Writes { items, ..Writes::default() };
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &items).await, Ok(false), "the profile is another");
    assert_eq!(t.users.derive(user(1), Some(&version(2)), &items).await, Ok(true));
    assert_eq!(t.items.items(&SAMPLE, user(1)).await.unwrap().len(), 2);
}

pub async fn items_of_one_user_are_returned_in_key_order(t: Tables) {
    let keys = ["b#2", "a", "b#10", "z", "b", "B", "ä"];
    for key in keys {
        put_item(&*t.users, &item(user(1), key, version(1)), Condition::Older).await;
        put_item(&*t.users, &item(user(2), key, version(1)), Condition::Older).await;
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let items = t.items.items(&SAMPLE, user(1)).await.unwrap();
    assert_eq!(items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), sorted);
}

pub async fn items_under_prefixes_are_returned_prefix_by_prefix(t: Tables) {
    for key in ["a#2", "a", "a#1", "a#1#x", "a$", "b#1", "ä#1"] {
        put_item(&*t.users, &item(user(1), key, version(1)), Condition::Older).await;
        put_item(&*t.users, &item(user(2), key, version(1)), Condition::Older).await;
    }
    let found = async |prefixes: &[&str]| {
        let prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        let items = t.items.items_under(&SAMPLE, user(1), &prefixes).await.unwrap();
        items.into_iter().map(|item| item.key).collect::<Vec<_>>()
    };
    assert_eq!(found(&["b#", "a#"]).await, ["b#1", "a#1", "a#1#x", "a#2"]);
    assert_eq!(found(&["a#1#x", "ä", "c"]).await, ["a#1#x", "ä#1"]);
    assert_eq!(found(&[]).await, Vec::<String>::new());
}

pub async fn dropping_items_leaves_other_users_items(t: Tables) {
    for (n, key) in [(1, "a"), (1, "b"), (2, "a")] {
        put_item(&*t.users, &item(user(n), key, version(1)), Condition::Older).await;
    }
    assert_eq!(t.items.drop_items(&SAMPLE, user(1)).await, Ok(2));
    assert_eq!(t.items.drop_items(&SAMPLE, user(1)).await, Ok(0));
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![]));
    assert_eq!(t.items.items(&SAMPLE, user(2)).await, Ok(vec![item(user(2), "a", version(1))]));
}

pub async fn an_item_is_dropped_only_in_its_version(t: Tables) {
    for key in ["a", "b"] {
        put_item(&*t.users, &item(user(1), key, version(1)), Condition::Older).await;
    }
    put_item(&*t.users, &item(user(1), "b", version(2)), Condition::Older).await;
    assert_eq!(t.items.drop_item(&item(user(1), "a", version(1))).await, Ok(true));
    assert_eq!(t.items.drop_item(&item(user(1), "a", version(1))).await, Ok(false));
    assert_eq!(t.items.drop_item(&item(user(1), "b", version(1))).await, Ok(false), "it was replaced");
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![item(user(1), "b", version(2))]));
}

pub async fn a_scan_returns_every_item_once_with_any_page_size(t: Tables) {
    let page = t.items.scan_items(&SAMPLE, None, 10).await;
    assert_eq!(page, Ok(ItemPage { items: vec![], unreadable: vec![], next: None }));
    let mut written = BTreeSet::new();
    for n in 1..=9 {
        for key in ["a", "b#1/2", "c"] {
            put_item(&*t.users, &item(user(n), key, version(1)), Condition::Older).await;
            written.insert(Item::from(item(user(n), key, version(1))).key());
        }
    }
    for limit in [1, 7, 27, 500] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = t.items.scan_items(&SAMPLE, after, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.iter().map(Item::key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), written.len(), "pages of {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), written, "pages of {limit}");
    }
}

pub async fn concurrent_writes_of_an_item_leave_the_newest(t: Tables) {
    let mut tasks = JoinSet::new();
    for ms in 1..=16 {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            // A conflict may be spurious, so the writer reads and retries, as replication does.
            for _ in 0..16 {
                if put_item(&*users, &item(user(1), "a", version(ms)), Condition::Older).await == Commit::Done {
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(t.items.items(&SAMPLE, user(1)).await, Ok(vec![item(user(1), "a", version(16))]));
}
