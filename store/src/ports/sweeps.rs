use async_trait::async_trait;

use super::StoreError;

/// How far the sweeps of one region have come (table `sweeps`): a state for each thing that the region is compared with.
/// Local to the region, and no loss: without it a sweep starts over.
#[async_trait]
pub trait Sweeps: Send + Sync {
    /// The state of this name, as it was last stored.
    async fn sweep(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores a state, at most 300 KB, whole or not at all.
    async fn put_sweep(&self, name: &str, state: &[u8]) -> Result<(), StoreError>;
}
