//! Cases of pointers between users: a pointer is written with its part, or not at all.

use std::collections::BTreeSet;

use umoja_schema::{Body, Facts, Log, Part, PartRecord, UserId, Version};

use super::Tables;
use super::sample::*;
use crate::apply::{Applied, apply_replicated, plan_linked_accounts};
use crate::ports::{Commit, Condition, LinkedAccountWrite, Strays, SuperfluousPointer, Users, Writes};

/// A profile part with a pointer to another user.
fn pointing(id: UserId, version: Version, primary: Option<UserId>) -> PartRecord {
    let mut record = profile(id, version);
    let Body::Live(live) = &mut record.body else { unreachable!() };
    let Facts::Profile(facts) = &mut live.facts else { unreachable!() };
    facts.merged_into = primary;
    record
}

/// Writes a part over another, with its pointers.
async fn write(users: &dyn Users, before: Option<&PartRecord>, after: &PartRecord) -> Commit {
    let condition = before.map_or(Condition::Absent, |before| Condition::VersionIs(before.version.clone()));
    let parts = vec![part_write(after.clone(), condition)];
    let linked_accounts = plan_linked_accounts(before, after);
    users.commit(&Writes { parts, linked_accounts, ..Writes::default() }).await.unwrap()
}

pub async fn a_user_without_pointers_to_it_has_no_linked_accounts(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    assert_eq!(t.users.linked_accounts(user(1)).await, Ok(vec![]));
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![]));
}

pub async fn linked_accounts_of_one_user_are_returned_in_id_order(t: Tables) {
    for (n, primary) in [(7, 1), (3, 1), (200, 1), (5, 2), (1, 2)] {
        let record = pointing(user(n), version(1), Some(user(primary)));
        assert_eq!(write(&*t.users, None, &record).await, Commit::Done);
    }
    assert_eq!(t.users.linked_accounts(user(1)).await, Ok(vec![user(3), user(7), user(200)]));
    for id in [user(1), user(3), user(99)] {
        let both = (t.users.parts(id).await.unwrap(), t.users.linked_accounts(id).await.unwrap());
        assert_eq!(t.users.user(id).await, Ok(both));
    }
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![user(1), user(5)]));
}

pub async fn a_pointer_is_written_with_its_part_or_not_at_all(t: Tables) {
    let before = profile(user(1), version(1));
    put(&*t.users, &before, Condition::Absent).await;
    let merged = pointing(user(1), version(3), Some(user(2)));
    let stale = profile(user(1), version(0));
    assert_eq!(write(&*t.users, Some(&stale), &merged).await, found(&before));
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![]));
    // The condition of another item counts too.
    let writes = Writes {
        parts: vec![part_write(merged.clone(), Condition::VersionIs(version(1)))],
        ownerships: vec![identifier_write(owned(1, [(user(9), ownership(1))]), unowned(1))],
        linked_accounts: plan_linked_accounts(Some(&before), &merged),
        rows: vec![(Log::Journal, row(user(1), "merged"))],
        ..Writes::default()
    };
    assert_ne!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![]));
    assert_eq!(write(&*t.users, Some(&before), &merged).await, Commit::Done);
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![user(1)]));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(merged)));
}

pub async fn a_moved_pointer_is_only_at_its_new_target(t: Tables) {
    let first = pointing(user(1), version(1), Some(user(2)));
    let second = pointing(user(1), version(2), Some(user(3)));
    write(&*t.users, None, &first).await;
    assert_eq!(write(&*t.users, Some(&first), &second).await, Commit::Done);
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![]));
    assert_eq!(t.users.linked_accounts(user(3)).await, Ok(vec![user(1)]));
    let unmerged = pointing(user(1), version(3), None);
    assert_eq!(write(&*t.users, Some(&second), &unmerged).await, Commit::Done);
    assert_eq!(t.users.linked_accounts(user(3)).await, Ok(vec![]));
}

pub async fn an_erasure_removes_only_the_users_own_pointer(t: Tables) {
    let (one, two) = (pointing(user(1), version(1), Some(user(3))), pointing(user(2), version(1), Some(user(3))));
    write(&*t.users, None, &one).await;
    write(&*t.users, None, &two).await;
    let tombstone = PartRecord::tombstone(user(1), Part::Profile, erased(2));
    assert_eq!(write(&*t.users, Some(&one), &tombstone).await, Commit::Done);
    assert_eq!(t.users.linked_accounts(user(3)).await, Ok(vec![user(2)]));
}

pub async fn writing_a_pointer_twice_has_no_effect(t: Tables) {
    let write = |present| LinkedAccountWrite { primary: user(1), linked: user(2), present };
    for present in [true, true, false, false] {
        let writes = Writes { linked_accounts: vec![write(present)], ..Writes::default() };
        assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
        assert_eq!(t.users.linked_accounts(user(1)).await, Ok(if present { vec![user(2)] } else { vec![] }));
    }
}

pub async fn writes_require_the_unchanged_profiles_that_they_name(t: Tables) {
    let before = profile(user(1), version(1));
    put(&*t.users, &before, Condition::Absent).await;
    let merged = pointing(user(1), version(2), Some(user(2)));
    let writes = Writes {
        parts: vec![part_write(merged.clone(), Condition::VersionIs(version(1)))],
        linked_accounts: plan_linked_accounts(Some(&before), &merged),
        unchanged: vec![(user(2), version(5))],
        rows: vec![(Log::Journal, row(user(1), "merged"))],
        ..Writes::default()
    };
    let conflict = found(&before);
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "absent");
    put(&*t.users, &credentials(user(2), version(5)), Condition::Absent).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "the profile is absent");
    put(&*t.users, &profile(user(2), version(6)), Condition::Absent).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict.clone()), "the profile has another version");
    put(&*t.users, &PartRecord::tombstone(user(2), Part::Profile, erased(5)), Condition::Older).await;
    assert_eq!(t.users.commit(&writes).await, Ok(conflict), "erased");
    assert_eq!(t.users.linked_accounts(user(2)).await, Ok(vec![]));
    assert_eq!(t.logs.rows(Log::Journal, user(1)).await, Ok(vec![]));
    put(&*t.users, &profile(user(3), version(9)), Condition::Absent).await;
    assert_eq!(t.users.commit(&Writes { unchanged: vec![(user(3), version(9))], ..writes }).await, Ok(Commit::Done));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(merged)));
}

pub async fn a_scan_returns_every_pointer_once_with_any_page_size(t: Tables) {
    let mut expected = BTreeSet::new();
    for n in 1..=25 {
        let record = pointing(user(n), version(1), Some(user(n % 4)));
        assert_eq!(write(&*t.users, None, &record).await, Commit::Done);
        expected.insert((user(n % 4), user(n)));
    }
    for limit in [1, 7, 25, 500] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = t.users.scan_linked_accounts(after, limit).await.unwrap();
            found.extend(page.pointers);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), 25, "pages of {limit}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "pages of {limit}");
    }
}

pub async fn superfluous_pointers_are_dropped_if_their_parts_are_unchanged(t: Tables) {
    put(&*t.users, &profile(user(1), version(1)), Condition::Absent).await;
    put(&*t.users, &profile(user(2), version(1)), Condition::Absent).await;
    let listed = |linked| LinkedAccountWrite { primary: user(9), linked, present: true };
    let linked_accounts = vec![listed(user(1)), listed(user(2)), listed(user(3)), listed(user(4))];
    assert_eq!(t.users.commit(&Writes { linked_accounts, ..Writes::default() }).await, Ok(Commit::Done));
    let pointer = |linked, profile| SuperfluousPointer { primary: user(9), linked, profile };
    let superfluous = [
        pointer(user(1), Some(version(1))),
        // Written meanwhile, gone meanwhile, and absent.
        pointer(user(2), None),
        pointer(user(3), Some(version(1))),
        pointer(user(4), None),
    ];
    assert_eq!(t.users.drop_pointers(&superfluous).await, Ok(2));
    assert_eq!(t.users.linked_accounts(user(9)).await, Ok(vec![user(2), user(3)]));
    assert_eq!(t.users.drop_pointers(&[]).await, Ok(0));
}

pub async fn genuine_rows_are_no_strays(t: Tables) {
    write(&*t.users, None, &pointing(user(1), version(1), Some(user(2)))).await;
    put_identifiers(&*t.users, [identifier_write(unowned(1), owned(1, [(user(1), ownership(1))]))]).await;
    let (pointers, identifiers) =
        (t.users.scan_linked_accounts(None, 10).await.unwrap(), t.users.scan_identifiers(None, 10).await.unwrap());
    assert_eq!((pointers.pointers.len(), pointers.strays.len()), (1, 0));
    assert_eq!((identifiers.items.len(), identifiers.strays.len()), (1, 0));
    for none in [Strays::Identifiers(vec![]), Strays::LinkedAccounts(vec![])] {
        assert_eq!(t.users.drop_strays(&none).await, Ok(0));
    }
}

pub async fn a_user_may_point_at_itself(t: Tables) {
    let record = pointing(user(1), version(1), Some(user(1)));
    write(&*t.users, None, &record).await;
    assert_eq!(t.users.linked_accounts(user(1)).await, Ok(vec![user(1)]));
}

pub async fn versions_in_any_order_leave_the_newest_pointer(t: Tables) {
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
            apply_replicated(&*t.users, &copy, &here).await.unwrap();
        }
        assert!(!t.users.linked_accounts(user(2)).await.unwrap().contains(&id), "{order:?}");
        assert!(t.users.linked_accounts(user(3)).await.unwrap().contains(&id), "{order:?}");
    }
    let erased = PartRecord::tombstone(user(10), Part::Profile, erased(1));
    assert_eq!(apply_replicated(&*t.users, &erased, &here).await, Ok(Applied::Written));
    assert_eq!(t.users.linked_accounts(user(3)).await, Ok(vec![user(11), user(12), user(13)]));
}
