//! The import of a file: its rows, the proof of sample logins before it, and the conflicts between rows in a dry run.
//! [`umoja_accounts::import`] imports each row.

mod prove;
mod rehearsal;
mod run;

pub use umoja_accounts::import::*;

pub use self::prove::{Proof, Samples, SamplesError};
pub use self::rehearsal::Rehearsal;
pub use self::run::{Entry, RunError, Seen, run};
