use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::Millis;

use super::{Etag, StoreError};

/// What the stored text of every event that waits has in it: its member `state`, as adapters write JSON. Within a text of
/// JSON, quotation marks are escaped, so no value of a member has it.
pub const WAITING_TEXT: &str = "\"state\":\"waiting\"";

/// The events that one region has accepted from sources, and the marks of users whom sources deleted (table `inbox`):
/// documents that expire. An expired one counts as absent even before it is deleted.
///
/// [`inbox`](crate::inbox) reads and writes their content.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The document under a key.
    async fn inbox_document(&self, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError>;

    /// Stores a document if the stored one has this tag (`None`: none is stored), and returns whether it did. Of any
    /// number of callers with the same tag and a document that differs from the stored one, exactly one succeeds.
    ///
    /// [`StoreError::Unavailable`] means that it may have been stored. The caller has to read it again.
    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError>;

    /// Documents in the order of the adapter, starting after `after`. The page may hold fewer than `limit`, and may omit
    /// a document that is written meanwhile.
    async fn scan_inbox(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError>;

    /// As [`scan_inbox`](Self::scan_inbox), of at least all documents whose text has [`WAITING_TEXT`]. An adapter leaves out
    /// as many of the others as it can.
    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError>;
}

/// A document of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxDocument {
    /// Its members; `None` if it is damaged or does not verify. It can still be replaced.
    pub members: Option<Map<String, Value>>,
    /// When it expires.
    pub expires_at: Millis,
    /// What was stored when it was read.
    pub etag: Etag,
}

/// A page of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxPage {
    /// The documents with their keys, the damaged ones too.
    pub documents: Vec<([u8; 32], InboxDocument)>,
    /// The number of rows under a key that no writer of Umoja makes.
    pub strays: usize,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}
