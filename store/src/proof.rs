//! Proofs of stored items: every item of a replicated table, every company, every setting of an operator, every
//! remembered outcome of a request, every document of the inbox and every checkpoint carries a MAC under a secret of the
//! deployment, so that what only the owner of a table wrote is never used and never spreads.
//!
//! [`Proofs`] wraps the ports of an adapter. The wrapped ports prove what they write and verify what they read, so no
//! service can forget either. An item that does not verify is reported like one that cannot be read: it wins over no
//! other copy, is not replicated, and anti-entropy replaces it by the copy of a peer.
//!
//! A KMS key of its own wraps the secret. Every function that writes or replicates items may use that key, and it opens
//! no part.

mod checkpoints;
mod inbox;
mod items;
mod logs;
mod registry;
mod requests;
mod users;

use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use serde_json::{Map, Value};
use umoja_schema::{Item, Millis, Region};

use crate::deployment::SETTINGS_RELOAD_SECS;
use crate::keyring::KeyRing;
use crate::ports::{Checkpoints, Clock, Inbox, Items, Keys, Registry, Requests, StoreError, Users};
use crate::proof_keys::{ProofKeys, version_of};
use crate::secrets::{SecretsDocument, SecretsError};

/// The members of a document, which a proof covers.
///
/// # Errors
/// If it is no JSON object.
pub(crate) fn members(document: &impl Serialize) -> Result<Map<String, Value>, StoreError> {
    match serde_json::to_value(document) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(StoreError::Rejected("a document that is no JSON object".into())),
    }
}

/// Proves and verifies the items of a deployment. If an item names a newer version of the secret than it knows, it looks
/// for that version in the settings.
pub struct Proofs {
    registry: Arc<dyn Registry>,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
    loaded: RwLock<Option<Arc<Loaded>>>,
}

/// The keys, and the document that they are of.
struct Loaded {
    keys: Arc<ProofKeys>,
    document: SecretsDocument,
    at: Millis,
}

impl Proofs {
    /// The proofs of the deployment whose settings `registry` reads. `keys` are the KMS keys that wrap the secret, one
    /// for each region; `own` is asked first.
    pub fn new(
        registry: Arc<dyn Registry>,
        own: Region,
        keys: impl IntoIterator<Item = (Region, Arc<dyn Keys>)>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let ring = KeyRing::of_proof_keys(own, keys, Arc::clone(&clock));
        Arc::new(Self { registry, ring, clock, loaded: RwLock::default() })
    }

    /// Users that are proved when they are written and verified when they are read.
    pub fn users(self: &Arc<Self>, users: Arc<dyn Users>) -> Arc<dyn Users> {
        Arc::new(Proved { inner: users, proofs: Arc::clone(self) })
    }

    /// Versioned items that are verified when they are read. They are written with [`Proofs::users`].
    pub fn items(self: &Arc<Self>, items: Arc<dyn Items>) -> Arc<dyn Items> {
        Arc::new(Proved { inner: items, proofs: Arc::clone(self) })
    }

    /// Companies and settings that are proved when they are written and verified when they are read.
    pub fn registry(self: &Arc<Self>, registry: Arc<dyn Registry>) -> Arc<dyn Registry> {
        Arc::new(Proved { inner: registry, proofs: Arc::clone(self) })
    }

    /// Checkpoints that are proved when they are written, and count as lost when they do not verify.
    pub fn checkpoints(self: &Arc<Self>, checkpoints: Arc<dyn Checkpoints>) -> Arc<dyn Checkpoints> {
        Arc::new(Proved { inner: checkpoints, proofs: Arc::clone(self) })
    }

    /// Documents of the inbox that are proved when they are written, and count as damaged when they do not verify.
    pub fn inbox(self: &Arc<Self>, inbox: Arc<dyn Inbox>) -> Arc<dyn Inbox> {
        Arc::new(Proved { inner: inbox, proofs: Arc::clone(self) })
    }

    /// Outcomes of requests that are proved when they are written and verified when they are read.
    pub fn requests(self: &Arc<Self>, requests: Arc<dyn Requests>) -> Arc<dyn Requests> {
        Arc::new(Proved { inner: requests, proofs: Arc::clone(self) })
    }

    /// The item of a stream, if its proof verifies, without the proof.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if it does not verify; another error if the secret cannot be unwrapped.
    pub async fn verified(&self, item: Item) -> Result<Item, StoreError> {
        let version = version_of(match &item {
            Item::Part(record) => &record.unknown,
            Item::Row(_, row) => &row.unknown,
            Item::Versioned(item) => &item.unknown,
        });
        Ok(self.keys_for([version]).await?.verified(item)?)
    }

    /// Reads the settings now, so that what is written from now on is proved by the newest version.
    ///
    /// # Errors
    /// If the settings cannot be read, or the secret cannot be unwrapped.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.load(loaded).await.map(drop)
    }

    /// The keys. The settings are read at the first use and from time to time after it, so that every process soon
    /// proves with the newest version. If they cannot be read, the former keys are used until they are twice as old.
    async fn keys(&self) -> Result<Arc<ProofKeys>, StoreError> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(loaded) = loaded else { return self.load(None).await };
        let (now, at) = (self.clock.now(), loaded.at);
        if at.is_within(SETTINGS_RELOAD_SECS * 1000, now) {
            return Ok(Arc::clone(&loaded.keys));
        }
        let keys = Arc::clone(&loaded.keys);
        match self.load(Some(loaded)).await {
            Err(error) if at.is_within(2 * SETTINGS_RELOAD_SECS * 1000, now) => {
                tracing::warn!(%error, "the secret of proofs cannot be read again; the former one is still used");
                Ok(keys)
            }
            renewed => renewed,
        }
    }

    /// The keys for items that name these versions of the secret. An unknown version costs a read of the settings, and
    /// a call to a KMS only if the settings have it: a writer of a table can name any version.
    async fn keys_for(&self, versions: impl IntoIterator<Item = Option<u32>>) -> Result<Arc<ProofKeys>, StoreError> {
        let keys = self.keys().await?;
        let newest = versions.into_iter().flatten().max();
        if newest.is_none_or(|newest| newest <= keys.newest()) {
            return Ok(keys);
        }
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.load(loaded).await
    }

    async fn load(&self, former: Option<Arc<Loaded>>) -> Result<Arc<ProofKeys>, StoreError> {
        let at = self.clock.now();
        let stored = SecretsDocument::stored(&*self.registry).await.map_err(unavailable)?;
        let document = stored.ok_or_else(|| unavailable(SecretsError::Absent))?;
        let keys = match former {
            Some(former) if former.document.proofs_are_those_of(&document) => Arc::clone(&former.keys),
            _ => Arc::new(document.open_proofs(&self.ring).await.map_err(unavailable)?),
        };
        let loaded = Loaded { keys: Arc::clone(&keys), document, at };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(loaded));
        Ok(keys)
    }
}

fn unavailable(error: SecretsError) -> StoreError {
    match error {
        // Not the items are unreadable, but the secrets that would verify them.
        SecretsError::Store(error @ StoreError::Unreadable(_)) => StoreError::Secrets(error.to_string()),
        SecretsError::Store(error) => error,
        SecretsError::Keys(error) => StoreError::Unavailable(format!("the secret of proofs ({error})")),
        error => StoreError::Secrets(error.to_string()),
    }
}

/// A port whose content is proved.
struct Proved<P: ?Sized> {
    inner: Arc<P>,
    proofs: Arc<Proofs>,
}

#[cfg(test)]
mod tests;
