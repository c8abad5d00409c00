use std::collections::BTreeMap;

use async_trait::async_trait;
use umoja_crypto::DataKey;

/// The KMS key of one region. Every call is billed: `schema`'s parts cost one to make a key, one per peer to wrap it,
/// and one on a first read.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes a data key and wraps it (`GenerateDataKey`).
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError>;

    /// Wraps a data key that another region made (`Encrypt`).
    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError>;

    /// Unwraps a data key (`Decrypt`). Refuses another context, another key's blob and a damaged blob alike.
    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError>;

    /// Asks whether the key can be used now (`DescribeKey`).
    async fn probe(&self) -> Result<(), KeysError>;
}

/// What a wrapped key is bound to. Shows in KMS's audit trail, so never personal data.
pub type EncryptionContext = BTreeMap<String, String>;

/// Why a key could not be made, wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// No answer.
    #[error("the key service did not answer")]
    Unavailable,
    /// Asked too fast.
    #[error("the key service is throttled")]
    Throttled,
    /// The key is disabled or scheduled for deletion: an operator has to act.
    #[error("the key is disabled")]
    Disabled,
    /// The caller may not use the key, or there is no such key: an operator has to act. Says nothing about the blob.
    #[error("the key may not be used")]
    Denied,
    /// Wrong context, another key's blob, or a damaged blob: it will never open.
    #[error("the key service refused the blob")]
    Refused,
}
