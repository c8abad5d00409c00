//! Checks the rules of versions, ownerships and pointers in every state that three regions, two users and one e-mail
//! address can reach. docs/decisions/0009 explains why this is a search over the real types.

#![allow(missing_docs, reason = "the names of requests and fields explain them")]
#![allow(clippy::unwrap_used, reason = "an unexpected result ends the search")]

mod broken;
mod explore;
mod rules;

pub use broken::{Broken, How};
pub use explore::{Bounds, Counterexample, Searched, explore};
pub use rules::{Held, Kind, Product, Request, Rules};

/// Clocks that agree, or one of which is ahead: any region may show either time whenever it writes.
const SKEWED: &[u64] = &[1, 2];
/// All clocks are stopped: every HLC timestamp is a tie, or one more than the last that the region had seen.
pub const STANDING: &[u64] = &[1];

pub const NO_USERS: &[(usize, Request)] = &[];
/// Two regions have registered a user each, with the same address at the same time.
const TWO_USERS: &[(usize, Request)] = &[
    (0, Request { user: 0, kind: Kind::Register { verified: false }, clock: 1 }),
    (1, Request { user: 1, kind: Kind::Register { verified: false }, clock: 1 }),
];

/// A search of the product's rules.
#[derive(Debug)]
pub struct Search {
    /// The statement that the search proves.
    pub name: &'static str,
    pub bounds: Bounds,
    /// The expected size, if it is known: a search that has become smaller proves less.
    pub expected: Option<Searched>,
}

impl Search {
    /// Searches every state.
    ///
    /// # Errors
    ///
    /// A sentence that names the violated rule and the steps to it, or an unexpected size of the search.
    pub fn run(&self) -> Result<Searched, String> {
        let searched =
            explore(&Product, &self.bounds).map_err(|found| format!("{}, after {:#?}", found.violated, found.steps))?;
        match self.expected {
            Some(expected) if expected != searched => Err(format!("searched {searched:?}, not {expected:?}")),
            _ => Ok(searched),
        }
    }
}

/// Takes a few seconds even without optimisation.
pub const SHORT: Search = Search {
    name: "two writes in any regions under any clocks converge in every region",
    bounds: Bounds { start: NO_USERS, versions: 2, clocks: SKEWED },
    expected: Some(Searched { states: 4_867, steps: 31_429, quiescent: 535, contents: 259, copies: 114 }),
};

/// The searches that every change must pass. They take a minute in total.
pub const FULL: [Search; 2] = [
    Search {
        name: "three writes in any regions under any clocks converge in every region",
        bounds: Bounds { start: NO_USERS, versions: 3, clocks: SKEWED },
        expected: Some(Searched { states: 181_495, steps: 1_755_001, quiescent: 10_341, contents: 2809, copies: 288 }),
    },
    Search {
        name: "two ownerships of one address and three more writes converge in every region",
        bounds: Bounds { start: TWO_USERS, versions: 5, clocks: STANDING },
        expected: Some(Searched { states: 512_729, steps: 8_211_387, quiescent: 11_819, contents: 2205, copies: 251 }),
    },
];

/// Searches that take minutes each.
pub const DEEPER: [Search; 2] = [
    Search {
        name: "four writes in any regions converge in every region",
        bounds: Bounds { start: NO_USERS, versions: 4, clocks: STANDING },
        expected: None,
    },
    Search {
        name: "two ownerships of one address and three more writes under any clocks converge in every region",
        bounds: Bounds { start: TWO_USERS, versions: 5, clocks: SKEWED },
        expected: None,
    },
];
