use async_trait::async_trait;

use super::StoreError;

/// Where the anti-entropy passes of one region continue (table `checkpoints`): one state for each comparison. The table
/// is local to the region and can be lost: an anti-entropy pass without its state starts from the beginning.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// The state last stored under this name.
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores a state of at most 300 KB, completely or not at all.
    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError>;

    /// Stores a state if `expected` is still what [`Checkpoints::checkpoint`] answers. False if it is not, and then
    /// nothing is stored: of several writers that expect the same, one succeeds.
    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError>;
}
