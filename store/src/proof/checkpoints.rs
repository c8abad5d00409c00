//! Checkpoints that are proved.

use async_trait::async_trait;
use umoja_schema::names::table;
use umoja_schema::proof;

use super::Proved;
use crate::ports::{Checkpoints, StoreError};

/// The length of a proof, which stands before the state.
const PROOF: usize = 36;

#[async_trait]
impl Checkpoints for Proved<dyn Checkpoints> {
    /// A state that does not verify counts as lost, so the work that it is about starts from the beginning.
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(stored) = self.inner.checkpoint(name).await? else { return Ok(None) };
        Ok(self.verified(name, &stored).await?.map(<[u8]>::to_vec))
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        self.inner.put_checkpoint(name, &self.proved(name, state).await?).await
    }

    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        let stored = self.inner.checkpoint(name).await?;
        let known = match &stored {
            Some(stored) => self.verified(name, stored).await?,
            None => None,
        };
        if known != expected {
            return Ok(false);
        }
        self.inner.replace_checkpoint(name, stored.as_deref(), &self.proved(name, state).await?).await
    }
}

impl Proved<dyn Checkpoints> {
    async fn verified<'a>(&self, name: &str, stored: &'a [u8]) -> Result<Option<&'a [u8]>, StoreError> {
        if let Some((proof, state)) = stored.split_at_checked(PROOF) {
            let version = proof.first_chunk::<4>().map(|version| u32::from_be_bytes(*version));
            let keys = self.proofs.keys_for([version]).await?;
            if keys.verifies(&proof::bytes(table::CHECKPOINTS, name, state), proof) {
                return Ok(Some(state));
            }
        }
        tracing::error!(checkpoint = name, "the proof of a checkpoint does not verify; the work starts over");
        Ok(None)
    }

    async fn proved(&self, name: &str, state: &[u8]) -> Result<Vec<u8>, StoreError> {
        let proof = self.proofs.keys().await?.prove(&proof::bytes(table::CHECKPOINTS, name, state));
        Ok([&proof.unwrap_or_default(), state].concat())
    }
}
