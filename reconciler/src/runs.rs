//! What runs have in common: how much one does, and why it ended.

use serde::Serialize;

/// Why a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The queue had nothing more to give.
    #[default]
    Empty,
    /// The peer does not answer: messages were left alone or released.
    PeerDown,
    /// The own region's table does not answer.
    OwnDown,
    /// The queue does not answer.
    QueueDown,
    /// The most that one run does was done; the next goes on.
    Bounded,
}

/// How long a message is hidden while a run works on it, in seconds. A run that is killed delays its messages by
/// this much.
pub const VISIBILITY_SECS: u32 = 60;

/// The most chunks of one run.
pub(crate) const CHUNKS: usize = 50;

/// How many items are worked on at the same time.
pub(crate) const CONCURRENT: usize = 16;
