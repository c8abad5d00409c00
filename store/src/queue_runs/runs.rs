//! What all runs share: how much one does, and why it ended.

use serde::Serialize;

use crate::RegionPorts;

/// Why a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The queue was empty.
    #[default]
    Empty,
    /// The peer does not respond: messages were left alone or released.
    PeerDown,
    /// The own region's table does not respond.
    OwnDown,
    /// The queue does not respond.
    QueueDown,
    /// The run reached its limit. The next run continues.
    Bounded,
}

/// How long a message is hidden while a run works on it, in seconds. A run that is killed delays its messages by this
/// long.
pub const VISIBILITY_SECS: u32 = 60;

/// The most chunks of one run.
pub(super) const CHUNKS: usize = 50;

/// How many items are processed concurrently at least.
pub const CONCURRENT: usize = 16;

/// How many items are processed concurrently for a region: more than the least if its store takes bulks.
pub fn concurrent(ports: &RegionPorts) -> usize {
    let at_once = ports.users.at_once();
    if at_once > CALLS { at_once } else { CONCURRENT }
}

/// Up to this many writes at the same time are calls of a service, whose rate is limited.
const CALLS: usize = 32;
