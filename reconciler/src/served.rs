//! What became of a message of the repair queue.

use umoja_store::ports::StoreError;

pub(crate) enum Served {
    Repaired,
    Merged,
    Overtaken,
    /// Something does not answer; try again after a growing delay.
    Later,
    /// An operator has to act first; try again after the longest delay.
    Blocked,
    /// The own table does not answer.
    Stopped,
    /// Not like this: goes to the dead letters if it stays so.
    Failed,
    Parked(&'static str),
}

/// What became of a message whose work the own table did not do.
pub(crate) fn own_failed(error: &StoreError) -> Served {
    tracing::warn!(%error, "the own table did not do as asked");
    if error.is_transient() { Served::Stopped } else { Served::Failed }
}
