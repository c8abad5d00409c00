//! Cases of wrapped keys: within one version, the set of keys of listed regions only grows, and the version does not
//! change.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Body, Part, PartRecord};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, KeyAdded, KeyRemoved};

fn with_key(mut record: PartRecord, name: &str, wrapped: &[u8]) -> PartRecord {
    let Body::Live(live) = &mut record.body else { unreachable!() };
    live.keys.insert(region(name), wrapped.to_vec());
    record
}

pub async fn adding_a_wrapped_key_changes_no_other_attribute(t: Tables) {
    let mut record = owning(user(1), version(1), [(index(1), ownership(1))]);
    record.unknown = every_type();
    put(&*t.users, &record, Condition::Absent).await;
    let added =
        t.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region("af-south-1"), None, &[1, 2]).await;
    assert_eq!(added, Ok(KeyAdded::Added));
    let wanted = with_key(record, "af-south-1", &[1, 2]);
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(wanted)));
}

pub async fn an_existing_wrapped_key_is_not_replaced(t: Tables) {
    let record = profile(user(1), version(1));
    put(&*t.users, &record, Condition::Absent).await;
    let added = t.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region(HERE), None, &[1, 2]).await;
    assert_eq!(added, Ok(KeyAdded::Present));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

pub async fn a_wrapped_key_of_another_version_is_not_added(t: Tables) {
    let record = profile(user(1), version(5));
    put(&*t.users, &record, Condition::Absent).await;
    for other in [version(4), version(6), version_of(5, "af-south-1"), erased(5)] {
        let added = t.users.add_wrapped_key(user(1), Part::Profile, &other, &region("af-south-1"), None, &[1]).await;
        assert_eq!(added, Ok(KeyAdded::OtherVersion(Some(version(5)))));
        // The same if the region has an entry of that other version.
        let added = t.users.add_wrapped_key(user(1), Part::Profile, &other, &region(HERE), None, &[1]).await;
        assert_eq!(added, Ok(KeyAdded::OtherVersion(Some(version(5)))));
    }
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

pub async fn a_wrapped_key_of_an_absent_part_is_not_added(t: Tables) {
    put(&*t.users, &credentials(user(1), version(1)), Condition::Absent).await;
    let added = t.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region(HERE), None, &[1]).await;
    assert_eq!(added, Ok(KeyAdded::OtherVersion(None)));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(None));
}

pub async fn no_wrapped_key_is_added_to_a_tombstone(t: Tables) {
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(1));
    put(&*t.users, &tombstone, Condition::Absent).await;
    for version in [erased(1), version(1)] {
        let added = t.users.add_wrapped_key(user(1), Part::Profile, &version, &region(HERE), None, &[1]).await;
        assert_eq!(added, Ok(KeyAdded::OtherVersion(Some(erased(1)))));
    }
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(tombstone)));
}

pub async fn concurrent_wrapped_keys_of_many_regions_are_all_stored(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let mut tasks = JoinSet::new();
    for n in 0..12u8 {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            let region = region(&format!("r{n}"));
            users.add_wrapped_key(user(1), Part::Profile, &version(1), &region, None, &[n]).await
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|added| added == Ok(KeyAdded::Added)));
    let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
    assert_eq!(stored.live().unwrap().keys.len(), 13);
    assert_eq!(stored.version, version(1));
}

pub async fn one_of_many_wrapped_keys_for_a_region_is_added(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let mut tasks = JoinSet::new();
    for n in 0..12u8 {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            let added =
                users.add_wrapped_key(user(1), Part::Profile, &version(1), &region("af-south-1"), None, &[n]).await;
            (n, added.unwrap())
        });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<u8> = outcomes.iter().filter(|(_, added)| *added == KeyAdded::Added).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(outcomes.iter().filter(|(_, added)| *added == KeyAdded::Present).count(), 11);
    let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
    assert_eq!(stored.live().unwrap().keys[&region("af-south-1")], winners);
}

pub async fn a_key_repair_never_changes_a_newer_version(t: Tables) {
    for n in 1..=20 {
        put(&*t.users, &profile(user(n), version(1)), Condition::Absent).await;
        let (writer, repair) = (Arc::clone(&t.users), Arc::clone(&t.users));
        let write = tokio::spawn(async move { put(&*writer, &profile(user(n), version(2)), Condition::Older).await });
        let add = tokio::spawn(async move {
            repair.add_wrapped_key(user(n), Part::Profile, &version(1), &region("af-south-1"), None, &[1]).await
        });
        assert_eq!(write.await.unwrap(), Commit::Done);
        let added = add.await.unwrap().unwrap();
        assert!(matches!(added, KeyAdded::Added | KeyAdded::OtherVersion(Some(_))), "{added:?}");
        assert_eq!(t.users.part(user(n), Part::Profile).await, Ok(Some(profile(user(n), version(2)))));
    }
}

pub async fn removing_a_wrapped_key_changes_no_other_attribute(t: Tables) {
    let mut record = owning(user(1), version(1), [(index(1), ownership(1))]);
    record.unknown = every_type();
    put(&*t.users, &with_key(record.clone(), "af-south-1", &[1, 2]), Condition::Absent).await;
    let remove = async || t.users.remove_wrapped_key(user(1), Part::Profile, &version(1), &region("af-south-1")).await;
    assert_eq!(remove().await, Ok(KeyRemoved::Removed));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record.clone())));
    assert_eq!(remove().await, Ok(KeyRemoved::Absent));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
}

pub async fn a_wrapped_key_of_another_version_is_not_removed(t: Tables) {
    let record = profile(user(1), version(5));
    put(&*t.users, &record, Condition::Absent).await;
    for other in [version(4), version(6), version_of(5, "af-south-1"), erased(5)] {
        let removed = t.users.remove_wrapped_key(user(1), Part::Profile, &other, &region(HERE)).await;
        assert_eq!(removed, Ok(KeyRemoved::OtherVersion(Some(version(5)))));
    }
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(record)));
    let absent = t.users.remove_wrapped_key(user(1), Part::Credentials, &version(5), &region(HERE)).await;
    assert_eq!(absent, Ok(KeyRemoved::OtherVersion(None)));
}

pub async fn a_tombstone_has_no_wrapped_key_to_remove(t: Tables) {
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(1));
    put(&*t.users, &tombstone, Condition::Absent).await;
    let removed = t.users.remove_wrapped_key(user(1), Part::Profile, &erased(1), &region(HERE)).await;
    assert_eq!(removed, Ok(KeyRemoved::OtherVersion(Some(erased(1)))));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(tombstone)));
}
