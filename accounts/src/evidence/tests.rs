//! The rule over all small persons: four external ids of two companies, two addresses, verified or not, and two user names.

use umoja_schema::{Attributes, Millis, Ownership};

use super::*;

fn company(n: u8) -> CompanyId {
    ["shop", "food"][usize::from(n % 2)].parse().unwrap()
}

fn index(n: u8) -> BlindIndex {
    BlindIndex::new([n; 32])
}

/// One thing that a person may own.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Owned {
    ExternalId(u8, u8),
    Email(u8, bool),
    Username(u8),
}

const ALL: [Owned; 10] = [
    Owned::ExternalId(0, 1),
    Owned::ExternalId(0, 2),
    Owned::ExternalId(1, 3),
    Owned::ExternalId(1, 4),
    Owned::Email(5, true),
    Owned::Email(5, false),
    Owned::Email(6, true),
    Owned::Email(6, false),
    Owned::Username(7),
    Owned::Username(8),
];

fn evidence<'a>(owned: impl IntoIterator<Item = &'a Owned>) -> Evidence {
    owned.into_iter().fold(Evidence::default(), |evidence, owned| match owned {
        Owned::ExternalId(by, n) => evidence.with_external_id(&company(*by), index(*n)),
        Owned::Email(n, verified) => evidence.with_email(index(*n), *verified),
        Owned::Username(n) => evidence.with_username(index(*n)),
    })
}

/// Every person that owns up to three of [`ALL`]. A contradiction is between at most two things of each side.
fn everyone() -> Vec<(Vec<Owned>, Evidence)> {
    let some = |bits: u16| ALL.iter().enumerate().filter(move |(n, _)| bits & 1 << n != 0).map(|(_, owned)| *owned);
    (0_u16..1 << ALL.len())
        .filter(|bits| bits.count_ones() <= 3)
        .map(|bits| some(bits).collect::<Vec<_>>())
        .map(|owned| (owned.clone(), evidence(&owned)))
        .collect()
}

const BOTH: [Joins; 2] = [Joins::Records, Joins::Passwords];

#[test]
fn the_rule_is_symmetric_and_contradicts_no_person_itself() {
    let everyone = everyone();
    for (_, one) in &everyone {
        for joins in BOTH {
            assert_eq!(one.contradictions(one, joins), []);
            for (_, other) in &everyone {
                assert_eq!(one.contradictions(other, joins), other.contradictions(one, joins));
            }
        }
    }
}

#[test]
fn what_only_one_person_owns_removes_no_contradiction() {
    let everyone = everyone();
    for (its, one) in &everyone {
        for (theirs, other) in &everyone {
            for more in ALL.iter().filter(|more| !its.contains(more) && !theirs.contains(more)) {
                // An address is the same one, whether or not it is verified.
                let has = |owned: &[Owned]| {
                    let same = |own: &Owned| matches!((own, more), (Owned::Email(a, _), Owned::Email(b, _)) if a == b);
                    owned.iter().any(same)
                };
                if has(its) || has(theirs) {
                    continue;
                }
                let grown = evidence(its.iter().chain([more]));
                for joins in BOTH {
                    let (before, after) = (one.contradictions(other, joins), grown.contradictions(other, joins));
                    let kept = |found: &Contradiction| after.iter().any(|also| also.kind() == found.kind());
                    assert!(before.iter().all(kept), "{its:?} {theirs:?} {more:?}");
                }
            }
        }
    }
}

#[test]
fn joining_passwords_is_never_easier_than_joining_records() {
    let everyone = everyone();
    for (_, one) in &everyone {
        for (_, other) in &everyone {
            let [records, passwords] = BOTH.map(|joins| one.contradictions(other, joins));
            assert!(records.iter().all(|found| passwords.contains(found)));
        }
    }
}

#[test]
fn each_contradiction_has_its_examples() {
    let email = |verified| Contradiction::Email { verified };
    let of_shop = || Contradiction::ExternalId { company: company(0) };
    let cases = [
        // Another external id of one company, and the same one.
        (vec![ALL[0]], vec![ALL[1]], vec![of_shop()], vec![of_shop()]),
        (vec![ALL[0]], vec![ALL[0]], vec![], vec![]),
        // External ids of two companies, and none on one side.
        (vec![ALL[0]], vec![ALL[2]], vec![], vec![]),
        (vec![ALL[0]], vec![], vec![], vec![]),
        // A person with two external ids, after a merge, has one in common.
        (vec![ALL[0], ALL[1]], vec![ALL[1]], vec![], vec![]),
        // The same external id, and another address.
        (vec![ALL[0], ALL[4]], vec![ALL[0], ALL[6]], vec![email(true)], vec![email(true)]),
        // Another address: verified for both, for one, for neither.
        (vec![ALL[4]], vec![ALL[6]], vec![email(true)], vec![email(true)]),
        (vec![ALL[4]], vec![ALL[7]], vec![], vec![email(false)]),
        (vec![ALL[5]], vec![ALL[7]], vec![], vec![email(false)]),
        // The same address, verified for one.
        (vec![ALL[4]], vec![ALL[5]], vec![], vec![]),
        // A telephone number alone.
        (vec![ALL[4]], vec![], vec![], vec![]),
        // Of two verified addresses one in common, and an unverified one in common, which proves no ownership.
        (vec![ALL[4], ALL[6]], vec![ALL[6]], vec![], vec![]),
        (vec![ALL[4], ALL[7]], vec![ALL[6]], vec![email(true)], vec![email(true)]),
        // Another user name: with only a number in common, with an address or an external id.
        (vec![ALL[8]], vec![ALL[9]], vec![], vec![Contradiction::Username]),
        (vec![ALL[4], ALL[8]], vec![ALL[9]], vec![], vec![Contradiction::Username]),
        (vec![ALL[4], ALL[8]], vec![ALL[5], ALL[9]], vec![], vec![]),
        (vec![ALL[0], ALL[8]], vec![ALL[0], ALL[9]], vec![], vec![]),
        (vec![ALL[8]], vec![ALL[8]], vec![], vec![]),
        // Both.
        (vec![ALL[0], ALL[4]], vec![ALL[1], ALL[6]], vec![of_shop(), email(true)], vec![of_shop(), email(true)]),
    ];
    for (its, theirs, records, passwords) in cases {
        let (one, other) = (evidence(&its), evidence(&theirs));
        assert_eq!(one.contradictions(&other, Joins::Records), records, "{its:?} {theirs:?}");
        assert_eq!(one.contradictions(&other, Joins::Passwords), passwords, "{its:?} {theirs:?}");
    }
}

fn ownership(kind: IdentifierKind, verified: bool, company: Option<CompanyId>, key_version: u32) -> Ownership {
    let region = "a".parse().unwrap();
    Ownership { kind, key_version, owned_since: Millis(1), region, verified, company, unknown: Attributes::new() }
}

fn facts(ownerships: impl IntoIterator<Item = (BlindIndex, Ownership)>) -> ProfileFacts {
    let ownerships = ownerships.into_iter().collect();
    ProfileFacts { created_at: Millis(1), ownerships, links: BTreeMap::new(), merged_into: None }
}

#[test]
fn an_address_under_two_index_keys_is_one_address() {
    let email = |n: u8, key| (index(n), ownership(IdentifierKind::Email, true, None, key));
    let old = Evidence::of([&facts([email(1, 1)])]);
    let both = Evidence::of([&facts([email(1, 1), email(2, 2)])]);
    let another = Evidence::of([&facts([email(3, 1), email(4, 2)])]);
    assert_eq!(old.contradictions(&both, Joins::Passwords), []);
    assert_eq!(both.contradictions(&another, Joins::Records), [Contradiction::Email { verified: true }]);
}

#[test]
fn numbers_contradict_nothing() {
    let kind = IdentifierKind::PhoneNumber;
    let [one, other] = [1, 2].map(|n| Evidence::of([&facts([(index(n), ownership(kind, true, None, 1))])]));
    assert_eq!(one.contradictions(&other, Joins::Passwords), []);
}

#[test]
fn the_users_of_a_person_count_in_any_order() {
    let owned = |n: usize| match ALL[n] {
        Owned::ExternalId(by, n) => (index(n), ownership(IdentifierKind::ExternalId, false, Some(company(by)), 1)),
        Owned::Email(n, verified) => (index(n), ownership(IdentifierKind::Email, verified, None, 1)),
        Owned::Username(n) => (index(n), ownership(IdentifierKind::Username, false, None, 1)),
    };
    let rivals = everyone();
    for first in 0..ALL.len() {
        for second in 0..ALL.len() {
            let users = [facts([owned(first)]), facts([owned(second)])];
            let (forward, backward) = (Evidence::of(&users), Evidence::of(users.iter().rev()));
            assert_eq!(forward, backward);
            for (_, rival) in &rivals {
                assert_eq!(forward.contradictions(rival, BOTH[1]), rival.contradictions(&backward, BOTH[1]));
            }
        }
    }
}
