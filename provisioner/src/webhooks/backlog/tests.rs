use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use umoja_schema::UserId;
use umoja_store::ports::{DuePage, DueRow, Etag};

use super::*;

/// The rows of users 0 to `users` of one webhook, each with one event that waits; and the sizes of the pages that were read.
struct Rows {
    users: u8,
    limits: Mutex<Vec<usize>>,
}

fn members(n: u8) -> Map<String, Value> {
    let row = json!({ "waiting": [{ "event": n.to_string(), "since": 1_000 + u64::from(n) }] });
    row.as_object().unwrap().clone()
}

#[async_trait]
impl Due for Rows {
    async fn due_row(&self, _: &str, _: UserId) -> Result<Option<DueRow>, StoreError> {
        Ok(None)
    }

    async fn replace_due(
        &self,
        _: &str,
        _: UserId,
        _: Option<&Etag>,
        _: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn due_page(&self, _: &str, _: Millis, after: Option<String>, limit: usize) -> Result<DuePage, StoreError> {
        self.limits.lock().unwrap().push(limit);
        let first: usize = after.map_or(0, |after| after.parse().unwrap());
        let row = |n| {
            let row = DueRow { members: Some(members(n)), at: Millis(0), etag: Etag(Vec::new()) };
            (UserId::v8([n; 16]), row)
        };
        let rows: Vec<_> = (0..self.users).map(row).skip(first).take(limit).collect();
        let next = first + rows.len();
        Ok(DuePage { rows, next: (next < self.users.into()).then(|| next.to_string()) })
    }
}

#[tokio::test]
async fn a_backlog_is_counted_in_small_pages() {
    let rows = Rows { users: 45, limits: Mutex::default() };
    let waits = backlog(&rows, &"crm".parse().unwrap()).await.unwrap();
    assert_eq!((waits.users, waits.waiting, waits.oldest), (45, 45, Some(Millis(1_000))));
    assert_eq!(*rows.limits.lock().unwrap(), [20; 3]);
}
