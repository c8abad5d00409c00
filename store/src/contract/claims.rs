//! Cases of claims: written with the parts that make them, and compared by exactly what was read.

use umoja_schema::{Claim, Log, Part};

use super::Tables;
use super::sample::*;
use crate::ports::{Commit, Condition, Writes};

pub async fn an_identifier_that_nobody_claims_is_unclaimed(t: Tables) {
    assert_eq!(t.users.claims(&[index(1)]).await, Ok(vec![unclaimed(1)]));
    assert_eq!(t.users.claims(&[]).await, Ok(vec![]));
}

pub async fn claims_are_given_in_the_order_asked_for(t: Tables) {
    let item = |n| claimed(n, [(user(n), claim(u64::from(n)))]);
    for n in [2, 4, 6, 8] {
        assert_eq!(put_claims(&*t.users, [claim_write(unclaimed(n), item(n))]).await, Commit::Done);
    }
    let asked: Vec<_> = [8, 1, 2, 3, 6, 5, 4, 7, 2].map(index).to_vec();
    let wanted =
        vec![item(8), unclaimed(1), item(2), unclaimed(3), item(6), unclaimed(5), item(4), unclaimed(7), item(2)];
    assert_eq!(t.users.claims(&asked).await, Ok(wanted));
}

pub async fn more_identifiers_than_fit_into_one_request_are_looked_up(t: Tables) {
    for n in 0..=255 {
        if n % 3 == 0 {
            put_claims(&*t.users, [claim_write(unclaimed(n), claimed(n, [(user(n), claim(1))]))]).await;
        }
    }
    let found = t.users.claims(&(0..=255).map(index).collect::<Vec<_>>()).await.unwrap();
    for (item, n) in found.iter().zip(0u8..=255) {
        assert_eq!(item.index, index(n));
        assert_eq!(item.claimants.contains_key(&user(n)), n % 3 == 0);
    }
    assert_eq!(found.len(), 256);
}

/// A registration: a profile, its claims on identifiers 1 and 2, and a row.
fn registration(n: u8) -> Writes {
    let claims = [(index(1), claim(1)), (index(2), claim(1))];
    Writes {
        parts: vec![
            part_write(claiming(user(n), version(1), claims.clone()), Condition::Absent),
            part_write(credentials(user(n), version(1)), Condition::Absent),
        ],
        claims: vec![
            claim_write(unclaimed(1), claimed(1, [(user(n), claim(1))])),
            claim_write(unclaimed(2), claimed(2, [(user(n), claim(1))])),
        ],
        rows: vec![(Log::Audit, row(user(n), "registered"))],
        ..Writes::default()
    }
}

pub async fn parts_claims_and_rows_are_written_together(t: Tables) {
    let writes = registration(1);
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(writes.parts[0].record.clone())));
    assert_eq!(t.users.part(user(1), Part::Credentials).await, Ok(Some(writes.parts[1].record.clone())));
    for n in [1, 2] {
        assert_eq!(claims_on(&*t.users, n).await, claimed(n, [(user(1), claim(1))]));
    }
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "registered")]));
}

pub async fn a_failed_claim_leaves_nothing_written(t: Tables) {
    put_claims(&*t.users, [claim_write(unclaimed(2), claimed(2, [(user(9), claim(1))]))]).await;
    let conflict = Commit::Conflict { stored: vec![None, None] };
    assert_eq!(t.users.commit(&registration(1)).await, Ok(conflict));
    assert_eq!(t.users.parts(user(1)).await, Ok(crate::ports::Parts::default()));
    assert_eq!(claims_on(&*t.users, 1).await, unclaimed(1));
    assert_eq!(claims_on(&*t.users, 2).await, claimed(2, [(user(9), claim(1))]));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![]));
}

pub async fn a_failed_part_leaves_no_claim_and_no_row(t: Tables) {
    let stored = credentials(user(1), version(1));
    put(&*t.users, &stored, Condition::Absent).await;
    let conflict = Commit::Conflict { stored: vec![None, Some(stored)] };
    assert_eq!(t.users.commit(&registration(1)).await, Ok(conflict));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(None));
    for n in [1, 2] {
        assert_eq!(claims_on(&*t.users, n).await, unclaimed(n));
    }
    assert_eq!(t.logs.row(Log::Audit, user(1), "registered").await, Ok(None));
}

pub async fn a_claim_is_written_only_over_exactly_the_claimants_that_were_read(t: Tables) {
    let stored = claimed(1, [(user(1), claim(1)), (user(2), claim(2))]);
    put_claims(&*t.users, [claim_write(unclaimed(1), stored.clone())]).await;
    let changed = |change: fn(&mut Claim)| {
        let mut other = claim(2);
        change(&mut other);
        claimed(1, [(user(1), claim(1)), (user(2), other)])
    };
    let others = [
        unclaimed(1),
        claimed(1, [(user(1), claim(1))]),
        claimed(1, [(user(1), claim(1)), (user(3), claim(2))]),
        claimed(1, [(user(1), claim(1)), (user(2), claim(2)), (user(3), claim(3))]),
        changed(|claim| claim.verified = true),
        changed(|claim| claim.claimed_at = umoja_schema::Millis(3)),
        changed(|claim| claim.key_version = 2),
        changed(|claim| claim.company = Some("acme".parse().unwrap())),
        changed(|claim| claim.region = region("af-south-1")),
    ];
    let after = claimed(1, [(user(3), claim(3))]);
    for before in others {
        let write = claim_write(before.clone(), after.clone());
        assert_eq!(put_claims(&*t.users, [write]).await, Commit::Conflict { stored: vec![] }, "{before:?}");
        assert_eq!(claims_on(&*t.users, 1).await, stored);
    }
    assert_eq!(put_claims(&*t.users, [claim_write(stored, after.clone())]).await, Commit::Done);
    assert_eq!(claims_on(&*t.users, 1).await, after);
}

pub async fn claimants_that_changed_and_changed_back_are_the_ones_that_were_read(t: Tables) {
    let (a, b) = (claimed(1, [(user(1), claim(1))]), claimed(1, [(user(1), claim(1)), (user(2), claim(2))]));
    for (before, after) in [
        (unclaimed(1), a.clone()),
        (a.clone(), b.clone()),
        (b.clone(), a.clone()),
        (a.clone(), b.clone()),
        (b.clone(), a.clone()),
    ] {
        assert_eq!(put_claims(&*t.users, [claim_write(before, after)]).await, Commit::Done);
    }
    // Read before all that: what it says is true again, so acting on it is right.
    assert_eq!(put_claims(&*t.users, [claim_write(a.clone(), b.clone())]).await, Commit::Done);
    assert_eq!(put_claims(&*t.users, [claim_write(a, unclaimed(1))]).await, Commit::Conflict { stored: vec![] });
    assert_eq!(claims_on(&*t.users, 1).await, b);
}

pub async fn an_identifier_goes_with_its_last_claimant_and_can_be_claimed_again(t: Tables) {
    let (first, second) = (claimed(1, [(user(1), claim(1))]), claimed(1, [(user(2), claim(9))]));
    put_claims(&*t.users, [claim_write(unclaimed(1), first.clone())]).await;
    assert_eq!(put_claims(&*t.users, [claim_write(first.clone(), unclaimed(1))]).await, Commit::Done);
    assert_eq!(claims_on(&*t.users, 1).await, unclaimed(1));
    assert_eq!(put_claims(&*t.users, [claim_write(first, second.clone())]).await, Commit::Conflict { stored: vec![] });
    assert_eq!(put_claims(&*t.users, [claim_write(unclaimed(1), second.clone())]).await, Commit::Done);
    assert_eq!(claims_on(&*t.users, 1).await, second);
}

pub async fn a_claim_that_changes_nothing_still_has_to_hold(t: Tables) {
    let item = claimed(1, [(user(1), claim(1))]);
    assert_eq!(put_claims(&*t.users, [claim_write(unclaimed(1), unclaimed(1))]).await, Commit::Done);
    assert_eq!(
        put_claims(&*t.users, [claim_write(item.clone(), item.clone())]).await,
        Commit::Conflict { stored: vec![] }
    );
    put_claims(&*t.users, [claim_write(unclaimed(1), item.clone())]).await;
    assert_eq!(put_claims(&*t.users, [claim_write(item.clone(), item.clone())]).await, Commit::Done);
    assert_eq!(
        put_claims(&*t.users, [claim_write(unclaimed(1), unclaimed(1))]).await,
        Commit::Conflict { stored: vec![] }
    );
    assert_eq!(claims_on(&*t.users, 1).await, item);
}

pub async fn a_rename_releases_one_identifier_and_takes_another_at_once(t: Tables) {
    t.users.commit(&registration(1)).await.unwrap();
    let next = claiming(user(1), version(2), [(index(2), claim(1)), (index(3), claim(2))]);
    let writes = Writes {
        parts: vec![part_write(next.clone(), Condition::VersionIs(version(1)))],
        claims: vec![
            claim_write(claimed(1, [(user(1), claim(1))]), unclaimed(1)),
            claim_write(unclaimed(3), claimed(3, [(user(1), claim(2))])),
        ],
        rows: vec![],
        ..Writes::default()
    };
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(claims_on(&*t.users, 1).await, unclaimed(1));
    assert_eq!(claims_on(&*t.users, 3).await, claimed(3, [(user(1), claim(2))]));
    assert_eq!(t.users.part(user(1), Part::Profile).await, Ok(Some(next)));
}

pub async fn a_row_that_is_written_again_changes_nothing_and_refuses_nothing(t: Tables) {
    let mut again = row(user(1), "event");
    again.kind = "other".into();
    for (ms, row) in [(1, row(user(1), "event")), (2, again)] {
        let writes = Writes {
            parts: vec![part_write(profile(user(1), version(ms)), Condition::Older)],
            rows: vec![(Log::Journal, row.clone()), (Log::Journal, row)],
            ..Writes::default()
        };
        assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    }
    assert_eq!(t.logs.rows(Log::Journal, user(1)).await, Ok(vec![row(user(1), "event")]));
}

pub async fn rows_alone_are_written(t: Tables) {
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
    assert_eq!(t.users.commit(&writes(2, "1")).await, Ok(conflict.clone()), "the row is there");
    assert_eq!(t.users.commit(&writes(1, "2")).await, Ok(conflict), "the part is not older");
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1")]));
    assert_eq!(t.users.commit(&writes(2, "2")).await, Ok(Commit::Done));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1"), row(user(1), "2")]));
}

pub async fn new_rows_alone_are_written_once(t: Tables) {
    let new_rows = vec![(Log::Audit, row(user(1), "1")), (Log::Audit, row(user(1), "2"))];
    let writes = Writes { new_rows, ..Writes::default() };
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Done));
    assert_eq!(t.users.commit(&writes).await, Ok(Commit::Conflict { stored: vec![] }));
    assert_eq!(t.logs.rows(Log::Audit, user(1)).await, Ok(vec![row(user(1), "1"), row(user(1), "2")]));
}
