//! The rules in every state. `sim --exhaustive` runs the longer searches.

use umoja_tests::exhaustive::{Bounds, Broken, How, NO_USERS, SHORT, STANDING, explore};

#[test]
fn any_two_writes_converge_in_every_region() {
    SHORT.run().unwrap();
}

#[test]
fn the_absence_of_each_rule_is_detected() {
    for (how, violated, steps) in [
        (How::NoTieBreak, "after anti-entropy, regions differ", 2),
        (How::ErasedNotFirst, "a region went back from 1-0000000000010001-a", 4),
        (How::LastArrivalWins, "a region went back from 0-0000000000010001-a", 2),
        (How::OwnersNotRecomputed, "the ownerships differ from a rebuild from the users", 2),
        (How::LinkedAccountsOnlyGrow, "the linked accounts differ from a rebuild from the users", 4),
        (How::CycleWithoutRule, "one person has two primary accounts", 4),
    ] {
        let bounds = Bounds { start: NO_USERS, versions: 4, clocks: STANDING };
        let found = match explore(&Broken(how), &bounds) {
            Ok(searched) => panic!("{how:?} was not found: {searched:?}"),
            Err(found) => *found,
        };
        assert_eq!((found.violated.as_str(), found.steps.len()), (violated, steps), "{how:?}: {:#?}", found.steps);
    }
}
