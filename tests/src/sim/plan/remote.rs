//! The remote systems of a run, and what happens to calls of them.

use serde::{Deserialize, Serialize};

/// The number of targets. They are the first remote systems, and webhooks the others.
pub const TARGETS: u8 = 2;
/// The number of remote systems.
pub const REMOTES: u8 = 2 * TARGETS;

/// What happens to a call of a remote system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// It never arrives.
    RequestLost,
    /// It takes effect, and its answer never arrives.
    AnswerLost,
    /// It takes so long that a lease may end meanwhile.
    Slow,
    /// The system has an error of its own.
    Failing,
    /// The system has too many requests.
    Busy,
    /// The system rejects the credentials.
    Unauthorized,
}
