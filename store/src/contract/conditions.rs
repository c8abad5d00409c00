//! Cases of [`Condition`]: when a part is written, and what a conflict reports.

use umoja_schema::{Part, PartRecord};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, Parts, Writes};

pub async fn absent_holds_only_without_a_stored_part(t: Tables) {
    let first = profile(user(1), version(5));
    assert_eq!(put(&*t.users, &first, Condition::Absent).await, Commit::Done);
    for later in [version(4), version(5), version(6)] {
        assert_eq!(put(&*t.users, &profile(user(1), later), Condition::Absent).await, found(&first));
    }
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(first)));
}

pub async fn absent_does_not_hold_over_a_tombstone(t: Tables) {
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(1));
    put(&*t.users, &tombstone, Condition::Absent).await;
    assert_eq!(put(&*t.users, &profile(user(1), version(2)), Condition::Absent).await, found(&tombstone));
}

pub async fn version_is_holds_only_for_that_version(t: Tables) {
    let first = profile(user(1), version(5));
    put(&*t.users, &first, Condition::Absent).await;
    let next = profile(user(1), version(7));
    for other in [version(4), version(6), version_of(5, "af-south-1"), erased(5)] {
        assert_eq!(put(&*t.users, &next, Condition::VersionIs(other)).await, found(&first));
    }
    assert_eq!(put(&*t.users, &next, Condition::VersionIs(version(5))).await, Commit::Done);
    assert_eq!(put(&*t.users, &next, Condition::VersionIs(version(5))).await, found(&next));
}

pub async fn version_is_does_not_hold_without_a_stored_part(t: Tables) {
    let next = profile(user(1), version(7));
    let conflict = Commit::Conflict { stored: vec![None] };
    assert_eq!(put(&*t.users, &next, Condition::VersionIs(version(5))).await, conflict);
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(None));
}

pub async fn older_holds_only_without_a_part_or_over_an_older_one(t: Tables) {
    let copy = |ms| profile(user(1), version(ms));
    assert_eq!(put(&*t.users, &copy(5), Condition::Older).await, Commit::Done);
    assert_eq!(put(&*t.users, &copy(5), Condition::Older).await, found(&copy(5)), "the same version");
    assert_eq!(put(&*t.users, &copy(4), Condition::Older).await, found(&copy(5)), "an older one");
    assert_eq!(put(&*t.users, &copy(6), Condition::Older).await, Commit::Done, "a newer one");
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(copy(6))));
}

pub async fn older_compares_timestamps_as_numbers(t: Tables) {
    for ms in [9, 10, 99, 100, 255, 256, 1_700_000_000_000, (1 << 48) - 1] {
        assert_eq!(put(&*t.users, &profile(user(1), version(ms)), Condition::Older).await, Commit::Done, "{ms}");
    }
    assert_ne!(put(&*t.users, &profile(user(1), version(1 << 40)), Condition::Older).await, Commit::Done);
}

pub async fn the_origin_breaks_a_tie_of_timestamps(t: Tables) {
    let copy = |origin| profile(user(1), version_of(5, origin));
    put(&*t.users, &copy("b"), Condition::Older).await;
    assert_eq!(put(&*t.users, &copy("a"), Condition::Older).await, found(&copy("b")));
    assert_eq!(put(&*t.users, &copy("b-2"), Condition::Older).await, Commit::Done);
    assert_eq!(put(&*t.users, &copy("c"), Condition::Older).await, Commit::Done);
}

pub async fn an_erasure_wins_over_every_live_write(t: Tables) {
    put(&*t.users, &profile(user(1), version(900)), Condition::Older).await;
    let tombstone = |ms| PartRecord::tombstone(user(1), Part::Profile, erased(ms));
    assert_eq!(put(&*t.users, &tombstone(5), Condition::Older).await, Commit::Done);
    assert_eq!(put(&*t.users, &profile(user(1), version(1000)), Condition::Older).await, found(&tombstone(5)));
    assert_eq!(put(&*t.users, &tombstone(4), Condition::Older).await, found(&tombstone(5)));
    assert_eq!(put(&*t.users, &tombstone(6), Condition::Older).await, Commit::Done);
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(tombstone(6))));
}

pub async fn two_parts_are_written_together_or_not_at_all(t: Tables) {
    let both = |ms, condition: Condition| Writes {
        parts: vec![
            part_write(profile(user(1), version(ms)), condition.clone()),
            part_write(credentials(user(1), version(ms)), condition),
        ],
        ..Writes::default()
    };
    assert_eq!(t.users.commit(&both(1, Condition::Absent)).await, Ok(Commit::Done));
    let stored = |p, c| Parts {
        profile: Some(profile(user(1), version(p))),
        credentials: Some(credentials(user(1), version(c))),
    };
    assert_eq!(t.users.parts(user(1)).await, Ok(stored(1, 1)));
    put(&*t.users, &credentials(user(1), version(3)), Condition::Older).await;
    let conflict = t.users.commit(&both(2, Condition::Older)).await.unwrap();
    assert_ne!(conflict, Commit::Done, "the credentials are newer already");
    assert_eq!(t.users.parts(user(1)).await, Ok(stored(1, 3)), "so the profile was not written either");
}

pub async fn a_conflict_returns_every_stored_part_in_order(t: Tables) {
    let (mine, other) = (profile(user(1), version(1)), credentials(user(2), version(1)));
    put(&*t.users, &mine, Condition::Absent).await;
    put(&*t.users, &other, Condition::Absent).await;
    let parts = vec![
        part_write(credentials(user(1), version(2)), Condition::Absent), // holds: no part is stored
        part_write(credentials(user(2), version(2)), Condition::Absent), // does not hold
        part_write(profile(user(1), version(2)), Condition::Older),      // holds, something is stored
        part_write(profile(user(2), version(2)), Condition::VersionIs(version(1))), // does not hold: no part is stored
    ];
    let conflict = Commit::Conflict { stored: vec![None, Some(other), Some(mine), None] };
    assert_eq!(t.users.commit(&Writes { parts, ..Writes::default() }).await, Ok(conflict));
}

pub async fn parts_of_several_users_are_written_together(t: Tables) {
    let parts = (1..=20).map(|n| part_write(profile(user(n), version(1)), Condition::Absent)).collect();
    let mut writes = Writes { parts, ..Writes::default() };
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    for n in 1..=20 {
        assert!(t.users.part(user(n), Part::Profile).await.unwrap().is_some());
    }
    writes.parts.rotate_left(3);
    let stored = writes.parts.iter().map(|write| Some(write.record.clone())).collect();
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Conflict { stored }));
}

pub async fn a_repeated_write_finds_itself_stored(t: Tables) {
    let record = profile(user(1), version(2));
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    put(&*t.users, &record, Condition::VersionIs(version(1))).await;
    let Commit::Conflict { stored } = put(&*t.users, &record, Condition::VersionIs(version(1))).await else {
        panic!("the condition must fail")
    };
    assert!(stored[0].as_ref().unwrap().is_same_write(&record));
}
