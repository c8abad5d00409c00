use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::replicated::ACCESS;
use crate::{Attribute, Hlc};

fn version(erased: bool, ms: u64) -> Version {
    Version { erased, hlc: Hlc::at(Millis(ms)), origin: "eu-west-1".parse().unwrap() }
}

fn user() -> UserId {
    UserId::v8([1; 16])
}

fn rows() -> Vec<(AccessRow, VersionedItem)> {
    let (user, unknown) = (user(), Attributes::from([("novelty".to_owned(), Attribute::Null)]));
    let version = version(false, 7);
    let expires_at = Millis(9_000);
    let mut ends = KnownEnds::of(&[user, UserId::v8([2; 16])]);
    ends.note(user, &"eu-west-1".parse().unwrap(), Hlc::at(Millis(3)));
    let session = Session {
        user,
        id: "s_1".into(),
        auth_time: Millis(1),
        amr: vec!["pwd".into()],
        acr: Some("1".into()),
        label: Some(vec![1]),
        created_at: Millis(2),
        expires_at,
        ends: ends.clone(),
        unknown: unknown.clone(),
    };
    let seen = ClientSeen { user, session: "s_1".into(), client: "shop".into(), expires_at, unknown: unknown.clone() };
    let grant = Grant {
        user,
        client: "shop".into(),
        scope: "https://shop.example/read".into(),
        given: false,
        at: Millis(3),
        unknown: unknown.clone(),
    };
    let withdrawal = Withdrawal { unknown: unknown.clone(), ..Withdrawal::new(user, "shop".into(), Millis(3_000)) };
    let subject = Subject {
        unknown: unknown.clone(),
        ..Subject::new(user, &Sector::Pairwise("shop.example".into()), "abc".into(), Hlc::at(Millis(4)))
    };
    let family = Family {
        user,
        id: "f-1".into(),
        client: "shop".into(),
        session: Some("s_1".into()),
        scopes: BTreeSet::from(["openid".into()]),
        jkt: Some("t".into()),
        expires_at,
        ends,
        unknown: unknown.clone(),
    };
    let noted = FamilyUses {
        user,
        family: "f-1".into(),
        region: "eu-west-1".parse().unwrap(),
        first_uses: BTreeMap::from([(1, Millis(5))]),
        expires_at,
        unknown: unknown.clone(),
    };
    let credentials = version.clone();
    let all = EndOfAll {
        factors: BTreeMap::from([("f_1".into(), false), ("f_2".into(), true)]),
        kept: Some("s_1".into()),
        unknown: unknown.clone(),
        ..EndOfAll::new(user, "eu-west-1".parse().unwrap(), credentials, Millis(1_000))
    };
    let login = ConnectedLogin {
        user,
        id: "l_1".into(),
        provider: "google".parse().unwrap(),
        company: "accounts".parse().unwrap(),
        subject: vec![7; 32],
        label: Some(vec![8]),
        created_at: Millis(10),
        unknown: unknown.clone(),
    };
    let items = [
        login.to_item(version.clone()),
        session.to_item(version.clone()),
        seen.to_item(version.clone()),
        grant.to_item(version.clone()),
        withdrawal.to_item(version.clone()),
        subject.to_item(version.clone()),
        family.to_item(version.clone()),
        all.to_item(version.clone()),
        noted.to_item(version),
    ];
    let rows = [
        AccessRow::Login(login),
        AccessRow::Session(session),
        AccessRow::Seen(seen),
        AccessRow::Grant(grant),
        AccessRow::Withdrawal(withdrawal),
        AccessRow::Subject(subject),
        AccessRow::Family(family),
        AccessRow::All(all),
        AccessRow::Uses(noted),
    ];
    rows.into_iter().zip(items).chain(factors(&unknown)).collect()
}

fn factors(unknown: &Attributes) -> Vec<(AccessRow, VersionedItem)> {
    let passkey = Passkey {
        credential_id: vec![1; 32],
        public_key: vec![2; 77],
        sign_count: u32::MAX,
        transports: vec!["internal".into()],
    };
    let kinds = [
        FactorKind::Passkey(passkey),
        FactorKind::Totp { secret: vec![3] },
        FactorKind::Recovery { codes: vec![vec![4; 32], vec![5; 32]] },
    ];
    let factor = |(number, kind): (usize, FactorKind)| {
        let label = (number == 0).then(|| vec![6]);
        let (id, unknown) = (format!("f_{number}"), unknown.clone());
        let factor = Factor { user: user(), id, kind, label, created_at: Millis(8), unknown };
        let item = factor.to_item(version(false, 7));
        (AccessRow::Factor(factor), item)
    };
    let spent = SpentCode { user: user(), factor: "f_2".into(), number: 9, at: Millis(9), unknown: unknown.clone() };
    let item = spent.to_item(version(false, 7));
    kinds.into_iter().enumerate().map(factor).chain([(AccessRow::Spent(spent), item)]).collect()
}

#[test]
fn a_factor_of_an_unknown_kind_and_one_without_its_fields_are_no_factor() {
    for (row, item) in factors(&Attributes::new()) {
        if let AccessRow::Factor(_) = row {
            for name in item.fields.keys().filter(|name| *name != "label") {
                let mut without = item.clone();
                without.fields.remove(name);
                assert!(Factor::from_item(&without).is_err(), "{name}");
            }
            let mut novel = item.clone();
            novel.fields.insert("kind".into(), "voice".to_owned().into());
            assert!(Factor::from_item(&novel).is_err());
        }
    }
}

#[test]
fn every_kind_of_row_round_trips_through_its_item() {
    for (row, item) in rows() {
        let read = VersionedItem::from_item(&ACCESS, item.to_item()).unwrap();
        assert_eq!(AccessRow::from_item(&read), Ok(Some(row)));
    }
}

#[test]
fn the_families_that_outlive_their_sessions_round_trip_and_say_nothing_of_what_a_person_may_do() {
    let row = OfflineFamilies {
        user: user(),
        client: "shop".into(),
        region: "eu-west-1".parse().unwrap(),
        families: vec!["f-2".into(), "f_1".into()],
        expires_at: Millis(9_000),
        unknown: Attributes::from([("novelty".to_owned(), Attribute::Null)]),
    };
    let read = VersionedItem::from_item(&ACCESS, row.to_item(version(false, 7)).to_item()).unwrap();
    assert_eq!((OfflineFamilies::from_item(&read), AccessRow::from_item(&read)), (Ok(row), Ok(None)));
}

#[test]
fn every_sort_key_has_the_form_that_is_shown_in_messages() {
    for (_, item) in rows() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"#-_".contains(&b);
        assert!(item.key.len() <= 160 && item.key.bytes().all(plain), "{}", item.key);
    }
}

#[test]
fn a_row_of_another_kind_and_an_ended_row_are_no_live_row() {
    for (_, item) in rows() {
        let ended = ended(user(), item.key.clone(), version(true, 8), item.expires_at());
        assert!(AccessRow::from_item(&ended).is_err(), "{}", item.key);
        assert!(ended.version > item.version, "an end beats every live row");
        let read = VersionedItem::from_item(&ACCESS, ended.to_item()).unwrap();
        assert_eq!(read, ended);
    }
    let novel = item(user(), "novel#1".into(), version(false, 1), Attributes::new());
    assert_eq!(AccessRow::from_item(&novel), Ok(None));
}

#[test]
fn an_end_outlives_every_live_copy() {
    let at = |expires_at| ended(user(), Session::key("s"), version(true, 8), expires_at).expires_at().unwrap();
    assert_eq!(at(Some(Millis(9_000))), Millis(9_000 + ENDED_FOR_MS));
    assert!(at(None) >= Millis(8 + MAX_LIFE_MS + ENDED_FOR_MS));
}

#[test]
fn no_two_scopes_or_sectors_have_one_key() {
    let scopes = ["a:b", "a_3ab", "a-b", "A:b", "a:b:"].map(|scope| Grant::key("shop", scope));
    assert_eq!(BTreeSet::from(scopes.clone()).len(), scopes.len());
    let hosts = ["_", "shop.example", "shop-example"].map(|host| Subject::key(&Sector::Pairwise(host.into())));
    assert!(!hosts.contains(&Subject::key(&Sector::Public)));
}

#[test]
fn a_region_remembers_the_first_use_of_the_last_generations() {
    let uses = rows().into_iter().find_map(|(row, _)| match row {
        AccessRow::Uses(uses) => Some(uses),
        _ => None,
    });
    let mut uses = uses.unwrap();
    assert!(!uses.note(1, Millis(99)));
    assert_eq!(uses.first_uses[&1], Millis(5));
    (2..20).for_each(|generation| assert!(uses.note(generation, Millis(generation))));
    assert_eq!(uses.first_uses.keys().copied().collect::<Vec<_>>(), (12..20).collect::<Vec<_>>());
}

#[test]
fn a_hold_is_read_as_it_was_written_and_outlives_its_end() {
    let hold = Hold {
        user: user(),
        until: Millis(9_000),
        at: Millis(3_000),
        by: "legal".into(),
        reason: Some(vec![7]),
        unknown: Attributes::from([("novelty".to_owned(), Attribute::Null)]),
    };
    let released = Hold { until: Millis(4_000), at: Millis(4_000), reason: None, ..hold.clone() };
    for hold in [hold, released] {
        let item = hold.to_item(version(false, 7));
        assert_eq!(Hold::from_item(&item), Ok(hold.clone()));
        assert_eq!(AccessRow::from_item(&item), Ok(None), "it says nothing of what a person may do");
        assert_eq!(item.expires_at(), Some(hold.until.plus(ENDED_FOR_MS)));
        assert!(hold.holds(Millis(hold.until.0 - 1)) && !hold.holds(hold.until));
    }
    assert!(Hold::from_item(&ended(user(), Hold::key(), version(true, 8), None)).is_err());
}
