use std::collections::BTreeMap;

use umoja_schema::{Attributes, UserId};

use super::*;

const REUSE: Reuse = Reuse { grace_ms: 30, skew_ms: 10 };

fn region(at: usize) -> Region {
    ["a", "b"][at].parse().unwrap()
}

fn row(at: usize) -> FamilyUses {
    FamilyUses {
        user: UserId::v8([1; 16]),
        family: "f".into(),
        region: region(at),
        first_uses: BTreeMap::new(),
        expires_at: Millis(1_000_000),
        unknown: Attributes::new(),
    }
}

/// Two regions, each with its own row and what has arrived of the other's.
#[derive(Clone)]
struct Two {
    own: [FamilyUses; 2],
    arrived: [FamilyUses; 2],
    ended: [bool; 2],
}

impl Two {
    fn new() -> Self {
        let rows = || [row(0), row(1)];
        Self { own: rows(), arrived: rows(), ended: [false; 2] }
    }

    fn deliver(&mut self, to: usize) {
        self.arrived[1 - to] = self.own[1 - to].clone();
        self.ended[to] |= self.ended[1 - to];
    }

    fn is_over(&self, at: usize) -> bool {
        self.ended[at] || is_reused(&[&self.own[at], &self.arrived[1 - at]], REUSE)
    }

    /// As [`crate::People::refresh`], by the clock of a region.
    fn refresh(&mut self, at: usize, generation: u64, now: u64) -> bool {
        let (own, other) = (self.own[at].clone(), self.arrived[1 - at].clone());
        let used = REUSE.use_of(generation, (&region(at), Millis(now)), &[&own, &other]);
        if self.is_over(at) || used == Use::TooLate {
            self.ended[at] = true;
            return false;
        }
        self.own[at].note(generation, Millis(now));
        true
    }
}

/// Every choice of where each use happens, when rows arrive, and how the second clock differs.
fn every(uses: &[(u64, u64)], check: impl Fn(&Two, &[bool])) {
    for choice in 0..1u32 << (3 * uses.len()) {
        for skew in [0u64, 5, 10] {
            for ahead in 0..2 {
                let (mut two, mut answers) = (Two::new(), Vec::new());
                for (nth, (generation, now)) in uses.iter().enumerate() {
                    let bit = |n: usize| choice >> (3 * nth + n) & 1 == 1;
                    (0..2).filter(|to| bit(1 + to)).for_each(|to| two.deliver(to));
                    let at = usize::from(bit(0));
                    let clock = 1_000 + now + if at == ahead { skew } else { 0 };
                    answers.push(two.refresh(at, *generation, clock));
                }
                check(&two, &answers);
            }
        }
    }
}

fn settled(two: &Two) -> [bool; 2] {
    let mut two = two.clone();
    (0..2).for_each(|to| two.deliver(to));
    (0..2).for_each(|to| two.deliver(to));
    [two.is_over(0), two.is_over(1)]
}

#[test]
fn a_retry_within_the_time_never_ends_a_family_in_any_order_of_delivery() {
    for uses in [
        [(0, 0), (0, 30), (1, 100), (1, 130)],
        [(0, 0), (0, 10), (0, 30), (1, 31)],
        [(0, 0), (1, 5), (0, 30), (1, 35)],
        [(0, 0), (1, 1), (2, 2), (0, 30)],
    ] {
        every(&uses, |two, answers| {
            assert!(answers.iter().all(|answer| *answer), "{uses:?}");
            assert_eq!(settled(two), [false, false], "{uses:?}");
        });
    }
}

#[test]
fn a_use_after_the_time_ends_the_family_everywhere_once_the_rows_have_arrived() {
    // The difference is more than the time and twice the difference of the clocks.
    for uses in [vec![(0, 0), (0, 51)], vec![(0, 0), (1, 40), (0, 91)], vec![(0, 0), (1, 200), (0, 251), (2, 260)]] {
        every(&uses, |two, _| assert_eq!(settled(two), [true, true], "{uses:?}"));
    }
}

#[test]
fn a_use_after_the_time_is_rejected_at_once_where_the_first_one_is_known() {
    let mut two = Two::new();
    assert!(two.refresh(0, 0, 0) && two.refresh(0, 0, 30));
    assert!(!two.refresh(0, 0, 31));
    assert!(!two.refresh(0, 1, 32), "the next token neither");
}

#[test]
fn two_holders_who_go_on_in_two_regions_are_found_after_many_generations() {
    let mut two = Two::new();
    for generation in 0..20 {
        assert!(two.refresh(0, generation, 1_000 * generation));
        assert!(two.refresh(1, generation, 1_000 * generation + 200));
    }
    assert_eq!(settled(&two), [true, true]);
}
