//! Documents of operators and outcomes of requests as stored text.

use umoja_store::ports::StoreError;

pub(super) fn json<T: serde::Serialize>(document: &T) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|_| StoreError::Rejected("a document that is not JSON".into()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| umoja_schema::ItemError::new("document").into())
}
