//! A region's KMS key together with its predecessor, which still unwraps what it wrapped.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use umoja_crypto::DataKey;
use umoja_schema::Region;

use crate::Home;
use crate::ports::{EncryptionContext, Keys, KeysError};

/// A key for all operations, and an old key that unwraps what the new one rejects. Needed until all parts are
/// re-encrypted: where no other region has wrapped a data key, only the old key unwraps it.
pub struct WithOldKey {
    /// The region's key.
    pub key: Arc<dyn Keys>,
    /// The previous key.
    pub old: Arc<dyn Keys>,
}

/// The ports of a region in which the previous keys of some regions still unwrap what they wrapped.
pub fn with_old_keys(home: &Home, old: &BTreeMap<Region, Arc<dyn Keys>>) -> Home {
    let mut with_old = home.clone();
    let all = std::iter::once(&mut with_old.own).chain(with_old.peers.iter_mut().map(|peer| &mut peer.ports));
    for ports in all {
        if let Some(old) = old.get(&ports.name) {
            ports.keys = Arc::new(WithOldKey { key: Arc::clone(&ports.keys), old: Arc::clone(old) });
        }
    }
    with_old
}

#[async_trait]
impl Keys for WithOldKey {
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
        self.key.generate(context).await
    }

    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
        self.key.wrap(key, context).await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError> {
        match self.key.unwrap(wrapped, context).await {
            Err(KeysError::Rejected) => self.old.unwrap(wrapped, context).await,
            answer => answer,
        }
    }

    async fn probe(&self) -> Result<(), KeysError> {
        self.key.probe().await
    }
}
