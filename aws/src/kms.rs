//! [`Keys`] on one KMS key.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyState};
use umoja_crypto::DataKey;
use umoja_store::ports::{EncryptionContext, Keys, KeysError};
use zeroize::Zeroizing;

use crate::error;

/// One KMS key. Every `Decrypt` names the key id, so that a blob cannot choose the key that decrypts it.
#[derive(Debug, Clone)]
pub struct KmsKeys {
    client: Client,
    key_id: String,
}

impl KmsKeys {
    pub(crate) fn new(client: Client, key_id: &str) -> Self {
        Self { client, key_id: key_id.to_owned() }
    }
}

#[async_trait]
impl Keys for KmsKeys {
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
        let made = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(to_map(context)))
            .send()
            .await
            .map_err(|e| error::keys(&e))?;
        let key = data_key(made.plaintext)?;
        let wrapped = made.ciphertext_blob.ok_or(KeysError::Unavailable)?;
        Ok((key, wrapped.into_inner()))
    }

    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
        let wrapped = self
            .client
            .encrypt()
            .key_id(&self.key_id)
            .plaintext(Blob::new(key.expose()))
            .set_encryption_context(Some(to_map(context)))
            .send()
            .await
            .map_err(|e| error::keys(&e))?;
        Ok(wrapped.ciphertext_blob.ok_or(KeysError::Unavailable)?.into_inner())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError> {
        let opened = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(wrapped))
            .set_encryption_context(Some(to_map(context)))
            .send()
            .await
            .map_err(|e| error::keys(&e))?;
        data_key(opened.plaintext)
    }

    async fn probe(&self) -> Result<(), KeysError> {
        let described = self.client.describe_key().key_id(&self.key_id).send().await.map_err(|e| error::keys(&e))?;
        match described.key_metadata.and_then(|key| key.key_state) {
            Some(KeyState::Enabled) => Ok(()),
            Some(KeyState::Disabled | KeyState::PendingDeletion) => Err(KeysError::Disabled),
            _ => Err(KeysError::Unavailable),
        }
    }
}

fn to_map(context: &EncryptionContext) -> HashMap<String, String> {
    context.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Takes the plaintext out of an answer. A blob whose plaintext is not 32 bytes is not one of Umoja's.
fn data_key(plaintext: Option<Blob>) -> Result<DataKey, KeysError> {
    let bytes = Zeroizing::new(plaintext.ok_or(KeysError::Unavailable)?.into_inner());
    let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeysError::Rejected)?);
    Ok(DataKey::new(*bytes))
}
