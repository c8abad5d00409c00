use proptest::prelude::*;
use umoja_schema::AccountStatus;

use super::*;

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn audit_key() -> AuditKey {
    AuditKey::derive(&[7; 32])
}

fn company() -> Actor {
    Actor::Company { id: "acme".parse().unwrap(), kid: "acme-1".into() }
}

/// A chain of one region with a row for each of the times.
fn chain(name: &str, times: &[u64]) -> Vec<LogRow> {
    let region = region(name);
    let mut rows: Vec<LogRow> = Vec::new();
    for at in times {
        let place = Place { region: &region, user: UserId::v8([1; 16]), last: rows.last() };
        let event = AuditEvent::StatusChanged(AccountStatus::Disabled);
        rows.push(place.row(&audit_key(), &company(), &event, Millis(*at), at.to_be_bytes()).unwrap());
    }
    rows
}

fn flaws(rows: &[LogRow]) -> Vec<Flaw> {
    let key = audit_key();
    Check { key: Some(&key), region: None, dropped_before: Millis(0) }.of(rows)
}

fn gap(after: u64, before: u64) -> Flaw {
    Flaw::Gap { region: region("a"), after, before }
}

#[test]
fn complete_chains_have_no_flaw_in_any_row_order() {
    let mut rows = [chain("a", &[1, 2, 3]), chain("b", &[9, 2]), chain("b-1", &[1])].concat();
    assert_eq!(flaws(&rows), []);
    rows.reverse();
    assert_eq!(flaws(&rows), []);
    assert_eq!(flaws(&[]), []);
}

#[test]
fn a_clock_set_back_does_not_reorder_a_chain() {
    let rows = chain("a", &[9, 2, 10]);
    assert_eq!(rows.iter().map(|row| row.at.millis().0).collect::<Vec<_>>(), [9, 9, 10]);
}

#[test]
fn a_removed_row_leaves_a_gap() {
    let rows = chain("a", &[1, 2, 3, 4]);
    for (out, wanted) in [(0, vec![gap(0, 2)]), (1, vec![gap(1, 3)]), (2, vec![gap(2, 4)]), (3, vec![])] {
        let mut left = rows.clone();
        left.remove(out);
        // Only the other regions can detect that the last row is missing.
        assert_eq!(flaws(&left), wanted, "{out}");
    }
}

#[test]
fn swapped_rows_are_forged() {
    let mut rows = chain("a", &[1, 2, 3]);
    let (second, third) = (rows[1].key.clone(), rows[2].key.clone());
    (rows[1].key, rows[2].key) = (third.clone(), second.clone());
    let found = flaws(&rows);
    for key in [second, third] {
        assert!(found.contains(&Flaw::Forged { key }), "{found:?}");
    }
}

#[test]
fn a_row_of_another_user_is_forged() {
    let mut rows = chain("a", &[1]);
    rows[0].user = UserId::v8([2; 16]);
    assert_eq!(flaws(&rows), [Flaw::Forged { key: rows[0].key.clone() }]);
}

#[test]
fn only_the_key_reveals_a_row_of_another_deployment() {
    let rows = chain("a", &[1]);
    let others = AuditKey::derive(&[8; 32]);
    let check = Check { key: Some(&others), region: None, dropped_before: Millis(0) };
    assert_eq!(check.of(&rows), [Flaw::Forged { key: rows[0].key.clone() }]);
    assert_eq!(Check { key: None, ..check }.of(&rows), []);
}

#[test]
fn a_malformed_row_belongs_to_no_chain() {
    let mut rows = chain("a", &[1, 2]);
    rows[1].key = "login#1".into();
    assert_eq!(flaws(&rows), [Flaw::Foreign { key: "login#1".into() }]);
    let mut rows = chain("a", &[1]);
    rows[0].origin = region("b");
    assert_eq!(flaws(&rows), [Flaw::Foreign { key: rows[0].key.clone() }], "the row names another region");
}

#[test]
fn a_chain_continued_from_an_older_state_is_found() {
    let (before, after) = (chain("a", &[1, 2, 3]), chain("a", &[1, 5]));
    // The first three rows as the other regions have them, and a row that was written over the first two.
    let region = region("a");
    let place = Place { region: &region, user: before[0].user, last: after.last() };
    let next = place.row(&audit_key(), &company(), &AuditEvent::Erased, Millis(7), [0; 8]).unwrap();
    let mixed = [before[0].clone(), before[1].clone(), next.clone()];
    assert_eq!(flaws(&mixed), [Flaw::Unlinked { key: next.key }]);
}

#[test]
fn only_rows_past_retention_may_be_missing() {
    let (rows, key) = (chain("a", &[10, 20, 30, 40]), audit_key());
    let check =
        |rows: &[LogRow], before| Check { key: Some(&key), region: None, dropped_before: Millis(before) }.of(rows);
    assert_eq!(check(&rows[2..], 21), []);
    assert_eq!(check(&rows[2..], 20), [gap(0, 3)], "the second row is within the retention period");
    let holey = [rows[0].clone(), rows[2].clone()];
    assert_eq!(check(&holey, 20), [gap(1, 3)]);
    assert_eq!(check(&holey, 21), [], "a row that a region without the new setting replicated back");
}

#[test]
fn chains_of_other_regions_may_be_incomplete_but_not_forged() {
    let (key, a) = (audit_key(), region("a"));
    let mut rows = [chain("a", &[1, 2]), chain("b", &[1, 2, 3])].concat();
    rows.remove(3);
    let check = Check { key: Some(&key), region: Some(&a), dropped_before: Millis(0) };
    assert_eq!(check.of(&rows), []);
    rows[3].kind = "erased".into();
    assert_eq!(check.of(&rows), [Flaw::Forged { key: rows[3].key.clone() }]);
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let text = "[ab]{0,2}";
    let leaf = prop_oneof![
        text.prop_map(Attribute::S),
        text.prop_map(Attribute::N),
        any::<[u8; 1]>().prop_map(|bytes| Attribute::B(bytes.to_vec())),
        any::<bool>().prop_map(Attribute::Bool),
        Just(Attribute::Null),
        prop::collection::vec(text, 0..3).prop_map(Attribute::Ss),
        prop::collection::vec(text, 0..3).prop_map(Attribute::Ns),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Attribute::L),
            prop::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(Attribute::M),
        ]
    })
}

proptest! {
    #[test]
    fn any_change_of_a_row_is_a_forgery(field in "[a-z]{1,12}", value in attribute(), at in 0u64..9, which in 0..5) {
        let mut row = chain("a", &[1]).remove(0);
        let before = row.clone();
        match which {
            0 => drop(row.fields.insert(field, value)),
            1 => drop(row.fields.pop_first()),
            2 => row.at = Hlc::at(Millis(at)),
            3 => row.kind = field,
            _ => drop(row.fields.insert(field::MAC.into(), value)),
        }
        prop_assume!(row != before);
        let key = row.key.clone();
        prop_assert_eq!(flaws(&[row]), [Flaw::Forged { key }]);
    }

    #[test]
    fn different_values_have_different_encodings(one in attribute(), other in attribute()) {
        let text = |value: &Attribute| {
            let mut out = Vec::new();
            value.encode(&mut out);
            out
        };
        prop_assert_eq!(text(&one) == text(&other), one == other);
    }
}
