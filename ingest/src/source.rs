//! Sources with their parsed keys, and the cache of the sources that posted recently.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::hpke::RecipientKey;
use umoja_crypto::{MacKey, VerifyingKey};
use umoja_schema::ingest::PoolDirection;
use umoja_schema::{IngestSource, Millis, SourceId};
use umoja_store::ports::{Registry, StoreError};
use umoja_store::remembered::{Remembered, Seen};

/// A source with its parsed keys.
pub struct KnownSource {
    /// The source.
    pub source: Arc<IngestSource>,
    /// The public keys of signatures by id.
    signing: BTreeMap<String, VerifyingKey>,
    inbox: RecipientKey,
    hashes: MacKey,
}

/// The hash under which something of a source is stored.
pub(crate) type Hash = [u8; 32];

impl KnownSource {
    /// Parses the keys of a source. `None` if a key without which no event could be accepted is unusable.
    fn new(source: IngestSource) -> Option<Self> {
        let mut signing = BTreeMap::new();
        for key in &source.signing_keys {
            signing.insert(key.kid.clone(), VerifyingKey::from_stored(&key.alg, &key.public_key_pem)?);
        }
        let inbox = URL_SAFE_NO_PAD.decode(&source.inbox_key.public_key).ok()?;
        let hashes: Hash = URL_SAFE_NO_PAD.decode(&source.hash_key).ok()?.try_into().ok()?;
        Some(Self {
            inbox: RecipientKey::from_bytes(&inbox).ok()?,
            hashes: MacKey::derive(&hashes, "umoja/1/source"),
            source: Arc::new(source),
            signing,
        })
    }

    /// The public key to which events are sealed.
    pub(crate) const fn inbox(&self) -> &RecipientKey {
        &self.inbox
    }

    /// True if events have to be signed.
    pub(crate) fn signs(&self) -> bool {
        !self.signing.is_empty()
    }

    /// True if one of the source's keys has made this signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.signing.values().any(|key| key.verifies(message, signature))
    }

    /// The key under which an event is stored.
    pub(crate) fn event_key(&self, id: &str) -> Hash {
        self.hashes.tag(&[b"event", self.source.id.as_str().as_bytes(), id.as_bytes()])
    }

    /// Whether it says how users are. A user pool that takes users from Umoja does not.
    pub(crate) fn feeds(&self) -> bool {
        self.source.pool.as_ref().is_none_or(|pool| pool.direction == PoolDirection::FromPool)
    }

    /// The hash of an event's content.
    pub(crate) fn content_hash(&self, payload: &[u8]) -> Hash {
        self.hashes.tag(&[b"content", payload])
    }

    /// The key under which a sign-up in a user pool waits for its confirmation.
    pub(crate) fn sign_up_key(&self, pool: &str, user_name: &str) -> Hash {
        self.hashes.tag(&[b"sign-up", self.source.id.as_str().as_bytes(), pool.as_bytes(), user_name.as_bytes()])
    }

    /// The key under which a confirmed user of a user pool waits to be applied.
    pub(crate) fn confirmed_key(&self, pool: &str, subject: &str) -> Hash {
        self.hashes.tag(&[b"confirmed", self.source.id.as_str().as_bytes(), pool.as_bytes(), subject.as_bytes()])
    }

    /// The key under which the deletion of a user is remembered.
    pub(crate) fn mark_key(&self, subject: &str) -> Hash {
        self.hashes.tag(&[b"deleted", self.source.id.as_str().as_bytes(), subject.as_bytes()])
    }
}

/// A source and the time at which it was read.
type Read = Seen<KnownSource>;

/// The cache of sources that posted recently.
#[derive(Default)]
pub(crate) struct Sources(Remembered<SourceId, KnownSource>);

impl Sources {
    /// The source as stored, or as stored some seconds ago. `None` if there is none with this id, if an operator
    /// removed it, or if its document is damaged, which is logged.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub(crate) async fn get(
        &self,
        registry: &dyn Registry,
        id: &SourceId,
        now: Millis,
    ) -> Result<Option<Read>, StoreError> {
        if let Some(read) = self.0.get(id, now) {
            return Ok(Some(read));
        }
        Self::read(registry, id, now).await
    }

    /// As [`get`](Self::get), and an enabled source alone may be that of some seconds ago: the events of a paused one are
    /// to be applied as soon as it is resumed.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub(crate) async fn get_enabled(
        &self,
        registry: &dyn Registry,
        id: &SourceId,
        now: Millis,
    ) -> Result<Option<Read>, StoreError> {
        match self.0.get(id, now).filter(|(_, known)| known.source.enabled) {
            Some(read) => Ok(Some(read)),
            None => Self::read(registry, id, now).await,
        }
    }

    async fn read(registry: &dyn Registry, id: &SourceId, now: Millis) -> Result<Option<Read>, StoreError> {
        let Some(document) = registry.setting(&IngestSource::setting(id)).await? else { return Ok(None) };
        let source = IngestSource::read(id.as_str(), document).ok();
        if source.as_ref().is_some_and(IngestSource::is_ended) {
            return Ok(None);
        }
        let known = source.and_then(KnownSource::new);
        if known.is_none() {
            tracing::error!(source = %id, "the stored document of a source cannot be read");
        }
        Ok(known.map(|known| (now, Arc::new(known))))
    }

    /// Caches a source whose caller has proved to be it, now or when its event was accepted.
    pub(crate) fn remember(&self, read: &Read) {
        self.0.remember(read.1.source.id.clone(), read);
    }
}
