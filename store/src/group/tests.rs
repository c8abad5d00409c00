use proptest::prelude::*;

use umoja_schema::Millis;

use super::*;

fn user(n: usize) -> UserId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
    UserId::v8(bytes)
}

/// Users by number: when each was registered, and at whom it points.
type Pointers = [(u64, Option<usize>)];

fn known(pointers: &Pointers) -> Known {
    let mut known = Known::new();
    for (n, (created_at, target)) in pointers.iter().enumerate() {
        let live = Pointer { created_at: Millis(*created_at), merged_into: target.map(user) };
        known.entry(user(n)).or_default().state = State::Live(live);
        if let Some(target) = target {
            known.entry(user(*target)).or_default().members.push(user(n));
        }
    }
    known
}

fn found(start: usize, known: &Known) -> Group {
    match step(user(start), known).unwrap() {
        Step::Found(group) => group,
        other => panic!("{other:?}"),
    }
}

/// The users that pointers connect with `start`, in whatever direction: by repeated widening, as slow as it is plain.
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

/// The root as the design says it.
fn root(start: usize, pointers: &Pointers) -> usize {
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
        let group = found(start, &known);
        let component = connected(start, pointers);
        assert_eq!(group.root, user(root(start, pointers)), "{pointers:?} from {start}");
        assert_eq!(group, found(root(start, pointers), &known), "{pointers:?} from {start}");
        let mut users: Vec<UserId> = group.members.clone();
        users.push(group.root);
        assert_eq!(users.len(), component.len(), "{pointers:?} from {start}");
        assert_eq!(users.into_iter().collect::<BTreeSet<_>>(), component.into_iter().map(user).collect());
        let age = |id: &UserId| (known[id].live().unwrap().created_at, *id);
        assert!(group.members.is_sorted_by_key(age));
    }
}

/// Every way in which up to five users can point at each other and themselves: chains, trees, cycles with tails.
#[test]
fn every_way_to_point_gives_one_root_from_every_start() {
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
    fn any_pointers_give_one_root_from_every_start(pointers in pointers()) {
        check(&pointers);
    }

    /// Pointers that arrive one by one, and not always in the order in which they were made, end as one group.
    #[test]
    fn any_order_of_the_same_merges_gives_the_same_group(pointers in pointers(), order in any::<prop::sample::Index>()) {
        let forward = known(&pointers);
        let mut turned = Known::new();
        let from = order.index(pointers.len());
        for n in (0..pointers.len()).map(|n| (n + from) % pointers.len()).rev() {
            let (created_at, target) = pointers[n];
            let live = Pointer { created_at: Millis(created_at), merged_into: target.map(user) };
            turned.entry(user(n)).or_default().state = State::Live(live);
            if let Some(target) = target {
                turned.entry(user(target)).or_default().members.insert(0, user(n));
            }
        }
        for start in 0..pointers.len() {
            prop_assert_eq!(found(start, &forward), found(start, &turned));
        }
    }

    /// Erased one by one in the order given, whoever is left is found from the user that was asked for, without
    /// anything else being remembered.
    #[test]
    fn an_erasure_that_stops_anywhere_is_completed_by_the_same_one(pointers in pointers(), start in any::<prop::sample::Index>()) {
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

    /// Who is merged into somebody between that one's erasure and the rest is found from those that were erased.
    #[test]
    fn whoever_points_at_somebody_erased_together_is_found(
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
        known.get_mut(&target).unwrap().members.push(newcomer);
        let mut expected: BTreeSet<_> = all[erased..].iter().copied().collect();
        expected.insert(newcomer);
        prop_assert_eq!(live(erasing::order(user(start), &with, &known).unwrap(), &known), expected);
    }

    #[test]
    fn what_is_asked_for_step_by_step_gives_what_is_found_at_once(pointers in pointers(), start in any::<prop::sample::Index>()) {
        let start = start.index(pointers.len());
        let all = known(&pointers);
        let mut some = Known::new();
        let mut steps = 0;
        let group = loop {
            steps += 1;
            prop_assert!(steps <= 2 * pointers.len() + 1);
            match step(user(start), &some).unwrap() {
                Step::Read(ids) => {
                    for id in ids {
                        prop_assert!(some.insert(id, all[&id].clone()).is_none(), "asked for twice");
                    }
                }
                Step::Found(group) => break group,
                Step::Nobody => panic!("everybody is live"),
            }
        };
        prop_assert_eq!(group, found(start, &all));
    }
}

/// The tombstone is there, and the part's pointer is gone.
fn erase(id: UserId, known: &mut Known) {
    let before = std::mem::replace(&mut known.get_mut(&id).unwrap().state, State::Erased);
    if let State::Live(Pointer { merged_into: Some(target), .. }) = before {
        known.get_mut(&target).unwrap().members.retain(|member| *member != id);
    }
}

fn live(mut ids: Vec<UserId>, known: &Known) -> BTreeSet<UserId> {
    ids.retain(|id| known[id].live().is_some());
    ids.into_iter().collect()
}

#[test]
fn a_pointer_at_somebody_absent_or_erased_ends_the_chain() {
    for state in [State::Absent, State::Erased] {
        let mut known = known(&[(3, Some(1)), (2, Some(2)), (1, None)]);
        known.get_mut(&user(2)).unwrap().state = state;
        assert_eq!(found(0, &known), Group { root: user(1), members: vec![user(0)] });
        assert_eq!(step(user(2), &known), Ok(Step::Nobody));
    }
}

#[test]
fn who_has_not_arrived_is_erased_with_those_that_point_there_and_who_is_erased_already_is_left() {
    for (state, expected) in [(State::Absent, vec![2, 0, 1]), (State::Erased, vec![1])] {
        let mut known = known(&[(3, None), (2, Some(0)), (1, Some(0))]);
        known.get_mut(&user(0)).unwrap().state = state;
        let order = erasing::order(user(1), &BTreeSet::new(), &known);
        assert_eq!(order, Ok(expected.into_iter().map(user).collect()));
    }
}

#[test]
fn somebody_live_who_a_receipt_names_is_not_erased_for_it() {
    let known = known(&[(3, None), (2, None), (1, Some(1))]);
    let order = erasing::order(user(0), &BTreeSet::from([user(1)]), &known);
    assert_eq!(order, Ok(vec![user(0)]));
}

#[test]
fn there_is_no_limit_to_whom_an_erasure_finds() {
    let star: Vec<_> = (0..3 * MAX_USERS).map(|n| (0, Some(0).filter(|_| n > 0))).collect();
    assert_eq!(erasing::order(user(7), &BTreeSet::new(), &known(&star)).unwrap().len(), 3 * MAX_USERS);
}

#[test]
fn a_member_that_does_not_point_back_is_nobodys() {
    let mut known = known(&[(1, None), (2, None), (3, Some(1))]);
    known.get_mut(&user(0)).unwrap().members.extend([user(1), user(2)]);
    assert_eq!(found(0, &known), Group { root: user(0), members: vec![] });
}

#[test]
fn who_points_is_in_the_group_although_the_table_of_members_lost_it() {
    let mut known = known(&[(1, None), (2, Some(0))]);
    known.get_mut(&user(0)).unwrap().members.clear();
    assert_eq!(found(1, &known), Group { root: user(0), members: vec![user(1)] });
}

#[test]
fn more_users_than_the_limit_are_refused_and_not_read_for_ever() {
    let star = |members: usize| {
        let pointers: Vec<_> = (0..=members).map(|n| (0, Some(0).filter(|_| n > 0))).collect();
        known(&pointers)
    };
    assert_eq!(found(7, &star(MAX_USERS - 1)).members.len(), MAX_USERS - 1);
    assert_eq!(step(user(7), &star(MAX_USERS)), Err(TooLarge));
    let chain: Vec<_> = (0..=MAX_USERS).map(|n| (0, n.checked_sub(1))).collect();
    assert_eq!(step(user(MAX_USERS), &known(&chain)), Err(TooLarge));
    let mut invented = known(&[(0, None)]);
    invented.get_mut(&user(0)).unwrap().members = (1..3 * MAX_USERS).map(user).collect();
    assert_eq!(step(user(0), &invented), Err(TooLarge));
}

#[test]
fn users_are_arranged_by_what_their_pointers_say() {
    let pointer =
        |created_at, target: Option<usize>| Pointer { created_at: Millis(created_at), merged_into: target.map(user) };
    let users = BTreeMap::from([
        (user(0), pointer(5, None)),
        (user(1), pointer(4, Some(0))),
        (user(2), pointer(3, Some(1))),
        (user(3), pointer(2, Some(9))),
    ]);
    let group = |start| arrange(user(start), &users).unwrap();
    assert_eq!(group(1), Some(Group { root: user(0), members: vec![user(2), user(1)] }));
    assert_eq!(group(3), Some(Group { root: user(3), members: vec![] }), "points at somebody absent");
    assert_eq!(group(4), None);
}
