//! Cases of pointers between users: written with the part that points, or not at all.

use umoja_schema::{Body, Facts, Log, Part, PartRecord, UserId, Version};

use super::Tables;
use super::sample::*;
use crate::apply::{Applied, apply_copy, plan_members};
use crate::ports::{Commit, Condition, MemberWrite, Users, Writes};

/// A profile part that points at another user.
fn pointing(id: UserId, version: Version, root: Option<UserId>) -> PartRecord {
    let mut record = profile(id, version);
    let Body::Live(live) = &mut record.body else { unreachable!() };
    let Facts::Profile(facts) = &mut live.facts else { unreachable!() };
    facts.merged_into = root;
    record
}

/// Writes a part over another with the pointers that go with it.
async fn write(users: &dyn Users, before: Option<&PartRecord>, after: &PartRecord) -> Commit {
    let condition = before.map_or(Condition::Absent, |before| Condition::VersionIs(before.version.clone()));
    let parts = vec![part_write(after.clone(), condition)];
    let members = plan_members(before, after);
    users.commit(&Writes { parts, members, ..Writes::default() }).await.unwrap()
}

pub async fn a_user_at_whom_nobody_points_has_no_members(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    assert_eq!(t.users.members(user(1)).await, Ok(vec![]));
    assert_eq!(t.users.members(user(2)).await, Ok(vec![]));
}

pub async fn members_are_given_in_the_order_of_their_ids_and_only_of_that_user(t: Tables) {
    for (n, root) in [(7, 1), (3, 1), (200, 1), (5, 2), (1, 2)] {
        let record = pointing(user(n), version(1), Some(user(root)));
        assert_eq!(write(&*t.users, None, &record).await, Commit::Done);
    }
    assert_eq!(t.users.members(user(1)).await, Ok(vec![user(3), user(7), user(200)]));
    assert_eq!(t.users.members(user(2)).await, Ok(vec![user(1), user(5)]));
}

pub async fn a_pointer_is_written_with_its_part_or_not_at_all(t: Tables) {
    let before = profile(user(1), version(1));
    put(&*t.users, &before, Condition::Absent).await;
    let merged = pointing(user(1), version(3), Some(user(2)));
    let stale = profile(user(1), version(0));
    assert_eq!(write(&*t.users, Some(&stale), &merged).await, found(&before));
    assert_eq!(t.users.members(user(2)).await, Ok(vec![]));
    // Another item's condition counts as well.
    let writes = Writes {
        parts: vec![part_write(merged.clone(), Condition::VersionIs(version(1)))],
        claims: vec![claim_write(claimed(1, [(user(9), claim(1))]), unclaimed(1))],
        members: plan_members(Some(&before), &merged),
        rows: vec![(Log::Journal, row(user(1), "merged"))],
        ..Writes::default()
    };
    assert_ne!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.members(user(2)).await, Ok(vec![]));
    assert_eq!(write(&*t.users, Some(&before), &merged).await, Commit::Done);
    assert_eq!(t.users.members(user(2)).await, Ok(vec![user(1)]));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(merged)));
}

pub async fn a_pointer_that_moves_is_at_its_new_place_only(t: Tables) {
    let first = pointing(user(1), version(1), Some(user(2)));
    let second = pointing(user(1), version(2), Some(user(3)));
    write(&*t.users, None, &first).await;
    assert_eq!(write(&*t.users, Some(&first), &second).await, Commit::Done);
    assert_eq!(t.users.members(user(2)).await, Ok(vec![]));
    assert_eq!(t.users.members(user(3)).await, Ok(vec![user(1)]));
    let unmerged = pointing(user(1), version(3), None);
    assert_eq!(write(&*t.users, Some(&second), &unmerged).await, Commit::Done);
    assert_eq!(t.users.members(user(3)).await, Ok(vec![]));
}

pub async fn an_erasure_removes_the_pointer_and_leaves_those_of_others(t: Tables) {
    let (one, two) = (pointing(user(1), version(1), Some(user(3))), pointing(user(2), version(1), Some(user(3))));
    write(&*t.users, None, &one).await;
    write(&*t.users, None, &two).await;
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(2));
    assert_eq!(write(&*t.users, Some(&one), &tombstone).await, Commit::Done);
    assert_eq!(t.users.members(user(3)).await, Ok(vec![user(2)]));
}

pub async fn a_pointer_that_is_written_again_changes_nothing_and_refuses_nothing(t: Tables) {
    let write = |present| MemberWrite { root: user(1), member: user(2), present };
    for present in [true, true, false, false] {
        let writes = Writes { members: vec![write(present)], ..Writes::default() };
        assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
        assert_eq!(t.users.members(user(1)).await, Ok(if present { vec![user(2)] } else { vec![] }));
    }
}

pub async fn what_needs_another_users_profile_to_stay_as_it_was_is_done_only_then(t: Tables) {
    let before = profile(user(1), version(1));
    put(&*t.users, &before, Condition::Absent).await;
    let merged = pointing(user(1), version(2), Some(user(2)));
    let writes = Writes {
        parts: vec![part_write(merged.clone(), Condition::VersionIs(version(1)))],
        members: plan_members(Some(&before), &merged),
        unchanged: vec![(user(2), version(5))],
        rows: vec![(Log::Journal, row(user(1), "merged"))],
        ..Writes::default()
    };
    let conflict = found(&before);
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "absent");
    put(&*t.users, &credentials(user(2), version(5)), Condition::Absent).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "half there");
    put(&*t.users, &profile(user(2), version(6)), Condition::Absent).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "written since");
    put(&*t.users, &PartRecord::tombstone(user(2), Part::Profile, erased(5)), Condition::Older).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict), "erased");
    assert_eq!(t.users.members(user(2)).await, Ok(vec![]));
    assert_eq!(t.logs.rows(Log::Journal, user(1)).await, Ok(vec![]));
    put(&*t.users, &profile(user(3), version(9)), Condition::Absent).await;
    assert_eq!(t.users.commit(&Writes { unchanged: vec![(user(3), version(9))], ..writes }).await, Ok(Commit::Done));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(merged)));
}

pub async fn a_user_may_point_at_itself(t: Tables) {
    let record = pointing(user(1), version(1), Some(user(1)));
    write(&*t.users, None, &record).await;
    assert_eq!(t.users.members(user(1)).await, Ok(vec![user(1)]));
}

pub async fn copies_in_any_order_leave_the_pointer_of_the_newest(t: Tables) {
    let here = region(HERE);
    let copies = [
        pointing(user(1), version(1), None),
        pointing(user(1), version(2), Some(user(2))),
        pointing(user(1), version(3), Some(user(3))),
    ];
    for (n, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]].into_iter().enumerate() {
        let id = user(u8::try_from(n).unwrap() + 10);
        for at in order {
            let copy = PartRecord { id, ..copies[at].clone() };
            apply_copy(&*t.users, &copy, &here).await.unwrap();
        }
        assert!(!t.users.members(user(2)).await.unwrap().contains(&id), "{order:?}");
        assert!(t.users.members(user(3)).await.unwrap().contains(&id), "{order:?}");
    }
    let erased = PartRecord::tombstone(user(10), Part::Profile, erased(1));
    assert_eq!(apply_copy(&*t.users, &erased, &here).await, Ok(Applied::Written));
    assert_eq!(t.users.members(user(3)).await, Ok(vec![user(11), user(12), user(13)]));
}
