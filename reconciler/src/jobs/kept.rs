//! Checkpoints of jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_store::Home;
use umoja_store::ports::{Checkpoints, StoreError};

/// The checkpoint of one job, in a region's table `checkpoints` under the job's name.
pub struct Kept {
    checkpoints: Arc<dyn Checkpoints>,
    name: String,
    /// Whether a checkpoint is stored that has to be removed when the pass ends.
    has_place: AtomicBool,
}

impl Kept {
    /// The checkpoint in this region. No region's name has a slash in it, and no anti-entropy checkpoint is named
    /// `job/...`.
    pub(crate) fn new(home: &Home, job: &str) -> Self {
        Self::of(Arc::clone(&home.checkpoints), job)
    }

    pub(crate) fn of(checkpoints: Arc<dyn Checkpoints>, job: &str) -> Self {
        Self { checkpoints, name: format!("job/{job}"), has_place: AtomicBool::new(false) }
    }

    /// The checkpoint of the last run; `None` if that run completed or its checkpoint cannot be read.
    pub(crate) async fn load<P: DeserializeOwned>(&self) -> Option<P> {
        let place: Option<P> = match self.checkpoints.checkpoint(&self.name).await {
            Ok(bytes) => serde_json::from_slice(&bytes?).ok()?,
            Err(error) => {
                tracing::warn!(job = self.name, %error, "the checkpoint of a job cannot be read; the job starts over");
                None
            }
        };
        self.has_place.store(place.is_some(), Ordering::Relaxed);
        place
    }

    /// Stores a checkpoint, or that the pass has completed.
    pub(crate) async fn save<P: Serialize>(&self, place: Option<&P>) -> Result<(), StoreError> {
        if place.is_none() && !self.has_place.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.has_place.store(place.is_some(), Ordering::Relaxed);
        let bytes = serde_json::to_vec(&place).map_err(|error| StoreError::Rejected(error.to_string()))?;
        self.checkpoints.put_checkpoint(&self.name, &bytes).await
    }
}
