//! Many rows of a file, proofs of sample logins before them, and what rows would be to each other. What becomes of one row
//! is [`umoja_accounts::import`]'s.

mod prove;
mod rehearsal;
mod run;

pub use umoja_accounts::import::*;

pub use self::prove::{Proof, Samples, SamplesError};
pub use self::rehearsal::Rehearsal;
pub use self::run::{Entry, RunError, Seen, run};
