//! Cases of derived items that are written without the part from which they are derived.

use std::collections::BTreeSet;

use umoja_schema::{Log, Part};

use super::Tables;
use super::sample::*;
use crate::ports::{Condition, Users, Writes};

/// The ownerships that user 1 should have: one of identifier 1, after `before`.
fn missing(before: impl IntoIterator<Item = (umoja_schema::UserId, umoja_schema::Ownership)>) -> Writes {
    let before = owned(1, before);
    let after = before.with(user(1), Some(&ownership(1))).unwrap();
    Writes {
        ownerships: vec![identifier_write(before, after)],
        rows: vec![(Log::Journal, row(user(1), "a"))],
        ..Writes::default()
    }
}

pub async fn derived_items_are_written_only_over_the_same_part_version(t: Tables) {
    put(&*t.users, &owning(user(1), version(2), [(index(1), ownership(1))]), Condition::Absent).await;
    for other in [version(1), version(3), erased(2), version_of(2, "af-south-1")] {
        assert_eq!(t.users.derive(user(1), Some(&other), &missing([])).await, Ok(false));
    }
    assert_eq!(t.users.derive(user(1), None, &missing([])).await, Ok(false));
    assert_eq!(ownerships_on(&*t.users, 1).await, unowned(1));
    assert_eq!(t.logs.row(Log::Journal, user(1), "a").await, Ok(None));
    assert_eq!(t.users.derive(user(1), Some(&version(2)), &missing([])).await, Ok(true));
    assert_eq!(ownerships_on(&*t.users, 1).await, owned(1, [(user(1), ownership(1))]));
    assert_eq!(t.logs.row(Log::Journal, user(1), "a").await, Ok(Some(row(user(1), "a"))));
}

pub async fn derived_items_without_a_part_require_its_absence(t: Tables) {
    let item = owned(1, [(user(1), ownership(1)), (user(2), ownership(2))]);
    put_identifiers(&*t.users, [identifier_write(unowned(1), item.clone())]).await;
    let superfluous = |n: u8| {
        let after = item.with(user(n), None).unwrap();
        Writes { ownerships: vec![identifier_write(item.clone(), after)], ..Writes::default() }
    };
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    assert_eq!(t.users.derive(user(1), None, &superfluous(1)).await, Ok(false));
    // The ownerships are not derived from the other part.
    put(&*t.users, &credentials(user(2), version(1)), Condition::Absent).await;
    assert_eq!(t.users.derive(user(2), Some(&version(1)), &superfluous(2)).await, Ok(false));
    assert_eq!(t.users.derive(user(2), None, &superfluous(2)).await, Ok(true));
    assert_eq!(ownerships_on(&*t.users, 1).await, owned(1, [(user(1), ownership(1))]));
}

pub async fn derived_items_are_not_written_over_other_owners(t: Tables) {
    put(&*t.users, &owning(user(1), version(1), [(index(1), ownership(1))]), Condition::Absent).await;
    let rival = owned(1, [(user(2), ownership(2))]);
    put_identifiers(&*t.users, [identifier_write(unowned(1), rival.clone())]).await;
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([])).await, Ok(false));
    assert_eq!(ownerships_on(&*t.users, 1).await, rival);
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([(user(2), ownership(2))])).await, Ok(true));
    assert_eq!(ownerships_on(&*t.users, 1).await.owners.len(), 2);
}

pub async fn derived_items_do_not_change_the_part(t: Tables) {
    let record = owning(user(1), version(1), [(index(1), ownership(1))]);
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([])).await, Ok(true));
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &Writes::default()).await, Ok(true));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

async fn scanned(users: &dyn Users, limit: usize) -> Vec<umoja_schema::IdentifierItem> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = users.scan_identifiers(after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return items,
        }
    }
}

pub async fn a_scan_returns_every_identifier_once_with_any_page_size(t: Tables) {
    assert_eq!(scanned(&*t.users, 10).await, []);
    for n in 1..=25 {
        let item = owned(n, [(user(n), ownership(u64::from(n))), (user(n / 2), ownership(1))]);
        put_identifiers(&*t.users, [identifier_write(unowned(n), item)]).await;
    }
    for limit in [1, 7, 25, 500] {
        let items = scanned(&*t.users, limit).await;
        let distinct: BTreeSet<_> = items.iter().map(|item| item.index).collect();
        assert_eq!((items.len(), distinct.len()), (25, 25), "pages of {limit}");
        let expected = |n: u8| owned(n, [(user(n), ownership(u64::from(n))), (user(n / 2), ownership(1))]);
        assert!(items.iter().all(|item| (1..=25).any(|n| *item == expected(n))));
    }
}
