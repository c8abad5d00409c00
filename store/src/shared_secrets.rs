//! The deployment's secrets in all regions: one document, the same in each region's settings, wrapped by every region's
//! KMS key.
//!
//! The regions are written in sequence, the first of the list first, each on the condition that the stored value is the
//! one that was read. So of several operators who change the secrets at once, exactly one succeeds. A command that is
//! interrupted between two regions leaves one copy newer than the others. The next command brings that copy to the
//! other regions before it does anything else.

use std::collections::BTreeSet;

use serde_json::Value;
use umoja_crypto::legacy::HashKeys;
use umoja_schema::{Millis, Region};

use crate::Home;
use crate::keyring::KeyRing;
use crate::ports::{Entropy, KeysError, StoreError};
use crate::rotation::{IndexStep, PepperStep, ProofStep, SigningStep};
use crate::secrets::{SETTING, Secrets, SecretsDocument, SecretsError};

/// Why the secrets of all regions cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SharedSecretsError {
    /// The settings of a region failed.
    #[error("{region}: {source}")]
    Region {
        /// The region.
        region: Region,
        /// The cause.
        source: SecretsError,
    },
    /// The secrets themselves failed.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The secrets of two regions differ, and neither is a later state of the other.
    #[error("the regions hold different secrets ({0} differs)")]
    Different(Region),
    /// A hash key of another system cannot be added under this id.
    #[error("the deployment has another hash key under the id `{0}`; choose another id")]
    HashKeyId(String),
    /// A hash key of another system is too long to be stored.
    #[error("the hash key `{0}` is too long")]
    HashKeyLength(String),
    /// The secrets have changed since they were read.
    #[error("another operator is changing the deployment's secrets ({0} differs)")]
    Changing(Region),
}

/// The secrets of all regions of a deployment.
pub struct SharedSecrets<'a> {
    homes: Vec<&'a Home>,
    ring: KeyRing,
}

/// The settings of each region as they were read; a document is `None` if it is malformed. What is no JSON object stands
/// as null.
type Stored = Vec<Option<(Value, Option<SecretsDocument>)>>;

impl<'a> SharedSecrets<'a> {
    /// The secrets of these regions, in the order of the deployment's list. All operators of a deployment have to use
    /// the same order. `ring` reaches every region's KMS key.
    pub fn new(homes: impl IntoIterator<Item = &'a Home>, ring: KeyRing) -> Self {
        Self { homes: homes.into_iter().collect(), ring }
    }

    /// Makes the secrets, or brings the existing ones to every region. The regions in `rekeyed` have another KMS key,
    /// which has to wrap the secrets again. True if the secrets were made now.
    ///
    /// # Errors
    /// If a region fails, or the regions hold different secrets.
    pub async fn ensure(&self, rekeyed: &BTreeSet<Region>, now: Millis) -> Result<bool, SharedSecretsError> {
        let stored = self.stored().await?;
        let verified = self.verified(&stored).await?;
        let (document, made) = match verified.iter().flatten().next() {
            None if stored.iter().any(Option::is_some) => return Err(SecretsError::Unverified.into()),
            None => (SecretsDocument::create(&self.ring, now).await?, true),
            Some(document) => {
                let (mut document, mut merged) = ((*document).clone(), false);
                for (home, other) in self.homes.iter().zip(&verified) {
                    let Some(other) = other.filter(|other| **other != document) else { continue };
                    if !document.merge(other, &self.ring).await? {
                        return Err(SharedSecretsError::Different(home.own.name.clone()));
                    }
                    merged = true;
                }
                if document.wrap_for_all(&self.ring, rekeyed).await? || merged {
                    document.sign(&self.ring).await?;
                }
                (document, false)
            }
        };
        self.store(&document, &stored).await?;
        Ok(made)
    }

    /// The newest copy of the secrets, after bringing it to every region, because a rotation may have been interrupted
    /// between two regions. True if a region lacked it.
    ///
    /// # Errors
    /// If a region fails, there are no secrets, or the copies of two regions differ and neither is newer.
    pub async fn newest(&self) -> Result<(SecretsDocument, bool), SharedSecretsError> {
        let stored = self.stored().await?;
        let verified = self.verified(&stored).await?;
        let newest = verified.iter().flatten().max_by_key(|document| document.rotation_steps());
        let none = if stored.iter().any(Option::is_some) { SecretsError::Unverified } else { SecretsError::Absent };
        let mut newest = (*newest.ok_or(none)?).clone();
        // If the copies are of the same keys, each may have wrapped keys that the others lack.
        for (home, other) in self.homes.iter().zip(&verified) {
            let Some(other) = other else { continue };
            let is_merged = newest.merge(other, &self.ring).await?;
            // Neither copy is newer: a key that only one of them has must not be lost.
            if !is_merged && other.rotation_steps() == newest.rotation_steps() {
                return Err(SharedSecretsError::Different(home.own.name.clone()));
            }
        }
        newest.sign(&self.ring).await?;
        let behind = stored.iter().any(|stored| document_of(stored.as_ref()) != Some(&newest));
        self.store(&newest, &stored).await?;
        Ok((newest, behind))
    }

    /// Does the next step of rotating the key that signs answers, in every region.
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region fails.
    pub async fn rotate_signing(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<SigningStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_signing(&self.ring, now).await?;
        secrets.sign(&self.ring).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Does the next step of rotating the blind index key, in every region. The caller must have checked that no
    /// profile is behind ([`SecretsDocument::rotate_index`]).
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region fails.
    pub async fn rotate_index(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<IndexStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_index(&self.ring, now).await?;
        secrets.sign(&self.ring).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Does the next step of rotating the pepper of passwords, in every region.
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region fails.
    pub async fn rotate_pepper(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<PepperStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_pepper(&self.ring, now).await?;
        secrets.sign(&self.ring).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Does the next step of rotating the secret of proofs, in every region.
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region fails.
    pub async fn rotate_proof(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<ProofStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_proof(&self.ring, now).await?;
        secrets.sign(&self.ring).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Adds the hash keys of other systems whose ids are not present yet, and returns the added ids. Existing keys
    /// stay, because hashes name them.
    ///
    /// # Errors
    /// [`SharedSecretsError::HashKeyId`] or [`SharedSecretsError::HashKeyLength`], with no change; another error if a region fails or there are no secrets.
    pub async fn add_hash_keys(
        &self,
        keys: &HashKeys,
        entropy: &dyn Entropy,
    ) -> Result<Vec<String>, SharedSecretsError> {
        let (mut document, _) = self.newest().await?;
        let stored = self.stored().await?;
        let opened = Secrets::open(&document, &self.ring).await?;
        let known = opened.password_keys();
        let mut added = Vec::new();
        for (id, key) in keys.iter() {
            match known.hash_keys.get(id) {
                Some(known) if known == key => {}
                Some(_) => return Err(SharedSecretsError::HashKeyId(id.to_owned())),
                None => {
                    let sealed = opened
                        .seal_hash_key(id, key, entropy)
                        .ok_or_else(|| SharedSecretsError::HashKeyLength(id.to_owned()))?;
                    document.hash_keys.insert(id.to_owned(), sealed);
                    added.push(id.to_owned());
                }
            }
        }
        document.sign(&self.ring).await?;
        self.store(&document, &stored).await?;
        Ok(added)
    }

    /// Whether a region's current KMS key unwraps every secret's wrapped key of the region.
    ///
    /// # Errors
    /// If the region's KMS does not answer, or there are no secrets.
    pub async fn is_wrapped_by(&self, region: &Region) -> Result<bool, SharedSecretsError> {
        let (document, _) = self.newest().await?;
        Ok(document.is_wrapped_by(&self.ring, region).await?)
    }

    /// Has every region's current KMS key unwrap every secret, and wraps a secret again for a region whose key does not
    /// ([`SecretsDocument::wrap_where_unopened`]). `leaving` is one of these regions that is about to be removed. True
    /// if any secret was wrapped.
    ///
    /// # Errors
    /// If a region fails, no region's key unwraps a secret, or there are no secrets.
    pub async fn wrap_where_unopened(&self, leaving: Option<&Region>) -> Result<bool, SharedSecretsError> {
        let (mut document, _) = self.newest().await?;
        let stored = self.stored().await?;
        let any = document.wrap_where_unopened(&self.ring, leaving).await?;
        document.sign(&self.ring).await?;
        self.store(&document, &stored).await?;
        Ok(any)
    }

    /// True if a secret has a wrapped key of this region.
    ///
    /// # Errors
    /// If a region fails, or there are no secrets.
    pub async fn is_wrapped_for(&self, region: &Region) -> Result<bool, SharedSecretsError> {
        Ok(self.newest().await?.0.wrapped_for().contains(region))
    }

    /// Drops the wrapped keys of a region that is no longer among these, after the current KMS key of every one of
    /// these has unwrapped each secret.
    ///
    /// # Errors
    /// With no wrapped key dropped, if a region fails, no region's key unwraps a secret, or there are no secrets.
    pub async fn forget(&self, removed: &Region) -> Result<(), SharedSecretsError> {
        let (mut document, _) = self.newest().await?;
        let stored = self.stored().await?;
        document.forget(&self.ring, removed).await?;
        document.sign(&self.ring).await?;
        self.store(&document, &stored).await
    }

    /// The stored values, if they are this document in every region.
    async fn unchanged(&self, document: &SecretsDocument) -> Result<Stored, SharedSecretsError> {
        let stored = self.stored().await?;
        for (home, stored) in self.homes.iter().zip(&stored) {
            if document_of(stored.as_ref()) != Some(document) {
                return Err(SharedSecretsError::Changing(home.own.name.clone()));
            }
        }
        Ok(stored)
    }

    /// The copies that verify. One that something else changed is replaced by another region's.
    async fn verified<'b>(&self, stored: &'b Stored) -> Result<Vec<Option<&'b SecretsDocument>>, SharedSecretsError> {
        let mut verified = Vec::with_capacity(stored.len());
        for stored in stored {
            verified.push(match document_of(stored.as_ref()) {
                None => None,
                Some(document) => match document.verify(&self.ring).await {
                    Ok(()) => Some(document),
                    Err(SecretsError::Unverified | SecretsError::Keys(KeysError::Rejected)) => None,
                    Err(error) => return Err(error.into()),
                },
            });
        }
        Ok(verified)
    }

    async fn stored(&self) -> Result<Stored, SharedSecretsError> {
        let mut stored = Vec::new();
        for home in &self.homes {
            let value = match home.registry.setting(SETTING).await {
                Err(StoreError::Unreadable(_)) => Some(Value::Null),
                value => value.map_err(|error| failed(home, error))?,
            };
            let Some(value) = value else {
                stored.push(None);
                continue;
            };
            let document = serde_json::from_value(value.clone()).ok();
            stored.push(Some((value, document)));
        }
        Ok(stored)
    }

    /// Writes the secrets where they differ, and checks that no other operator has changed them meanwhile.
    async fn store(&self, document: &SecretsDocument, stored: &Stored) -> Result<(), SharedSecretsError> {
        let value = serde_json::to_value(document).map_err(|_| SecretsError::Malformed)?;
        for (home, stored) in self.homes.iter().zip(stored) {
            let stored = stored.as_ref().map(|(value, _)| value);
            if stored == Some(&value) {
                continue;
            }
            let replaced = match stored {
                // What cannot be read cannot be compared with what is stored now.
                Some(Value::Null) => home.registry.put_setting(SETTING, &value).await.map(|()| true),
                stored => home.registry.replace_setting(SETTING, stored, &value).await,
            };
            match replaced {
                Ok(true) => {}
                // The write was not done, or its answer was lost. The stored value decides.
                Ok(false) | Err(StoreError::Unavailable(_)) => {
                    if read(home).await?.as_ref() != Some(&value) {
                        return Err(SharedSecretsError::Changing(home.own.name.clone()));
                    }
                }
                Err(error) => return Err(failed(home, error)),
            }
        }
        for home in &self.homes {
            if read(home).await?.as_ref() != Some(&value) {
                return Err(SharedSecretsError::Changing(home.own.name.clone()));
            }
        }
        Ok(())
    }
}

fn document_of(stored: Option<&(Value, Option<SecretsDocument>)>) -> Option<&SecretsDocument> {
    stored.and_then(|(_, document)| document.as_ref())
}

async fn read(home: &Home) -> Result<Option<Value>, SharedSecretsError> {
    home.registry.setting(SETTING).await.map_err(|error| failed(home, error))
}

fn failed(home: &Home, error: StoreError) -> SharedSecretsError {
    in_region(home, error.into())
}

fn in_region(home: &Home, source: SecretsError) -> SharedSecretsError {
    SharedSecretsError::Region { region: home.own.name.clone(), source }
}
