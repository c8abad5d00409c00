use umoja_schema::{
    AccountStatus, Attribute, Attributes, Body, Facts, Hlc, Live, Log, LogRow, Millis, Part, PartRecord, SealedData,
    UserId, Version,
};

use crate::proof_keys::{ProofKeys, version_of};

fn keys(versions: &[u8]) -> ProofKeys {
    ProofKeys::new(versions.iter().map(|version| (u32::from(*version), [*version; 32])))
}

fn part() -> PartRecord {
    let version = Version { erased: false, hlc: Hlc::at(Millis(7)), origin: "a".parse().unwrap() };
    let data = SealedData(Attributes::from([("mid".into(), vec![1; 32].into()), ("info".into(), vec![2; 64].into())]));
    let keys = [("a".parse().unwrap(), vec![3; 40]), ("b".parse().unwrap(), vec![4; 40])].into();
    let facts = Facts::Credentials { status: AccountStatus::Active };
    let body = Body::Live(Box::new(Live { data, keys, facts }));
    let unknown = Attributes::from([("novelty".into(), Attribute::Null)]);
    PartRecord { id: UserId::v8([1; 16]), part: Part::Credentials, version, body, unknown }
}

fn row() -> LogRow {
    LogRow {
        user: UserId::v8([1; 16]),
        key: "a#1".into(),
        at: Hlc::at(Millis(5)),
        origin: "a".parse().unwrap(),
        kind: "test".into(),
        fields: Attributes::from([("x".into(), "y".into())]),
        unknown: Attributes::new(),
    }
}

#[test]
fn what_was_proved_is_read_as_it_was() {
    let keys = keys(&[1]);
    assert_eq!(keys.verified_part(keys.part(&part())), Ok(part()));
    assert_eq!(keys.verified_row(Log::Audit, keys.row(Log::Audit, &row())), Ok(row()));
    let tombstone = PartRecord::tombstone(part().id, Part::Profile, Version { erased: true, ..part().version });
    assert_eq!(keys.verified_part(keys.part(&tombstone)), Ok(tombstone));
}

#[test]
fn an_item_with_any_other_attribute_does_not_verify() {
    let keys = keys(&[1]);
    let item = keys.part(&part()).to_item();
    for name in item.keys().filter(|name| *name != "keys") {
        for value in [Attribute::Null, Attribute::S("0-0000000000070001-a".into()), Attribute::B(vec![0; 36])] {
            let mut changed = item.clone();
            if changed.insert(name.clone(), value) == changed.get(name).cloned() {
                continue;
            }
            let read = PartRecord::from_item(changed).and_then(|stored| keys.verified_part(stored));
            assert!(read.is_err(), "{name}");
        }
    }
    let mut added = keys.part(&part());
    added.unknown.insert("added".into(), Attribute::Null);
    assert!(keys.verified_part(added).is_err());
    assert!(keys.verified_part(part()).is_err(), "without a proof");
}

#[test]
fn a_row_does_not_verify_in_another_table_or_under_another_key() {
    let keys = keys(&[1]);
    let stored = keys.row(Log::Journal, &row());
    assert!(keys.verified_row(Log::Receipts, stored.clone()).is_err());
    assert!(keys.verified_row(Log::Journal, LogRow { key: "a#2".into(), ..stored.clone() }).is_err());
    assert!(keys.verified_row(Log::Journal, LogRow { user: UserId::v8([2; 16]), ..stored }).is_err());
}

#[test]
fn a_damaged_wrapped_key_is_left_out_and_the_part_verifies() {
    let keys = keys(&[1]);
    let mut stored = keys.part(&part());
    let Body::Live(live) = &mut stored.body else { panic!("not live") };
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    let others = live.keys[&b].clone();
    live.keys.insert(a, others);
    let read = keys.verified_part(stored).unwrap();
    assert_eq!(read.live().unwrap().keys.keys().collect::<Vec<_>>(), [&b], "a wrapped key of another region is none");
}

#[test]
fn older_versions_verify_until_they_are_retired() {
    let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
    let (by_old, by_new) = (old.part(&part()), both.part(&part()));
    assert_eq!((version_of(&by_old.unknown), version_of(&by_new.unknown)), (Some(1), Some(2)));
    assert_eq!(both.verified_part(by_old.clone()), Ok(part()));
    assert_eq!(both.verified_part(by_new.clone()), Ok(part()));
    assert!(old.verified_part(by_new.clone()).is_err());
    assert!(new.verified_part(by_old).is_err());
    assert_eq!(new.verified_part(by_new), Ok(part()));
}

#[test]
fn a_proof_costs_at_most_a_hundred_bytes_a_part_and_region() {
    let bytes = |record: &PartRecord| {
        let mut out = Vec::new();
        Attribute::M(record.to_item()).encode(&mut out);
        out.len()
    };
    // The canonical encoding has eight bytes more for each length than a store needs.
    let more = bytes(&keys(&[1]).part(&part())) - bytes(&part());
    assert!(more <= 100, "{more}");
}
