//! Cases of ownerships: they are written with their parts, on the condition that the owners are unchanged since the
//! read.

use umoja_schema::{Log, Ownership, Part};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, Writes};

pub async fn an_identifier_without_an_owner_has_none(t: Tables) {
    assert_eq!(t.users.ownerships(&[index(1)]).await, Ok(vec![unowned(1)]));
    assert_eq!(t.users.ownerships(&[]).await, Ok(vec![]));
}

pub async fn identifiers_are_read_in_the_order_of_the_request(t: Tables) {
    let item = |n| owned(n, [(user(n), ownership(u64::from(n)))]);
    for n in [2, 4, 6, 8] {
        assert_eq!(put_identifiers(&*t.users, [identifier_write(unowned(n), item(n))]).await, Commit::Done);
    }
    let asked: Vec<_> = [8, 1, 2, 3, 6, 5, 4, 7, 2].map(index).to_vec();
    let wanted = vec![item(8), unowned(1), item(2), unowned(3), item(6), unowned(5), item(4), unowned(7), item(2)];
    assert_eq!(t.users.ownerships(&asked).await, Ok(wanted));
}

pub async fn identifiers_of_several_requests_are_all_read(t: Tables) {
    for n in 0..=255 {
        if n % 3 == 0 {
            put_identifiers(&*t.users, [identifier_write(unowned(n), owned(n, [(user(n), ownership(1))]))]).await;
        }
    }
    let found = t.users.ownerships(&(0..=255).map(index).collect::<Vec<_>>()).await.unwrap();
    for (item, n) in found.iter().zip(0u8..=255) {
        assert_eq!(item.index, index(n));
        assert_eq!(item.owners.contains_key(&user(n)), n % 3 == 0);
    }
    assert_eq!(found.len(), 256);
}

/// A registration: a profile, its ownerships of identifiers 1 and 2, and a row.
fn registration(n: u8) -> Writes {
    let ownerships = [(index(1), ownership(1)), (index(2), ownership(1))];
    Writes {
        parts: vec![
            part_write(owning(user(n), version(1), ownerships.clone()), Condition::Absent),
            part_write(credentials(user(n), version(1)), Condition::Absent),
        ],
        ownerships: vec![
            identifier_write(unowned(1), owned(1, [(user(n), ownership(1))])),
            identifier_write(unowned(2), owned(2, [(user(n), ownership(1))])),
        ],
        rows: vec![(Log::Audit, row(user(n), "registered"))],
        ..Writes::default()
    }
}

pub async fn parts_identifiers_and_rows_are_written_together(t: Tables) {
    let writes = registration(1);
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(writes.parts[0].record.clone())));
    assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(Some(writes.parts[1].record.clone())));
    for n in [1, 2] {
        assert_eq!(ownerships_on(&*t.users, n).await, owned(n, [(user(1), ownership(1))]));
    }
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "registered")]));
}

pub async fn a_failed_identifier_condition_prevents_all_writes(t: Tables) {
    put_identifiers(&*t.users, [identifier_write(unowned(2), owned(2, [(user(9), ownership(1))]))]).await;
    let conflict = Commit::Conflict { stored: vec![None, None] };
    assert_eq!(t.users.commit(&registration(1)).await, Ok(conflict));
    assert_eq!(t.users.parts(user(1)).await, Ok(crate::ports::Parts::default()));
    assert_eq!(ownerships_on(&*t.users, 1).await, unowned(1));
    assert_eq!(ownerships_on(&*t.users, 2).await, owned(2, [(user(9), ownership(1))]));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![]));
}

pub async fn a_failed_part_condition_prevents_identifiers_and_rows(t: Tables) {
    let stored = credentials(user(1), version(1));
    put(&*t.users, &stored, Condition::Absent).await;
    let conflict = Commit::Conflict { stored: vec![None, Some(stored)] };
    assert_eq!(t.users.commit(&registration(1)).await, Ok(conflict));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(None));
    for n in [1, 2] {
        assert_eq!(ownerships_on(&*t.users, n).await, unowned(n));
    }
    assert_eq!(t.logs.row(Log::Audit, user(1), "registered").await, Ok(None));
}

pub async fn an_identifier_is_written_only_over_the_read_owners(t: Tables) {
    let stored = owned(1, [(user(1), ownership(1)), (user(2), ownership(2))]);
    put_identifiers(&*t.users, [identifier_write(unowned(1), stored.clone())]).await;
    let changed = |change: fn(&mut Ownership)| {
        let mut other = ownership(2);
        change(&mut other);
        owned(1, [(user(1), ownership(1)), (user(2), other)])
    };
    let others = [
        unowned(1),
        owned(1, [(user(1), ownership(1))]),
        owned(1, [(user(1), ownership(1)), (user(3), ownership(2))]),
        owned(1, [(user(1), ownership(1)), (user(2), ownership(2)), (user(3), ownership(3))]),
        changed(|ownership| ownership.verified = true),
        changed(|ownership| ownership.owned_since = umoja_schema::Millis(3)),
        changed(|ownership| ownership.key_version = 2),
        changed(|ownership| ownership.company = Some("acme".parse().unwrap())),
        changed(|ownership| ownership.region = region("af-south-1")),
    ];
    let after = owned(1, [(user(3), ownership(3))]);
    for before in others {
        let write = identifier_write(before.clone(), after.clone());
        assert_eq!(put_identifiers(&*t.users, [write]).await, Commit::Conflict { stored: vec![] }, "{before:?}");
        assert_eq!(ownerships_on(&*t.users, 1).await, stored);
    }
    assert_eq!(put_identifiers(&*t.users, [identifier_write(stored, after.clone())]).await, Commit::Done);
    assert_eq!(ownerships_on(&*t.users, 1).await, after);
}

pub async fn owners_that_changed_back_count_as_unchanged(t: Tables) {
    let (a, b) = (owned(1, [(user(1), ownership(1))]), owned(1, [(user(1), ownership(1)), (user(2), ownership(2))]));
    for (before, after) in [
        (unowned(1), a.clone()),
        (a.clone(), b.clone()),
        (b.clone(), a.clone()),
        (a.clone(), b.clone()),
        (b.clone(), a.clone()),
    ] {
        assert_eq!(put_identifiers(&*t.users, [identifier_write(before, after)]).await, Commit::Done);
    }
    // The read is older than both changes, but its content is current again, so the write is correct.
    assert_eq!(put_identifiers(&*t.users, [identifier_write(a.clone(), b.clone())]).await, Commit::Done);
    assert_eq!(
        put_identifiers(&*t.users, [identifier_write(a, unowned(1))]).await,
        Commit::Conflict { stored: vec![] }
    );
    assert_eq!(ownerships_on(&*t.users, 1).await, b);
}

pub async fn an_identifier_without_owners_is_deleted_and_can_be_owned_again(t: Tables) {
    let (first, second) = (owned(1, [(user(1), ownership(1))]), owned(1, [(user(2), ownership(9))]));
    put_identifiers(&*t.users, [identifier_write(unowned(1), first.clone())]).await;
    assert_eq!(put_identifiers(&*t.users, [identifier_write(first.clone(), unowned(1))]).await, Commit::Done);
    assert_eq!(ownerships_on(&*t.users, 1).await, unowned(1));
    assert_eq!(
        put_identifiers(&*t.users, [identifier_write(first, second.clone())]).await,
        Commit::Conflict { stored: vec![] }
    );
    assert_eq!(put_identifiers(&*t.users, [identifier_write(unowned(1), second.clone())]).await, Commit::Done);
    assert_eq!(ownerships_on(&*t.users, 1).await, second);
}

pub async fn an_unchanged_identifier_is_still_a_condition(t: Tables) {
    let item = owned(1, [(user(1), ownership(1))]);
    assert_eq!(put_identifiers(&*t.users, [identifier_write(unowned(1), unowned(1))]).await, Commit::Done);
    assert_eq!(
        put_identifiers(&*t.users, [identifier_write(item.clone(), item.clone())]).await,
        Commit::Conflict { stored: vec![] }
    );
    put_identifiers(&*t.users, [identifier_write(unowned(1), item.clone())]).await;
    assert_eq!(put_identifiers(&*t.users, [identifier_write(item.clone(), item.clone())]).await, Commit::Done);
    assert_eq!(
        put_identifiers(&*t.users, [identifier_write(unowned(1), unowned(1))]).await,
        Commit::Conflict { stored: vec![] }
    );
    assert_eq!(ownerships_on(&*t.users, 1).await, item);
}

pub async fn a_rename_replaces_one_identifier_by_another_atomically(t: Tables) {
    t.users.commit(&registration(1)).await.unwrap();
    let next = owning(user(1), version(2), [(index(2), ownership(1)), (index(3), ownership(2))]);
    let writes = Writes {
        parts: vec![part_write(next.clone(), Condition::VersionIs(version(1)))],
        ownerships: vec![
            identifier_write(owned(1, [(user(1), ownership(1))]), unowned(1)),
            identifier_write(unowned(3), owned(3, [(user(1), ownership(2))])),
        ],
        rows: vec![],
        ..Writes::default()
    };
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(ownerships_on(&*t.users, 1).await, unowned(1));
    assert_eq!(ownerships_on(&*t.users, 3).await, owned(3, [(user(1), ownership(2))]));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(next)));
}

pub async fn writing_a_row_twice_has_no_effect(t: Tables) {
    let mut repeated = row(user(1), "event");
    repeated.kind = "other".into();
    for (ms, row) in [(1, row(user(1), "event")), (2, repeated)] {
        let writes = Writes {
            parts: vec![part_write(profile(user(1), version(ms)), Condition::Older)],
            rows: vec![(Log::Journal, row.clone()), (Log::Journal, row)],
            ..Writes::default()
        };
        assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    }
    assert_eq!(t.logs.rows(Log::Journal, user(1)).await, Ok(vec![row(user(1), "event")]));
}

pub async fn rows_can_be_written_alone(t: Tables) {
    let rows = Log::ALL.map(|log| (log, row(user(1), log.table()))).to_vec();
    assert_eq!(t.users.commit(&Writes { rows, ..Writes::default() }).await, Ok(Commit::Done));
    for log in Log::ALL {
        assert_eq!(t.logs.rows(log, user(1)).await, Ok(vec![row(user(1), log.table())]));
    }
}

pub async fn a_new_row_is_written_with_its_part_or_not_at_all(t: Tables) {
    let writes = |ms, key: &str| Writes {
        parts: vec![part_write(profile(user(1), version(ms)), Condition::Older)],
        new_rows: vec![(Log::Audit, row(user(1), key))],
        ..Writes::default()
    };
    assert_eq!(t.users.commit(&writes(1, "1")).await, Ok(Commit::Done));
    let conflict = Commit::Conflict { stored: vec![Some(profile(user(1), version(1)))] };
    assert_eq!(t.users.commit(&writes(2, "1")).await, Ok(conflict.clone()), "the row exists");
    assert_eq!(t.users.commit(&writes(1, "2")).await, Ok(conflict), "the part is not older");
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1")]));
    assert_eq!(t.users.commit(&writes(2, "2")).await, Ok(Commit::Done));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1"), row(user(1), "2")]));
}

pub async fn new_rows_can_be_written_alone_but_only_once(t: Tables) {
    let new_rows = vec![(Log::Audit, row(user(1), "1")), (Log::Audit, row(user(1), "2"))];
    let writes = Writes { new_rows, ..Writes::default() };
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Conflict { stored: vec![] }));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1"), row(user(1), "2")]));
}
