//! The rules of versions, claims and pointers, checked in every state that three regions, two users and one e-mail
//! address can get into. docs/decisions/0009 says why this is a search over the real types.
//!
//! The sizes are asserted: a search that has become smaller proves less.

mod broken;
mod explore;
mod rules;

use broken::{Broken, How};
use explore::{Bounds, Searched, explore};
use rules::{Kind, Product, Request};

/// Clocks that agree, or of which one is ahead: any region may show either whenever it writes.
const SKEWED: &[u64] = &[1, 2];
/// All clocks stand still: every stamp is a tie, or one more than what the region had seen.
const STANDING: &[u64] = &[1];

const NOBODY: &[(usize, Request)] = &[];
/// Two regions have registered a user each, with the same address at the same time.
const TWO_USERS: &[(usize, Request)] = &[
    (0, Request { user: 0, kind: Kind::Register { verified: false }, clock: 1 }),
    (1, Request { user: 1, kind: Kind::Register { verified: false }, clock: 1 }),
];

fn searched(bounds: Bounds) -> Searched {
    match explore(&Product, &bounds) {
        Ok(searched) => searched,
        Err(found) => panic!("{}, after {:#?}", found.violated, found.steps),
    }
}

#[test]
fn three_writes_in_any_regions_under_any_clocks_end_the_same_everywhere() {
    let searched = searched(Bounds { start: NOBODY, versions: 3, clocks: SKEWED });
    assert_eq!(
        searched,
        Searched { states: 181_495, steps: 1_755_001, quiescent: 10_341, contents: 2809, copies: 288 }
    );
}

#[test]
#[ignore = "takes minutes: .ci/run"]
fn two_claims_on_one_address_and_three_more_writes_end_the_same_everywhere() {
    let searched = searched(Bounds { start: TWO_USERS, versions: 5, clocks: STANDING });
    assert_eq!(
        searched,
        Searched { states: 512_729, steps: 8_211_387, quiescent: 11_819, contents: 2205, copies: 251 }
    );
}

mod deeper {
    use super::*;

    #[test]
    #[ignore = "takes minutes: .ci/long"]
    fn four_writes_in_any_regions_end_the_same_everywhere() {
        let searched = searched(Bounds { start: NOBODY, versions: 4, clocks: STANDING });
        assert!(searched.states > 600_000, "{searched:?}");
    }

    #[test]
    #[ignore = "takes minutes: .ci/long"]
    fn two_claims_on_one_address_and_three_more_writes_under_any_clocks_end_the_same_everywhere() {
        let searched = searched(Bounds { start: TWO_USERS, versions: 5, clocks: SKEWED });
        assert!(searched.states > 3_000_000, "{searched:?}");
    }
}

#[test]
fn each_rule_is_needed_and_its_absence_is_found() {
    for (how, violated, steps) in [
        (How::NoTieBreak, "after anti-entropy, regions differ", 2),
        (How::ErasedNotFirst, "a region went back from 1-0000000000010001-a", 4),
        (How::LastArrivalWins, "a region went back from 0-0000000000010001-a", 2),
        (How::ClaimsNotRecomputed, "the claims are not what a rebuild from the users gives", 2),
        (How::MembersOnlyGrow, "the members are not what a rebuild from the users gives", 4),
        (How::CycleWithoutRule, "one person has two roots", 4),
    ] {
        let bounds = Bounds { start: NOBODY, versions: 4, clocks: STANDING };
        let found = match explore(&Broken(how), &bounds) {
            Ok(searched) => panic!("{how:?} was not found: {searched:?}"),
            Err(found) => *found,
        };
        assert_eq!((found.violated.as_str(), found.steps.len()), (violated, steps), "{how:?}: {:#?}", found.steps);
    }
}
