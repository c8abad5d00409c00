//! The epoch of a region's feed. A region that may have lost rows continues in another epoch, so that no number means two
//! events.
//!
//! Any number of feeds of a region may run. Of several that begin an epoch at the same moment, one does, and the others continue
//! in it: two epochs at once would put events behind a position that a reader has passed.

use serde::{Deserialize, Serialize};
use umoja_schema::Millis;

use crate::apply::MAX_ROUNDS;
use crate::ports::{Checkpoints, StoreError};

/// The name of the checkpoint with the epoch of a region's feed. No region's name has a slash in it.
pub const EPOCH_CHECKPOINT: &str = "feed/epoch";

#[derive(Serialize, Deserialize)]
struct Stored {
    epoch: u32,
}

/// The epoch in which a region's feed makes events, which begins now if none has begun or its checkpoint was lost, or if the
/// checkpoint is of an epoch before `after`, in which the region has made events already.
///
/// # Errors
/// If the store fails.
pub async fn epoch(checkpoints: &dyn Checkpoints, now: Millis, after: Option<u32>) -> Result<u32, StoreError> {
    begun(checkpoints, now, after.unwrap_or(0), |epoch| after.is_none_or(|after| epoch >= after)).await
}

/// Begins an epoch after the current one and after `after`. Required wherever a region may have lost rows: after it was
/// backfilled, or restored from a backup. The feed of the region must not run meanwhile.
///
/// # Errors
/// If the store fails.
pub async fn begin_epoch(checkpoints: &dyn Checkpoints, now: Millis, after: u32) -> Result<u32, StoreError> {
    begun(checkpoints, now, after, |_| false).await
}

/// The current epoch if it will do, or one that begins after it and after `after`.
async fn begun(
    checkpoints: &dyn Checkpoints,
    now: Millis,
    after: u32,
    will_do: impl Fn(u32) -> bool + Send,
) -> Result<u32, StoreError> {
    for _ in 0..MAX_ROUNDS {
        let state = checkpoints.checkpoint(EPOCH_CHECKPOINT).await?;
        let stored = state.as_deref().and_then(|state| serde_json::from_slice::<Stored>(state).ok());
        let stored = stored.map(|stored| stored.epoch);
        if let Some(epoch) = stored.filter(|epoch| will_do(*epoch)) {
            return Ok(epoch);
        }
        let minute = u32::try_from(now.0 / 60_000).unwrap_or(u32::MAX);
        let epoch = stored.unwrap_or(0).max(after).saturating_add(1).max(minute);
        let new = serde_json::to_vec(&Stored { epoch }).unwrap_or_default();
        if checkpoints.replace_checkpoint(EPOCH_CHECKPOINT, state.as_deref(), &new).await? {
            return Ok(epoch);
        }
    }
    Err(StoreError::Throttled("an epoch that many feeds begin".to_owned()))
}
