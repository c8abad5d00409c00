//! Resetting a password: a token for who forgot it, and a new password for who brings the token back.

mod finish;
mod start;
mod token;

pub use finish::{Finished, ResetFinish};
pub use start::{ResetStart, Started};
