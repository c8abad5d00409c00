//! Cases of a region's stream: it delivers every change of replicated items in the order of the writes, and no other
//! change.

use std::collections::BTreeSet;

use umoja_schema::names::{attribute, table};
use umoja_schema::{Attributes, Log, Part, PartRecord, UserId};

use super::sample::*;
use super::{Changes, Streamed};
use crate::ports::{Commit, Condition, KeyAdded, LinkedAccountWrite, Outcome, Writes};

/// The images of one user's part, in order.
async fn images(changes: &dyn Changes, id: UserId, part: Part) -> Vec<Attributes> {
    let (id, part) = (id.to_string().into(), part.as_str().into());
    let of_part =
        |image: &Attributes| image.get(attribute::ID) == Some(&id) && image.get(attribute::PART) == Some(&part);
    let users = changes.all().await.into_iter().filter(|change| change.table == table::USERS);
    users.map(|change| change.image).filter(of_part).collect()
}

pub async fn every_write_of_a_part_appears_in_order(s: Streamed) {
    let mut written = Vec::new();
    for ms in 1..=5 {
        let mut record = owning(user(1), version(ms), [(index(1), ownership(1))]);
        record.unknown = every_type();
        put(&*s.tables.users, &record, Condition::Older).await;
        put(&*s.tables.users, &credentials(user(2), version(ms)), Condition::Older).await;
        written.push(record.to_item());
    }
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(1));
    put(&*s.tables.users, &tombstone, Condition::Older).await;
    written.push(tombstone.to_item());
    assert_eq!(images(&*s.changes, user(1), Part::Profile).await, written);
}

pub async fn every_change_has_a_unique_sequence(s: Streamed) {
    for n in 1..=5 {
        put(&*s.tables.users, &profile(user(n), version(1)), Condition::Absent).await;
        s.tables.logs.append(Log::Journal, &row(user(n), "a")).await.unwrap();
    }
    let all = s.changes.all().await;
    let distinct: BTreeSet<_> = all.iter().map(|change| (change.table.clone(), change.sequence.clone())).collect();
    assert_eq!((all.len(), distinct.len()), (10, 10));
}

pub async fn parts_of_a_transaction_appear_but_identifiers_do_not(s: Streamed) {
    let record = owning(user(1), version(1), [(index(1), ownership(1))]);
    let writes = Writes {
        parts: vec![
            part_write(record.clone(), Condition::Absent),
            part_write(credentials(user(1), version(1)), Condition::Absent),
        ],
        ownerships: vec![identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))],
        rows: vec![(Log::Journal, row(user(1), "a"))],
        ..Writes::default()
    };
    assert_eq!(s.tables.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(images(&*s.changes, user(1), Part::Profile).await, [record.to_item()]);
    assert_eq!(images(&*s.changes, user(1), Part::Credentials).await, [credentials(user(1), version(1)).to_item()]);
    let tables: Vec<_> = s.changes.all().await.into_iter().map(|change| change.table).collect();
    assert_eq!(tables.iter().filter(|name| *name == table::USERS).count(), 2);
    assert_eq!(tables.iter().filter(|name| *name == table::JOURNAL).count(), 1);
    assert_eq!(tables.len(), 3);
}

pub async fn a_rejected_write_does_not_appear(s: Streamed) {
    let record = profile(user(1), version(5));
    put(&*s.tables.users, &record, Condition::Absent).await;
    put(&*s.tables.users, &profile(user(1), version(4)), Condition::Older).await;
    put(&*s.tables.users, &profile(user(1), version(6)), Condition::Absent).await;
    let writes = Writes {
        parts: vec![part_write(profile(user(1), version(7)), Condition::Older)],
        ownerships: vec![identifier_write(owned(1, [(user(9), ownership(1))]), unowned(1))],
        rows: vec![(Log::Journal, row(user(1), "a"))],
        ..Writes::default()
    };
    assert_ne!(s.tables.users.commit(&writes).await, Ok(Commit::Done));
    let all = s.changes.all().await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].image, record.to_item());
}

pub async fn an_added_wrapped_key_appears_with_the_same_version(s: Streamed) {
    put(&*s.tables.users, &profile(user(1), version(1)), Condition::Absent).await;
    for _ in 0..2 {
        let region = region("af-south-1");
        let added =
            s.tables.users.add_wrapped_key(user(1), Part::Profile, &version(1), &region, None, &[1]).await.unwrap();
        assert!(matches!(added, KeyAdded::Added | KeyAdded::Present));
    }
    let images = images(&*s.changes, user(1), Part::Profile).await;
    assert_eq!(images.len(), 2, "the second call finds the key stored");
    let record = PartRecord::from_item(images[1].clone()).unwrap();
    assert_eq!(record.version, version(1));
    assert_eq!(record.live().unwrap().keys.len(), 2);
}

pub async fn a_row_written_repeatedly_appears_once(s: Streamed) {
    for log in Log::ALL {
        for _ in 0..2 {
            s.tables.logs.append(log, &row(user(1), "a")).await.unwrap();
            let rows = vec![(log, row(user(1), "a")), (log, row(user(1), "b"))];
            assert_eq!(s.tables.users.commit(&Writes { rows, ..Writes::default() }).await, Ok(Commit::Done));
        }
    }
    let all = s.changes.all().await;
    for log in Log::ALL {
        let of_log: Vec<_> =
            all.iter().filter(|change| change.table == log.table()).map(|change| &change.image).collect();
        assert_eq!(of_log, [&row(user(1), "a").to_item(), &row(user(1), "b").to_item()]);
    }
}

pub async fn dropping_a_row_does_not_appear(s: Streamed) {
    s.tables.logs.append(Log::Audit, &row(user(1), "a")).await.unwrap();
    s.tables.logs.drop_row(Log::Audit, user(1), "a").await.unwrap();
    let all = s.changes.all().await;
    assert_eq!(all.iter().map(|change| &change.image).collect::<Vec<_>>(), [&row(user(1), "a").to_item()]);
}

pub async fn every_version_of_an_item_appears_but_its_drop_does_not(s: Streamed) {
    let written = [1, 2].map(|ms| item(user(1), "a", version(ms)));
    for item in &written {
        put_item(&*s.tables.users, item, Condition::Older).await;
        put_item(&*s.tables.users, item, Condition::Older).await;
    }
    s.tables.items.drop_items(&SAMPLE, user(1)).await.unwrap();
    let all = s.changes.all().await;
    assert!(all.iter().all(|change| change.table == SAMPLE.name));
    assert_eq!(all.into_iter().map(|change| change.image).collect::<Vec<_>>(), written.map(|item| item.to_item()));
}

pub async fn items_local_to_a_region_do_not_appear(s: Streamed) {
    let now = umoja_schema::Millis(1_000_000);
    put_identifiers(&*s.tables.users, [identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))]).await;
    let linked_accounts = vec![LinkedAccountWrite { primary: user(1), linked: user(2), present: true }];
    s.tables.users.commit(&Writes { linked_accounts, ..Writes::default() }).await.unwrap();
    s.tables.registry.put_setting("a", &serde_json::json!(1)).await.unwrap();
    s.tables.requests.first_use(&[1; 32], now, now.plus(1000)).await.unwrap();
    let outcome = Outcome { request: "r".into(), ..Outcome::default() };
    s.tables.requests.begin(&[1; 32], outcome, now, now.plus(1000)).await.unwrap();
    assert_eq!(s.changes.all().await, []);
}
