//! Resetting a password: issuing a token to a user who forgot it, and setting a new password with the token.

mod finish;
mod start;
mod token;

pub use finish::{Finished, ResetFinish};
pub use start::{ResetStart, Started};
