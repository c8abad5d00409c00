//! Cases of [`Users`](crate::ports::Users): a read returns the whole write immediately.

use std::collections::BTreeSet;

use umoja_schema::{Attribute, Attributes, Body, Part, PartRecord};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, Parts, Writes};

pub async fn a_user_that_was_never_written_is_absent(t: Tables) {
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(None));
    assert_eq!(t.users.parts(user(1)).await, Ok(Parts::default()));
}

pub async fn an_acknowledged_write_is_read_immediately(t: Tables) {
    for ms in 1..=20 {
        let (profile, credentials) = (profile(user(1), version(ms)), credentials(user(1), version(ms + 100)));
        assert_eq!(put(&*t.users, &profile, Condition::Older).await, Commit::Done);
        assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(profile.clone())));
        assert_eq!(put(&*t.users, &credentials, Condition::Older).await, Commit::Done);
        assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(Some(credentials.clone())));
        let both = Parts { profile: Some(profile), credentials: Some(credentials) };
        assert_eq!(t.users.parts(user(1)).await, Ok(both));
    }
}

pub async fn the_parts_of_two_users_are_separate(t: Tables) {
    let record = profile(user(1), version(1));
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.part(user(2), Part::Profile).await, Ok(None));
    assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(None));
    assert_eq!(t.users.parts(user(2)).await, Ok(Parts::default()));
    assert_eq!(t.users.parts(user(1)).await, Ok(Parts { profile: Some(record), credentials: None }));
}

pub async fn every_fact_beside_the_envelope_is_stored(t: Tables) {
    let mut verified = ownership(3);
    verified.verified = true;
    verified.company = Some("acme".parse().unwrap());
    let mut record = owning(user(1), version(1), [(index(1), ownership(2)), (index(2), verified)]);
    let Body::Live(live) = &mut record.body else { unreachable!() };
    let umoja_schema::Facts::Profile(facts) = &mut live.facts else { unreachable!() };
    facts.merged_into = Some(user(9));
    live.keys.insert(region("af-south-1"), vec![1, 2, 3]);
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

pub async fn a_replaced_part_leaves_no_remains(t: Tables) {
    let mut before = owning(user(1), version(1), [(index(1), ownership(1))]);
    before.unknown = every_type();
    put(&*t.users, &before, Condition::Absent).await;
    let after = profile(user(1), version(2));
    put(&*t.users, &after, Condition::VersionIs(version(1))).await;
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(after)));
}

pub async fn attributes_of_a_newer_version_survive(t: Tables) {
    let mut record = credentials(user(1), version(1));
    record.unknown = every_type();
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(Some(record.clone())));
    assert_eq!(t.users.scan(None, 10).await.unwrap().records, [record]);
}

pub async fn an_envelope_of_an_unknown_format_survives(t: Tables) {
    let mut record = profile(user(1), version(1));
    let Body::Live(live) = &mut record.body else { unreachable!() };
    live.data.0 = every_type();
    live.data.0.insert("fmt".into(), 99u64.into());
    put(&*t.users, &record, Condition::Absent).await;
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

pub async fn a_large_part_is_stored_completely(t: Tables) {
    let large = |ms, byte| {
        let mut record = profile(user(1), version(ms));
        let Body::Live(live) = &mut record.body else { unreachable!() };
        live.data.0.insert("info".into(), Attribute::B(vec![byte; 300 * 1024]));
        record
    };
    put(&*t.users, &large(1, 1), Condition::Absent).await;
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(large(1, 1))));
    assert_eq!(put(&*t.users, &large(2, 2), Condition::Absent).await, found(&large(1, 1)));
    let parts = vec![
        part_write(large(2, 2), Condition::Older),
        part_write(credentials(user(1), version(2)), Condition::Absent),
    ];
    assert_eq!(t.users.commit(&Writes { parts, ..Writes::default() }).await, Ok(Commit::Done));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(large(2, 2))));
}

pub async fn an_empty_commit_succeeds(t: Tables) {
    assert_eq!(t.users.commit(&Writes::default()).await, Ok(Commit::Done));
}

pub async fn a_probe_of_a_working_store_succeeds(t: Tables) {
    assert_eq!(t.users.probe().await, Ok(()));
}

pub async fn a_scan_of_an_empty_table_ends_immediately(t: Tables) {
    let page = t.users.scan(None, 10).await.unwrap();
    assert!(page.records.is_empty());
    assert_eq!(page.next, None);
}

pub async fn a_scan_returns_every_part_once_with_any_page_size(t: Tables) {
    let mut written = Vec::new();
    for n in 1..=25 {
        written.push(profile(user(n), version(u64::from(n))));
        written.push(if n % 5 == 0 { tombstone(n) } else { credentials(user(n), version(u64::from(n) + 50)) });
    }
    for record in &written {
        put(&*t.users, record, Condition::Absent).await;
    }
    for limit in [1, 7, 50, 500] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = t.users.scan(after, limit).await.unwrap();
            assert!(page.records.len() <= limit);
            seen.extend(page.records);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), written.len(), "pages of {limit}");
        let keys: BTreeSet<_> = seen.iter().map(|record| (record.id, record.part)).collect();
        assert_eq!(keys.len(), written.len(), "pages of {limit}");
        assert!(seen.iter().all(|record| written.contains(record)));
    }
}

fn tombstone(n: u8) -> PartRecord {
    PartRecord::tombstone(user(n), Part::Credentials, erased(1))
}

pub async fn a_scan_during_writes_returns_all_earlier_parts(t: Tables) {
    for n in 1..=10 {
        put(&*t.users, &profile(user(n), version(1)), Condition::Absent).await;
    }
    let first = t.users.scan(None, 3).await.unwrap();
    for n in 1..=20 {
        put(&*t.users, &profile(user(n), version(2)), Condition::Older).await;
    }
    let mut seen: BTreeSet<_> = first.records.iter().map(|record| record.id).collect();
    let mut after = first.next;
    while let Some(from) = after {
        let page = t.users.scan(Some(from), 3).await.unwrap();
        for record in &page.records {
            assert!(seen.insert(record.id), "returned twice");
            assert_eq!(record.version, version(2), "the read follows the write");
        }
        after = page.next;
    }
    assert!((1..=10).all(|n| seen.contains(&user(n))));
}

pub async fn a_tombstone_contains_only_its_key_and_version(t: Tables) {
    let mut before = owning(user(1), version(1), [(index(1), ownership(1))]);
    before.unknown = Attributes::from([("novelty".into(), true.into())]);
    put(&*t.users, &before, Condition::Absent).await;
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(2));
    assert_eq!(put(&*t.users, &tombstone, Condition::VersionIs(version(1))).await, Commit::Done);
    let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
    assert_eq!(stored, tombstone);
    assert_eq!(stored.to_item().len(), 4);
}
