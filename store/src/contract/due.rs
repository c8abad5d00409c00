//! Cases of [`Due`](crate::ports::Due).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use umoja_schema::{Millis, UserId};

use super::Tables;
use crate::ports::DueRow;

const TARGET: &str = "webhook/crm";
const NOW: Millis = Millis(1_800_000_000_000);

fn user(n: u8) -> UserId {
    UserId::v8([n; 16])
}

fn members(n: u64) -> Map<String, Value> {
    let document = json!({ "n": n, "text": "é\u{1F600}", "of": ["a", { "b": null }] });
    document.as_object().unwrap().clone()
}

async fn put(t: &Tables, target: &str, n: u8, at: Millis) {
    assert_eq!(t.due.replace_due(target, user(n), None, Some((at, &members(n.into())))).await, Ok(true));
}

async fn read(t: &Tables, n: u8) -> DueRow {
    t.due.due_row(TARGET, user(n)).await.unwrap().unwrap()
}

/// The rows of all pages of this size.
async fn all(t: &Tables, until: Millis, limit: usize) -> Vec<(UserId, DueRow)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = t.due.due_page(TARGET, until, after, limit).await.unwrap();
        assert!(page.rows.len() <= limit);
        all.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub async fn a_row_that_was_never_stored_is_absent(t: Tables) {
    assert_eq!(t.due.due_row(TARGET, user(1)).await, Ok(None));
    let page = t.due.due_page(TARGET, NOW, None, 10).await.unwrap();
    assert_eq!((page.rows, page.next), (vec![], None));
    assert_eq!(t.due.replace_due(TARGET, user(1), None, None).await, Ok(true));
}

pub async fn a_stored_row_is_read_as_it_was_with_its_time(t: Tables) {
    put(&t, TARGET, 1, NOW).await;
    let row = read(&t, 1).await;
    assert_eq!((row.members.as_ref(), row.at), (Some(&members(1)), NOW));
    assert_eq!(all(&t, NOW, 10).await, [(user(1), row)]);
}

pub async fn a_row_of_200_kilobytes_is_stored_completely(t: Tables) {
    let large = Map::from_iter([("text".to_owned(), Value::from("x".repeat(200_000)))]);
    assert_eq!(t.due.replace_due(TARGET, user(1), None, Some((NOW, &large))).await, Ok(true));
    assert_eq!(read(&t, 1).await.members, Some(large));
}

pub async fn a_waiting_row_is_replaced_or_removed_only_as_it_was_read(t: Tables) {
    put(&t, TARGET, 1, NOW).await;
    let first = read(&t, 1).await;
    let next = members(2);
    let next = Some((NOW.plus(5), &next));
    assert_eq!(t.due.replace_due(TARGET, user(1), None, next).await, Ok(false));
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&first.etag), next).await, Ok(true));
    for row in [next, None] {
        assert_eq!(t.due.replace_due(TARGET, user(1), Some(&first.etag), row).await, Ok(false));
    }
    let second = read(&t, 1).await;
    assert_eq!((second.members.as_ref(), second.at), (Some(&members(2)), NOW.plus(5)));
    // The same members at another time are another row.
    let moved = members(2);
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&second.etag), Some((NOW, &moved))).await, Ok(true));
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&second.etag), None).await, Ok(false));
    let third = read(&t, 1).await;
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&third.etag), None).await, Ok(true));
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&third.etag), None).await, Ok(false));
    assert_eq!((t.due.due_row(TARGET, user(1)).await, all(&t, NOW.plus(9), 10).await), (Ok(None), vec![]));
}

pub async fn one_of_many_concurrent_takers_of_a_row_gets_it(t: Tables) {
    put(&t, TARGET, 1, NOW).await;
    let row = read(&t, 1).await;
    let t = Arc::new(t);
    let mut takers = JoinSet::new();
    for n in 0..20 {
        let (t, etag) = (Arc::clone(&t), row.etag.clone());
        takers.spawn(async move {
            let taken = members(n);
            t.due.replace_due(TARGET, user(1), Some(&etag), Some((NOW.plus(30_000), &taken))).await
        });
    }
    let done = takers.join_all().await.into_iter().filter(|taken| matches!(taken, Ok(true))).count();
    assert_eq!(done, 1);
    assert_eq!((all(&t, NOW, 10).await, all(&t, NOW.plus(30_000), 10).await.len()), (vec![], 1));
}

pub async fn rows_are_returned_in_the_order_of_their_times(t: Tables) {
    for (n, ms) in [(1, 300), (2, 100), (3, 200), (4, 0)] {
        put(&t, TARGET, n, Millis(ms)).await;
    }
    let users = |rows: Vec<(UserId, DueRow)>| rows.into_iter().map(|(user, _)| user).collect::<Vec<_>>();
    assert_eq!(users(all(&t, Millis(300), 10).await), [4, 2, 3, 1].map(user));
    assert_eq!(users(all(&t, Millis(299), 10).await), [4, 2, 3].map(user));
    assert_eq!(users(t.due.due_page(TARGET, Millis(300), None, 2).await.unwrap().rows), [4, 2].map(user));
}

pub async fn pages_return_every_row_once_with_any_page_size(t: Tables) {
    for n in 0..17 {
        put(&t, TARGET, n, NOW.plus(u64::from(n % 3))).await;
    }
    for limit in [1, 5, 17, 100] {
        let rows = all(&t, NOW.plus(2), limit).await;
        assert_eq!(rows.len(), 17, "{limit}");
        assert!(rows.is_sorted_by_key(|(_, row)| row.at));
        for (user, row) in rows {
            assert_eq!(t.due.due_row(TARGET, user).await, Ok(Some(row)));
        }
    }
}

pub async fn a_moved_row_is_due_at_its_new_time_only(t: Tables) {
    put(&t, TARGET, 1, NOW).await;
    for at in [NOW.plus(60_000), NOW, NOW] {
        let (row, next) = (read(&t, 1).await, members(9));
        assert_eq!(t.due.replace_due(TARGET, user(1), Some(&row.etag), Some((at, &next))).await, Ok(true));
        assert_eq!(all(&t, NOW, 10).await.len(), usize::from(at == NOW));
        assert_eq!(all(&t, NOW.plus(60_000), 10).await.len(), 1);
    }
}

pub async fn rows_of_two_targets_are_separate(t: Tables) {
    put(&t, TARGET, 1, NOW).await;
    put(&t, "webhook/crm-2", 1, NOW).await;
    let row = read(&t, 1).await;
    assert_eq!(t.due.replace_due(TARGET, user(1), Some(&row.etag), None).await, Ok(true));
    assert_eq!(t.due.due_page("webhook/crm-2", NOW, None, 10).await.unwrap().rows.len(), 1);
    assert_eq!(t.due.due_page("webhook/crm", NOW, None, 10).await.unwrap().rows.len(), 0);
}
