use proptest::prelude::*;

use umoja_schema::Millis;

use super::*;

fn user(n: usize) -> UserId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
    UserId::v8(bytes)
}

/// Users by number: the registration time and the target of the pointer.
type Pointers = [(u64, Option<usize>)];

fn known(pointers: &Pointers) -> Known {
    let mut known = Known::new();
    for (n, (created_at, target)) in pointers.iter().enumerate() {
        let live = Pointer { created_at: Millis(*created_at), merged_into: target.map(user) };
        known.entry(user(n)).or_default().state = State::Live(live);
        if let Some(target) = target {
            known.entry(user(*target)).or_default().linked_accounts.push(user(n));
        }
    }
    known
}

fn found(start: usize, known: &Known) -> PersonIds {
    match step(user(start), known).unwrap() {
        Step::Found(person) => person,
        other => panic!("{other:?}"),
    }
}

/// The users that pointers connect with `start` in either direction, by repeated widening: slow but simple.
fn connected(start: usize, pointers: &Pointers) -> BTreeSet<usize> {
    let mut all = BTreeSet::from([start]);
    loop {
        let before = all.len();
        for (from, (_, to)) in pointers.iter().enumerate() {
            if let Some(to) = *to
                && (all.contains(&from) || all.contains(&to))
            {
                all.extend([from, to]);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

/// The primary account by the definition.
fn primary(start: usize, pointers: &Pointers) -> usize {
    let mut at = start;
    for _ in 0..pointers.len() {
        at = pointers[at].1.unwrap_or(at);
    }
    let mut cycle = vec![at];
    while let Some(next) = pointers[cycle[cycle.len() - 1]].1.filter(|next| *next != at) {
        cycle.push(next);
    }
    cycle.into_iter().min_by_key(|n| (pointers[*n].0, *n)).unwrap()
}

fn check(pointers: &Pointers) {
    let known = known(pointers);
    for start in 0..pointers.len() {
        let person = found(start, &known);
        let component = connected(start, pointers);
        assert_eq!(person.primary, user(primary(start, pointers)), "{pointers:?} from {start}");
        assert_eq!(person, found(primary(start, pointers), &known), "{pointers:?} from {start}");
        let mut users: Vec<UserId> = person.linked_accounts.clone();
        users.push(person.primary);
        assert_eq!(users.len(), component.len(), "{pointers:?} from {start}");
        assert_eq!(users.into_iter().collect::<BTreeSet<_>>(), component.into_iter().map(user).collect());
        let age = |id: &UserId| (known[id].live().unwrap().created_at, *id);
        assert!(person.linked_accounts.is_sorted_by_key(age));
    }
}

/// Every way in which up to five users can point at each other and themselves: chains, trees, cycles with tails.
#[test]
fn all_pointers_of_five_users_give_one_primary_account() {
    let mut checked = 0;
    for count in 1..=5usize {
        for code in 0..(count + 1).pow(u32::try_from(count).unwrap()) {
            for ages in [[0, 0, 0, 0, 0], [4, 3, 2, 1, 0], [2, 0, 1, 0, 2]] {
                let target = |n: usize| code / (count + 1).pow(u32::try_from(n).unwrap()) % (count + 1);
                let pointers: Vec<_> =
                    (0..count).map(|n| (ages[n], Some(target(n)).filter(|target| *target < count))).collect();
                check(&pointers);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 3 * (2 + 9 + 64 + 625 + 7776));
}

fn pointers() -> impl Strategy<Value = Vec<(u64, Option<usize>)>> {
    (1usize..40).prop_flat_map(|count| prop::collection::vec((0u64..4, prop::option::weighted(0.9, 0..count)), count))
}

proptest! {
    #[test]
    fn any_pointers_give_one_primary_account(pointers in pointers()) {
        check(&pointers);
    }

    /// Pointers that arrive one by one, in any order, result in the same person.
    #[test]
    fn merges_in_any_order_give_the_same_person(pointers in pointers(), order in any::<prop::sample::Index>()) {
        let forward = known(&pointers);
        let mut turned = Known::new();
        let from = order.index(pointers.len());
        for n in (0..pointers.len()).map(|n| (n + from) % pointers.len()).rev() {
            let (created_at, target) = pointers[n];
            let live = Pointer { created_at: Millis(created_at), merged_into: target.map(user) };
            turned.entry(user(n)).or_default().state = State::Live(live);
            if let Some(target) = target {
                turned.entry(user(target)).or_default().linked_accounts.insert(0, user(n));
            }
        }
        for start in 0..pointers.len() {
            prop_assert_eq!(found(start, &forward), found(start, &turned));
        }
    }

    /// If users are erased one by one in the given order, the remaining users are found from the requested user at any
    /// time, without any stored state.
    #[test]
    fn a_repeated_erasure_completes_an_interrupted_one(pointers in pointers(), start in any::<prop::sample::Index>()) {
        let start = start.index(pointers.len());
        let mut known = known(&pointers);
        let all = erasing::order(user(start), &BTreeSet::new(), &known).unwrap();
        prop_assert_eq!(all.len(), connected(start, &pointers).len());
        for (done, id) in all.iter().enumerate() {
            let left = live(erasing::order(user(start), &BTreeSet::new(), &known).unwrap(), &known);
            prop_assert_eq!(left, all[done..].iter().copied().collect());
            erase(*id, &mut known);
        }
    }

    /// A user that is merged after part of an erasure is found through the users that were erased.
    #[test]
    fn a_user_that_points_at_an_erased_one_is_found(
        pointers in pointers(), start in any::<prop::sample::Index>(), late in any::<prop::sample::Index>(), erased in 0usize..40,
    ) {
        let start = start.index(pointers.len());
        let mut known = known(&pointers);
        let all = erasing::order(user(start), &BTreeSet::new(), &known).unwrap();
        let erased = erased % (all.len() + 1);
        let with: BTreeSet<_> = all[..erased].iter().copied().collect();
        for id in &with {
            erase(*id, &mut known);
        }
        let (newcomer, target) = (user(2_000), all[late.index(all.len())]);
        known.entry(newcomer).or_default().state = State::Live(Pointer { created_at: Millis(9), merged_into: Some(target) });
        known.get_mut(&target).unwrap().linked_accounts.push(newcomer);
        let mut expected: BTreeSet<_> = all[erased..].iter().copied().collect();
        expected.insert(newcomer);
        prop_assert_eq!(live(erasing::order(user(start), &with, &known).unwrap(), &known), expected);
    }

    #[test]
    fn stepwise_reads_give_the_same_person(pointers in pointers(), start in any::<prop::sample::Index>()) {
        let start = start.index(pointers.len());
        let all = known(&pointers);
        let mut some = Known::new();
        let mut steps = 0;
        let person = loop {
            steps += 1;
            prop_assert!(steps <= 2 * pointers.len() + 1);
            match step(user(start), &some).unwrap() {
                Step::Read(ids) => {
                    for id in ids {
                        prop_assert!(some.insert(id, all[&id].clone()).is_none(), "requested twice");
                    }
                }
                Step::Found(person) => break person,
                Step::NotLive => panic!("every user is live"),
            }
        };
        prop_assert_eq!(person, found(start, &all));
    }
}

/// Replaces the user by a tombstone without a pointer.
fn erase(id: UserId, known: &mut Known) {
    let before = std::mem::replace(&mut known.get_mut(&id).unwrap().state, State::Erased);
    if let State::Live(Pointer { merged_into: Some(target), .. }) = before {
        known.get_mut(&target).unwrap().linked_accounts.retain(|linked| *linked != id);
    }
}

fn live(mut ids: Vec<UserId>, known: &Known) -> BTreeSet<UserId> {
    ids.retain(|id| known[id].live().is_some());
    ids.into_iter().collect()
}

#[test]
fn a_pointer_at_an_absent_or_erased_user_ends_the_chain() {
    for state in [State::Absent, State::Erased] {
        let mut known = known(&[(3, Some(1)), (2, Some(2)), (1, None)]);
        known.get_mut(&user(2)).unwrap().state = state;
        assert_eq!(found(0, &known), PersonIds { primary: user(1), linked_accounts: vec![user(0)] });
        assert_eq!(step(user(2), &known), Ok(Step::NotLive));
    }
}

#[test]
fn absent_targets_are_erased_too_and_erased_ones_are_skipped() {
    for (state, expected) in [(State::Absent, vec![2, 0, 1]), (State::Erased, vec![1])] {
        let mut known = known(&[(3, None), (2, Some(0)), (1, Some(0))]);
        known.get_mut(&user(0)).unwrap().state = state;
        let order = erasing::order(user(1), &BTreeSet::new(), &known);
        assert_eq!(order, Ok(expected.into_iter().map(user).collect()));
    }
}

#[test]
fn a_live_user_named_in_a_receipt_is_not_erased() {
    let known = known(&[(3, None), (2, None), (1, Some(1))]);
    let order = erasing::order(user(0), &BTreeSet::from([user(1)]), &known);
    assert_eq!(order, Ok(vec![user(0)]));
}

#[test]
fn an_erasure_finds_any_number_of_users() {
    let star: Vec<_> = (0..3 * MAX_USERS).map(|n| (0, Some(0).filter(|_| n > 0))).collect();
    assert_eq!(erasing::order(user(7), &BTreeSet::new(), &known(&star)).unwrap().len(), 3 * MAX_USERS);
}

#[test]
fn a_linked_account_must_point_back() {
    let mut known = known(&[(1, None), (2, None), (3, Some(1))]);
    known.get_mut(&user(0)).unwrap().linked_accounts.extend([user(1), user(2)]);
    assert_eq!(found(0, &known), PersonIds { primary: user(0), linked_accounts: vec![] });
}

#[test]
fn a_pointer_counts_without_its_table_row() {
    let mut known = known(&[(1, None), (2, Some(0))]);
    known.get_mut(&user(0)).unwrap().linked_accounts.clear();
    assert_eq!(found(1, &known), PersonIds { primary: user(0), linked_accounts: vec![user(1)] });
}

#[test]
fn more_users_than_the_limit_are_rejected() {
    let star = |linked_accounts: usize| {
        let pointers: Vec<_> = (0..=linked_accounts).map(|n| (0, Some(0).filter(|_| n > 0))).collect();
        known(&pointers)
    };
    assert_eq!(found(7, &star(MAX_USERS - 1)).linked_accounts.len(), MAX_USERS - 1);
    assert_eq!(step(user(7), &star(MAX_USERS)), Err(TooLarge));
    let chain: Vec<_> = (0..=MAX_USERS).map(|n| (0, n.checked_sub(1))).collect();
    assert_eq!(step(user(MAX_USERS), &known(&chain)), Err(TooLarge));
    let mut invented = known(&[(0, None)]);
    invented.get_mut(&user(0)).unwrap().linked_accounts = (1..3 * MAX_USERS).map(user).collect();
    assert_eq!(step(user(0), &invented), Err(TooLarge));
}

#[test]
fn users_are_arranged_by_their_pointers() {
    let pointer =
        |created_at, target: Option<usize>| Pointer { created_at: Millis(created_at), merged_into: target.map(user) };
    let users = BTreeMap::from([
        (user(0), pointer(5, None)),
        (user(1), pointer(4, Some(0))),
        (user(2), pointer(3, Some(1))),
        (user(3), pointer(2, Some(9))),
    ]);
    let person = |start| arrange(user(start), &users).unwrap();
    assert_eq!(person(1), Some(PersonIds { primary: user(0), linked_accounts: vec![user(2), user(1)] }));
    assert_eq!(person(3), Some(PersonIds { primary: user(3), linked_accounts: vec![] }), "points at an absent user");
    assert_eq!(person(4), None);
}
