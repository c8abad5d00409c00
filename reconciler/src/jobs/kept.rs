//! Where a job is, kept for the next run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_store::Home;
use umoja_store::ports::{StoreError, Sweeps};

/// Where one job keeps how far it is: in a region's table `sweeps`, under the job's name.
pub struct Kept {
    sweeps: Arc<dyn Sweeps>,
    name: String,
    /// Whether a place is kept that the end of the pass has to take away.
    has_place: AtomicBool,
}

impl Kept {
    /// In this region. No region's name has a slash in it, and the state of no sweep is named `job/...`.
    pub(crate) fn new(home: &Home, job: &str) -> Self {
        Self::of(Arc::clone(&home.sweeps), job)
    }

    pub(crate) fn of(sweeps: Arc<dyn Sweeps>, job: &str) -> Self {
        Self { sweeps, name: format!("job/{job}"), has_place: AtomicBool::new(false) }
    }

    /// What the last run left; nothing if it came to its end, or what it left cannot be had.
    pub(crate) async fn load<P: DeserializeOwned>(&self) -> Option<P> {
        let place: Option<P> = match self.sweeps.sweep(&self.name).await {
            Ok(bytes) => serde_json::from_slice(&bytes?).ok()?,
            Err(error) => {
                tracing::warn!(job = self.name, %error, "where the job was cannot be read; it begins anew");
                None
            }
        };
        self.has_place.store(place.is_some(), Ordering::Relaxed);
        place
    }

    /// Keeps a place, or that the pass has come to its end.
    pub(crate) async fn save<P: Serialize>(&self, place: Option<&P>) -> Result<(), StoreError> {
        if place.is_none() && !self.has_place.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.has_place.store(place.is_some(), Ordering::Relaxed);
        let bytes = serde_json::to_vec(&place).map_err(|error| StoreError::Refused(error.to_string()))?;
        self.sweeps.put_sweep(&self.name, &bytes).await
    }
}
