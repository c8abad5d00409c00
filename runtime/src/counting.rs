//! Counts the calls to a KMS that fail.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_crypto::DataKey;
use umoja_store::Home;
use umoja_store::ports::{EncryptionContext, Keys, KeysError};

use crate::record;

/// A region's keys, with each failed call recorded: calls that ended in an error, and calls whose caller stopped
/// waiting.
pub struct CountingKeys(Arc<dyn Keys>);

impl CountingKeys {
    /// Starts counting.
    pub fn new(keys: Arc<dyn Keys>) -> Self {
        Self(keys)
    }

    /// The same region and peers, with all their keys counted.
    pub fn around(mut home: Home) -> Home {
        let ports = std::iter::once(&mut home.own).chain(home.peers.iter_mut().map(|peer| &mut peer.ports));
        for ports in ports {
            ports.keys = Arc::new(Self::new(Arc::clone(&ports.keys)));
        }
        home
    }
}

#[async_trait]
impl Keys for CountingKeys {
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
        counted(self.0.generate(context)).await
    }

    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
        counted(self.0.wrap(key, context)).await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError> {
        counted(self.0.unwrap(wrapped, context)).await
    }

    async fn probe(&self) -> Result<(), KeysError> {
        counted(self.0.probe()).await
    }
}

async fn counted<T>(call: impl Future<Output = Result<T, KeysError>>) -> Result<T, KeysError> {
    let open = Open;
    let result = call.await;
    if result.is_ok() {
        std::mem::forget(open);
    }
    result
}

/// A call that has not succeeded yet. Dropping it counts a failure.
struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        record::key_error();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorded;
    use umoja_schema::names::metric::KMS_ERRORS;

    struct Kms(Option<Result<(), KeysError>>);

    #[async_trait]
    impl Keys for Kms {
        async fn generate(&self, _: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
            self.probe().await.map(|()| (DataKey::new([1; 32]), Vec::new()))
        }

        async fn wrap(&self, _: &DataKey, _: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
            self.probe().await.map(|()| Vec::new())
        }

        async fn unwrap(&self, _: &[u8], _: &EncryptionContext) -> Result<DataKey, KeysError> {
            self.probe().await.map(|()| DataKey::new([1; 32]))
        }

        async fn probe(&self) -> Result<(), KeysError> {
            match self.0 {
                Some(result) => result,
                None => std::future::pending().await,
            }
        }
    }

    async fn call_all(keys: &dyn Keys) {
        let context = EncryptionContext::new();
        let _ = (keys.generate(&context).await, keys.wrap(&DataKey::new([1; 32]), &context).await);
        let _ = (keys.unwrap(&[], &context).await, keys.probe().await);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_and_abandoned_calls_are_counted() {
        let recorded = Recorded::start();
        call_all(&CountingKeys::new(Arc::new(Kms(Some(Ok(())))))).await;
        assert_eq!(recorded.of(KMS_ERRORS), 0);
        call_all(&CountingKeys::new(Arc::new(Kms(Some(Err(KeysError::Throttled)))))).await;
        assert_eq!(recorded.of(KMS_ERRORS), 4);
        let silent = CountingKeys::new(Arc::new(Kms(None)));
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), silent.probe()).await.is_err());
        assert_eq!(recorded.of(KMS_ERRORS), 5);
    }
}
