//! Cases of derived state that is written without the part that it is derived from.

use std::collections::BTreeSet;

use umoja_schema::{Log, Part};

use super::Tables;
use super::sample::*;
use crate::ports::{Condition, Users, Writes};

/// The claims that user 1 is to have: one on identifier 1, after `before`.
fn missing(before: impl IntoIterator<Item = (umoja_schema::UserId, umoja_schema::Claim)>) -> Writes {
    let before = claimed(1, before);
    let after = before.with(user(1), Some(&claim(1))).unwrap();
    Writes {
        claims: vec![claim_write(before, after)],
        rows: vec![(Log::Journal, row(user(1), "a"))],
        ..Writes::default()
    }
}

pub async fn what_is_derived_from_a_part_is_written_while_the_part_is_of_that_version(t: Tables) {
    put(&*t.users, &claiming(user(1), version(2), [(index(1), claim(1))]), Condition::Absent).await;
    for other in [version(1), version(3), erased(2), version_of(2, "af-south-1")] {
        assert_eq!(t.users.derive(user(1), Some(&other), &missing([])).await, Ok(false));
    }
    assert_eq!(t.users.derive(user(1), None, &missing([])).await, Ok(false));
    assert_eq!(claims_on(&*t.users, 1).await, unclaimed(1));
    assert_eq!(t.logs.row(Log::Journal, user(1), "a").await, Ok(None));
    assert_eq!(t.users.derive(user(1), Some(&version(2)), &missing([])).await, Ok(true));
    assert_eq!(claims_on(&*t.users, 1).await, claimed(1, [(user(1), claim(1))]));
    assert_eq!(t.logs.row(Log::Journal, user(1), "a").await, Ok(Some(row(user(1), "a"))));
}

pub async fn what_is_derived_from_nothing_is_written_while_there_is_no_part(t: Tables) {
    let item = claimed(1, [(user(1), claim(1)), (user(2), claim(2))]);
    put_claims(&*t.users, [claim_write(unclaimed(1), item.clone())]).await;
    let superfluous = |n: u8| {
        let after = item.with(user(n), None).unwrap();
        Writes { claims: vec![claim_write(item.clone(), after)], ..Writes::default() }
    };
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    assert_eq!(t.users.derive(user(1), None, &superfluous(1)).await, Ok(false));
    // Another part is not the one that is derived from.
    put(&*t.users, &credentials(user(2), version(1)), Condition::Absent).await;
    assert_eq!(t.users.derive(user(2), Some(&version(1)), &superfluous(2)).await, Ok(false));
    assert_eq!(t.users.derive(user(2), None, &superfluous(2)).await, Ok(true));
    assert_eq!(claims_on(&*t.users, 1).await, claimed(1, [(user(1), claim(1))]));
}

pub async fn what_is_derived_over_other_claimants_is_not_written(t: Tables) {
    put(&*t.users, &claiming(user(1), version(1), [(index(1), claim(1))]), Condition::Absent).await;
    let rival = claimed(1, [(user(2), claim(2))]);
    put_claims(&*t.users, [claim_write(unclaimed(1), rival.clone())]).await;
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([])).await, Ok(false));
    assert_eq!(claims_on(&*t.users, 1).await, rival);
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([(user(2), claim(2))])).await, Ok(true));
    assert_eq!(claims_on(&*t.users, 1).await.claimants.len(), 2);
}

pub async fn what_is_derived_does_not_touch_the_part(t: Tables) {
    let record = claiming(user(1), version(1), [(index(1), claim(1))]);
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &missing([])).await, Ok(true));
    assert_eq!(t.users.derive(user(1), Some(&version(1)), &Writes::default()).await, Ok(true));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

async fn scanned(users: &dyn Users, limit: usize) -> Vec<umoja_schema::ClaimItem> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = users.scan_claims(after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return items,
        }
    }
}

pub async fn a_scan_of_claims_gives_every_identifier_exactly_once_whatever_the_page_size(t: Tables) {
    assert_eq!(scanned(&*t.users, 10).await, []);
    for n in 1..=25 {
        let item = claimed(n, [(user(n), claim(u64::from(n))), (user(n / 2), claim(1))]);
        put_claims(&*t.users, [claim_write(unclaimed(n), item)]).await;
    }
    for limit in [1, 7, 25, 500] {
        let items = scanned(&*t.users, limit).await;
        let distinct: BTreeSet<_> = items.iter().map(|item| item.index).collect();
        assert_eq!((items.len(), distinct.len()), (25, 25), "pages of {limit}");
        let expected = |n: u8| claimed(n, [(user(n), claim(u64::from(n))), (user(n / 2), claim(1))]);
        assert!(items.iter().all(|item| (1..=25).any(|n| *item == expected(n))));
    }
}
