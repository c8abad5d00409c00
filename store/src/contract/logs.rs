//! Cases of [`Logs`](crate::ports::Logs): append-only rows, one for each key, in the order of the keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Attribute, Log};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, RowPage, Writes};

pub async fn a_stored_row_is_never_replaced(t: Tables) {
    let first = row(user(1), "a");
    let mut second = first.clone();
    second.kind = "other".into();
    assert_eq!(t.logs.append(Log::Journal, &first).await, Ok(true));
    assert_eq!(t.logs.append(Log::Journal, &first).await, Ok(false));
    assert_eq!(t.logs.append(Log::Journal, &second).await, Ok(false));
    assert_eq!(t.logs.row(Log::Journal, user(1), "a").await, Ok(Some(first)));
}

pub async fn a_row_that_was_never_written_is_absent(t: Tables) {
    t.logs.append(Log::Journal, &row(user(1), "a")).await.unwrap();
    assert_eq!(t.logs.row(Log::Journal, user(1), "b").await, Ok(None));
    assert_eq!(t.logs.row(Log::Journal, user(2), "a").await, Ok(None));
    assert_eq!(t.logs.row(Log::Receipts, user(1), "a").await, Ok(None));
    assert_eq!(t.logs.rows(Log::Journal, user(2)).await, Ok(vec![]));
    assert_eq!(t.logs.rows(Log::Receipts, user(1)).await, Ok(vec![]));
}

pub async fn a_row_keeps_every_field_of_every_type(t: Tables) {
    for log in Log::ALL {
        let mut row = row(user(1), "a");
        row.fields = every_type();
        t.logs.append(log, &row).await.unwrap();
        assert_eq!(t.logs.row(log, user(1), "a").await, Ok(Some(row)));
    }
}

pub async fn rows_of_one_user_are_returned_in_key_order(t: Tables) {
    let keys = ["b#2", "a", "b#10", "z", "b", "B", "ä", "confirm#af-south-1#profile"];
    for key in keys {
        t.logs.append(Log::Receipts, &row(user(1), key)).await.unwrap();
        t.logs.append(Log::Receipts, &row(user(2), key)).await.unwrap();
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let rows = t.logs.rows(Log::Receipts, user(1)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), sorted);
    assert!(rows.iter().all(|row| row.user == user(1)));
}

pub async fn rows_of_several_answers_are_all_returned(t: Tables) {
    let large = |n| {
        let mut row = row(user(1), &format!("{n:04}"));
        row.fields.insert("filling".into(), Attribute::B(vec![n; 100 * 1024]));
        row
    };
    for n in 0..24 {
        assert_eq!(t.logs.append(Log::Audit, &large(n)).await, Ok(true));
    }
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok((0..24).map(large).collect()));
}

pub async fn the_last_row_has_the_greatest_key_with_the_prefix(t: Tables) {
    for key in ["a#01", "a#02", "a#10", "a-1#99", "b#77", "b"] {
        t.logs.append(Log::Audit, &row(user(1), key)).await.unwrap();
    }
    t.logs.append(Log::Audit, &row(user(2), "c#1")).await.unwrap();
    t.logs.append(Log::Journal, &row(user(1), "a#20")).await.unwrap();
    let last = async |prefix| t.logs.last_row(Log::Audit, user(1), prefix).await.unwrap().map(|row| row.key);
    for (prefix, key) in [("a#", Some("a#10")), ("a-1#", Some("a-1#99")), ("b#", Some("b#77")), ("c#", None)] {
        assert_eq!(last(prefix).await.as_deref(), key, "{prefix}");
    }
}

pub async fn dropping_a_row_leaves_its_neighbours(t: Tables) {
    for (n, key) in [(1, "a"), (1, "b"), (2, "a")] {
        t.logs.append(Log::Audit, &row(user(n), key)).await.unwrap();
        t.logs.append(Log::Journal, &row(user(n), key)).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(t.logs.drop_row(Log::Audit, user(1), "a").await, Ok(()));
        assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "b")]));
    }
    assert_eq!(t.logs.rows(Log::Audit, user(2)).await, Ok(vec![row(user(2), "a")]));
    assert_eq!(t.logs.rows(Log::Journal, user(1)).await.unwrap().len(), 2);
    assert_eq!(t.logs.append(Log::Audit, &row(user(1), "a")).await, Ok(true), "its key is free again");
}

pub async fn a_scan_of_an_empty_log_ends_immediately(t: Tables) {
    t.logs.append(Log::Journal, &row(user(1), "a")).await.unwrap();
    assert_eq!(
        t.logs.scan_rows(Log::Receipts, None, 10).await,
        Ok(RowPage { rows: vec![], unreadable: vec![], next: None })
    );
}

pub async fn a_scan_returns_every_row_once_with_any_page_size(t: Tables) {
    let mut written = BTreeSet::new();
    for n in 1..=9 {
        for key in ["a", "confirm#af-south-1#profile", "erase#1/2"] {
            t.logs.append(Log::Receipts, &row(user(n), key)).await.unwrap();
            written.insert((user(n), key.to_owned()));
        }
        t.logs.append(Log::Journal, &row(user(n), "other")).await.unwrap();
    }
    for limit in [1, 7, 27, 500] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = t.logs.scan_rows(Log::Receipts, after, limit).await.unwrap();
            assert!(page.rows.len() <= limit);
            assert!(page.rows.iter().all(|read| *read == row(read.user, &read.key)));
            seen.extend(page.rows.into_iter().map(|row| (row.user, row.key)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), written.len(), "pages of {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), written, "pages of {limit}");
    }
}

pub async fn one_of_many_concurrent_appends_of_a_row_succeeds(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let logs = Arc::clone(&t.logs);
        let mut row = row(user(1), "a");
        row.kind = format!("k{n}");
        tasks.spawn(async move { logs.append(Log::Audit, &row).await.unwrap().then_some(row) });
    }
    let winners: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(winners));
}

pub async fn new_rows_alone_are_written_together_and_once(t: Tables) {
    let new = |keys: &[&str]| {
        let new_rows = keys.iter().map(|key| (Log::Events, row(user(1), key))).collect();
        Writes { new_rows, ..Writes::default() }
    };
    assert_eq!(t.users.commit(&new(&["a", "b"])).await, Ok(Commit::Done));
    assert_eq!(t.users.commit(&new(&["b", "c"])).await, Ok(Commit::Conflict { stored: vec![] }));
    assert_eq!(t.logs.row(Log::Events, user(1), "c").await, Ok(None));
    assert_eq!(t.users.commit(&new(&["c"])).await, Ok(Commit::Done));
    assert_eq!(t.users.commit(&new(&["c"])).await, Ok(Commit::Conflict { stored: vec![] }));
    assert_eq!(t.logs.rows(Log::Events, user(1)).await, Ok(["a", "b", "c"].map(|key| row(user(1), key)).to_vec()));
}
