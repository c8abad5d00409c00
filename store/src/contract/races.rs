//! Cases of concurrent writers. A writer that loses reads and decides again, as the services do.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::{Attribute, Log, Part, UserId};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, Users, Writes};

const WRITERS: u8 = 16;

pub async fn one_of_many_writers_over_one_version_wins(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let users = Arc::clone(&t.users);
        let record = profile(user(1), version(u64::from(n) + 2));
        tasks.spawn(async move { (record.clone(), put(&*users, &record, Condition::VersionIs(version(1))).await) });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<_> =
        outcomes.iter().filter(|(_, commit)| *commit == Commit::Done).map(|(record, _)| record).collect();
    assert_eq!(winners.len(), 1);
    assert!(
        outcomes.iter().filter(|(_, commit)| *commit != Commit::Done).all(|(_, commit)| *commit == found(winners[0]))
    );
    assert_eq!(t.users.part(user(1), Part::Profile).await.unwrap().as_ref(), Some(winners[0]));
}

pub async fn one_of_many_first_writers_of_a_user_wins(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            let ms = u64::from(n) + 1;
            let parts = vec![
                part_write(profile(user(1), version(ms)), Condition::Absent),
                part_write(credentials(user(1), version(ms)), Condition::Absent),
            ];
            let writes = Writes { parts, ..Writes::default() };
            loop {
                match users.commit(&writes).await.unwrap() {
                    Commit::Done => break true,
                    Commit::Conflict { stored } if stored.iter().all(Option::is_none) => {} // came early
                    Commit::Conflict { .. } => break false,
                }
            }
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let stored = t.users.parts(user(1)).await.unwrap();
    assert_eq!(stored.profile.unwrap().version, stored.credentials.unwrap().version);
}

pub async fn no_update_of_a_hot_part_is_lost(t: Tables) {
    const TURNS: u64 = 6;
    let mut first = profile(user(1), version(1));
    first.unknown.insert("count".into(), 0u64.into());
    put(&*t.users, &first, Condition::Absent).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            for _ in 0..TURNS {
                while !count_up(&*users).await {}
            }
        });
    }
    tasks.join_all().await;
    let stored = t.users.part(user(1), Part::Profile).await.unwrap().unwrap();
    assert_eq!(stored.unknown["count"], Attribute::from(8 * TURNS));
}

async fn count_up(users: &dyn Users) -> bool {
    let stored = users.part(user(1), Part::Profile).await.unwrap().unwrap();
    let Some(Attribute::N(count)) = stored.unknown.get("count") else { panic!("no count") };
    let mut next = profile(user(1), version(stored.version.hlc.millis().0 + 1));
    next.unknown.insert("count".into(), (count.parse::<u64>().unwrap() + 1).into());
    put(users, &next, Condition::VersionIs(stored.version)).await == Commit::Done
}

pub async fn concurrent_versions_in_any_order_leave_the_newest(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let users = Arc::clone(&t.users);
        let record = credentials(user(1), version(u64::from(n * 7 % WRITERS) + 1));
        tasks.spawn(async move { put(&*users, &record, Condition::Older).await });
    }
    tasks.join_all().await;
    let newest = credentials(user(1), version(u64::from(WRITERS)));
    assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(Some(newest)));
}

/// Registers a user with these identifiers, in this order; false if one is taken.
async fn register(users: &dyn Users, id: UserId, identifiers: &[u8]) -> bool {
    let ownerships: Vec<_> = identifiers.iter().map(|n| (index(*n), ownership(1))).collect();
    let writes = Writes {
        parts: vec![
            part_write(owning(id, version(1), ownerships), Condition::Absent),
            part_write(credentials(id, version(1)), Condition::Absent),
        ],
        ownerships: identifiers
            .iter()
            .map(|n| identifier_write(unowned(*n), owned(*n, [(id, ownership(1))])))
            .collect(),
        rows: vec![(Log::Audit, row(id, "registered"))],
        ..Writes::default()
    };
    let indexes: Vec<_> = identifiers.iter().map(|n| index(*n)).collect();
    while users.commit(&writes).await.unwrap() != Commit::Done {
        if users.ownerships(&indexes).await.unwrap().iter().any(|item| !item.owners.is_empty()) {
            return false;
        }
    }
    true
}

pub async fn one_of_many_registrations_of_an_identifier_wins(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 1..=WRITERS {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move { (user(n), register(&*users, user(n), &[1]).await) });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, won)| *won).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(ownerships_on(&*t.users, 1).await, owned(1, [(winners[0], ownership(1))]));
    for (id, won) in outcomes {
        let parts = t.users.parts(id).await.unwrap();
        assert_eq!((parts.profile.is_some(), parts.credentials.is_some()), (won, won));
        assert_eq!(t.logs.rows(Log::Audit, id).await.unwrap().len(), usize::from(won));
    }
}

pub async fn registrations_in_different_identifier_orders_do_not_deadlock(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 1..=WRITERS {
        let users = Arc::clone(&t.users);
        let order = if n % 2 == 0 { [1, 2, 3] } else { [3, 2, 1] };
        tasks.spawn(async move { register(&*users, user(n), &order).await });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let winner = ownerships_on(&*t.users, 1).await.winner().unwrap().0;
    for n in 1..=3 {
        assert_eq!(ownerships_on(&*t.users, n).await, owned(n, [(winner, ownership(1))]));
    }
}

pub async fn concurrent_owners_are_all_stored(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 1..=WRITERS {
        let users = Arc::clone(&t.users);
        tasks.spawn(async move {
            loop {
                let before = ownerships_on(&*users, 1).await;
                let after = before.with(user(n), Some(&ownership(u64::from(n)))).unwrap();
                if put_identifiers(&*users, [identifier_write(before, after)]).await == Commit::Done {
                    break;
                }
            }
        });
    }
    tasks.join_all().await;
    let wanted = owned(1, (1..=WRITERS).map(|n| (user(n), ownership(u64::from(n)))));
    assert_eq!(ownerships_on(&*t.users, 1).await, wanted);
}

pub async fn at_most_one_of_many_writers_of_a_new_row_succeeds(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 1..=WRITERS {
        let users = Arc::clone(&t.users);
        let writes = Writes {
            parts: vec![part_write(profile(user(n), version(1)), Condition::Absent)],
            new_rows: vec![(Log::Audit, row(user(1), "1"))],
            ..Writes::default()
        };
        tasks.spawn(async move { (n, users.commit(&writes).await.unwrap() == Commit::Done) });
    }
    let winners: Vec<_> = tasks.join_all().await.into_iter().filter(|(_, won)| *won).map(|(n, _)| n).collect();
    // Two writers that meet may both be rejected. A retry then succeeds.
    assert!(winners.len() <= 1, "{winners:?}");
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await.unwrap().len(), winners.len());
    for n in 1..=WRITERS {
        assert_eq!(t.users.part(user(n), Part::Profile).await.unwrap().is_some(), winners.contains(&n));
    }
}
