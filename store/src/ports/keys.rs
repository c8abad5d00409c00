use std::collections::BTreeMap;

use async_trait::async_trait;
use umoja_crypto::DataKey;

/// The KMS key of one region. Every call is billed: a part costs one call to generate its data key, one per peer to
/// wrap it, and one on a first read.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes a data key and wraps it (`GenerateDataKey`).
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError>;

    /// Wraps a data key that another region made (`Encrypt`).
    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError>;

    /// Unwraps a data key (`Decrypt`). It rejects a wrong context, a blob of another key and a damaged blob in the same
    /// way.
    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError>;

    /// Checks whether the key can be used now (`DescribeKey`).
    async fn probe(&self) -> Result<(), KeysError>;
}

/// The context to which a wrapped key is bound. It appears in the audit trail of KMS, so it never contains personal
/// data.
pub type EncryptionContext = BTreeMap<String, String>;

/// Why a key could not be made, wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The key service did not answer.
    #[error("the key service did not answer")]
    Unavailable,
    /// The rate of calls is too high.
    #[error("the key service is throttled")]
    Throttled,
    /// The key is disabled or scheduled for deletion. An operator has to act.
    #[error("the key is disabled")]
    Disabled,
    /// The caller may not use the key, or the key does not exist. An operator has to act. The error says nothing about
    /// the blob.
    #[error("the key may not be used")]
    Denied,
    /// The context is wrong, or the blob is damaged or of another key. A retry cannot succeed.
    #[error("the key service rejected the blob")]
    Rejected,
}
