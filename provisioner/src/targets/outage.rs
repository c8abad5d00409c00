//! Whether a target counts as out, as a checkpoint of its home keeps it for operators. Deliveries do not read it: a process
//! that begins asks the target.

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Target, TargetId};
use umoja_store::ports::{Checkpoints, StoreError};

/// That a target counts as out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Since when.
    pub since: Millis,
    /// The code of the last failure.
    pub code: String,
}

impl Outage {
    /// The outage that the home of a target knows of.
    ///
    /// # Errors
    /// If the checkpoint cannot be read.
    pub async fn load(checkpoints: &dyn Checkpoints, target: &TargetId) -> Result<Option<Self>, StoreError> {
        let stored = checkpoints.checkpoint(&Target::outage(target)).await?;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok().flatten()))
    }

    /// Notes that a target is out for this reason, or with `None` that it is not.
    pub(crate) async fn note(
        checkpoints: &dyn Checkpoints,
        target: &TargetId,
        code: Option<&str>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let before = Self::load(checkpoints, target).await?;
        let since = before.as_ref().map_or(now, |before| before.since);
        let after = code.map(|code| Self { since, code: code.to_owned() });
        if after == before {
            return Ok(());
        }
        let state = serde_json::to_vec(&after).unwrap_or_default();
        checkpoints.put_checkpoint(&Target::outage(target), &state).await
    }
}
