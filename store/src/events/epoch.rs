//! The epoch of a region's feed. A region that may have lost rows continues in another epoch, so that no number means two
//! events.

use serde::{Deserialize, Serialize};
use umoja_schema::Millis;

use crate::ports::{Checkpoints, StoreError};

/// The name of the checkpoint. No region's name has a slash in it.
const CHECKPOINT: &str = "feed/epoch";

#[derive(Serialize, Deserialize)]
struct Stored {
    epoch: u32,
}

/// The epoch in which a region's feed makes events, which begins now if none has begun or its checkpoint was lost.
///
/// # Errors
/// If the store fails.
pub async fn epoch(checkpoints: &dyn Checkpoints, now: Millis) -> Result<u32, StoreError> {
    match stored(checkpoints).await? {
        Some(epoch) => Ok(epoch),
        None => begin_epoch(checkpoints, now, 0).await,
    }
}

/// Begins an epoch after the current one and after `after`. Required wherever a region may have lost rows: after it was
/// backfilled, or restored from a backup. The feed of the region must not run meanwhile.
///
/// # Errors
/// If the store fails.
pub async fn begin_epoch(checkpoints: &dyn Checkpoints, now: Millis, after: u32) -> Result<u32, StoreError> {
    let last = stored(checkpoints).await?.unwrap_or(0).max(after);
    let minute = u32::try_from(now.0 / 60_000).unwrap_or(u32::MAX);
    let epoch = last.saturating_add(1).max(minute);
    let state = serde_json::to_vec(&Stored { epoch }).unwrap_or_default();
    checkpoints.put_checkpoint(CHECKPOINT, &state).await?;
    Ok(epoch)
}

async fn stored(checkpoints: &dyn Checkpoints) -> Result<Option<u32>, StoreError> {
    let state = checkpoints.checkpoint(CHECKPOINT).await?;
    Ok(state.and_then(|state| serde_json::from_slice::<Stored>(&state).ok()).map(|stored| stored.epoch))
}
