//! The deployment's secrets over all regions: one document, the same in each region's settings, wrapped by every
//! region's KMS key.
//!
//! The regions are written one after the other, the first of the list first and each only over what was read there: of
//! several operators who change the secrets at once, exactly one does. Whoever is interrupted between two regions leaves
//! copies of which one is ahead, and the next command brings that to the others before it does anything.

use std::collections::BTreeSet;

use serde_json::Value;
use umoja_crypto::legacy::HashKeys;
use umoja_schema::{Millis, Region};

use crate::Home;
use crate::keyring::KeyRing;
use crate::ports::{Entropy, StoreError};
use crate::rotation::{IndexStep, PepperStep, SigningStep};
use crate::secrets::{SETTING, Secrets, SecretsDocument, SecretsError};

/// Why the secrets of all regions cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SharedSecretsError {
    /// A region's settings.
    #[error("{region}: {source}")]
    Region {
        /// Which region.
        region: Region,
        /// Why.
        source: SecretsError,
    },
    /// The secrets themselves.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The regions hold secrets of which none are a later state of the others.
    #[error("the regions hold different secrets ({0} differs)")]
    Different(Region),
    /// A key of another system cannot be added under this id.
    #[error("the hash key `{0}` is longer than any that is known, or the id is another key's already")]
    HashKey(String),
    /// They are not as they were a moment ago.
    #[error("somebody else is changing the deployment's secrets ({0} differs)")]
    Changing(Region),
}

/// The secrets of all regions of a deployment.
pub struct SharedSecrets<'a> {
    homes: Vec<&'a Home>,
    ring: KeyRing,
}

/// What each region's settings hold, as it was read.
type Stored = Vec<Option<(Value, SecretsDocument)>>;

impl<'a> SharedSecrets<'a> {
    /// Of these regions, in the order of the deployment's list: who works on the same deployment has to go by the same
    /// order. `ring` reaches every region's KMS key.
    pub fn new(homes: impl IntoIterator<Item = &'a Home>, ring: KeyRing) -> Self {
        Self { homes: homes.into_iter().collect(), ring }
    }

    /// Makes the secrets, or brings those that there are to every region; the regions of `anew` have got another key,
    /// which has to wrap them again. True if they were made now.
    ///
    /// # Errors
    /// If a region does not do as asked, or the regions hold different secrets.
    pub async fn ensure(&self, anew: &BTreeSet<Region>, now: Millis) -> Result<bool, SharedSecretsError> {
        let stored = self.stored().await?;
        let (document, made) = match stored.iter().flatten().next() {
            None => (SecretsDocument::create(&self.ring, now).await?, true),
            Some((_, document)) => {
                let mut document = document.clone();
                for (home, other) in self.homes.iter().zip(&stored) {
                    let Some((_, other)) = other.as_ref().filter(|(_, other)| *other != document) else { continue };
                    if !document.merge(other, &self.ring).await? {
                        return Err(SharedSecretsError::Different(home.own.name.clone()));
                    }
                }
                document.wrap_for_all(&self.ring, anew).await?;
                (document, false)
            }
        };
        self.store(&document, &stored).await?;
        Ok(made)
    }

    /// The secrets of the region that is ahead, brought to every other one: a rotation may have been interrupted between
    /// two regions. True if there was anything to bring.
    ///
    /// # Errors
    /// If a region does not do as asked, there are no secrets, or two regions' differ and neither is ahead.
    pub async fn newest(&self) -> Result<(SecretsDocument, bool), SharedSecretsError> {
        let stored = self.stored().await?;
        let documents = || stored.iter().flatten().map(|(_, document)| document);
        let mut newest =
            documents().max_by_key(|document| document.rotation_steps()).ok_or(SecretsError::Absent)?.clone();
        // As far as they are of the same keys, each region's copy may have wraps that the others lack.
        for (home, stored) in self.homes.iter().zip(&stored) {
            let Some((_, other)) = stored else { continue };
            let is_merged = newest.merge(other, &self.ring).await?;
            // Neither is ahead: a key that only one of them has must not be lost.
            if !is_merged && other.rotation_steps() == newest.rotation_steps() {
                return Err(SharedSecretsError::Different(home.own.name.clone()));
            }
        }
        let behind = stored.iter().any(|stored| stored.as_ref().map(|(_, document)| document) != Some(&newest));
        self.store(&newest, &stored).await?;
        Ok((newest, behind))
    }

    /// Does the next step of rotating the key that signs answers, and writes it in every region.
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region does not do as asked.
    pub async fn rotate_signing(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<SigningStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_signing(&self.ring, now).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Does the next step of rotating the blind index key, and writes it in every region. That no profile is behind is
    /// for the caller to have seen ([`SecretsDocument::rotate_index`]).
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region does not do as asked.
    pub async fn rotate_index(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<IndexStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_index(&self.ring, now).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Does the next step of rotating the pepper of passwords, and writes it in every region.
    ///
    /// # Errors
    /// If the secrets are not as this rotation left them, or a region does not do as asked.
    pub async fn rotate_pepper(
        &self,
        secrets: &mut SecretsDocument,
        now: Millis,
    ) -> Result<PepperStep, SharedSecretsError> {
        let stored = self.unchanged(secrets).await?;
        let step = secrets.rotate_pepper(&self.ring, now).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    /// Adds the secrets that other systems made their hashes with, as far as there are none of these ids; gives the ids
    /// that were added. Those that there are stay, since hashes name them.
    ///
    /// # Errors
    /// [`SharedSecretsError::HashKey`], and nothing is added, if one of these ids is another key's or a key is too long;
    /// if a region does not do as asked, or there are no secrets.
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
            let refused = || SharedSecretsError::HashKey(id.to_owned());
            match known.hash_keys.get(id) {
                Some(known) if known == key => {}
                Some(_) => return Err(refused()),
                None => {
                    let sealed = opened.seal_hash_key(id, key, entropy).ok_or_else(refused)?;
                    document.hash_keys.insert(id.to_owned(), sealed);
                    added.push(id.to_owned());
                }
            }
        }
        self.store(&document, &stored).await?;
        Ok(added)
    }

    /// Whether a region's KMS key, as it is now, opens every secret's entry of the region.
    ///
    /// # Errors
    /// If the region's KMS does not answer, or there are no secrets.
    pub async fn is_wrapped_by(&self, region: &Region) -> Result<bool, SharedSecretsError> {
        let (document, _) = self.newest().await?;
        Ok(document.is_wrapped_by(&self.ring, region).await?)
    }

    /// Drops what the KMS of a region has wrapped that is none of these any more. False, and nothing is changed, if some
    /// secret has no other wrap.
    ///
    /// # Errors
    /// If a region does not do as asked, or there are no secrets.
    pub async fn forget(&self, removed: &Region) -> Result<bool, SharedSecretsError> {
        let (mut document, _) = self.newest().await?;
        let stored = self.stored().await?;
        if !document.forget(removed) {
            return Ok(false);
        }
        self.store(&document, &stored).await?;
        Ok(true)
    }

    /// What is stored, if it is this document everywhere.
    async fn unchanged(&self, document: &SecretsDocument) -> Result<Stored, SharedSecretsError> {
        let stored = self.stored().await?;
        for (home, stored) in self.homes.iter().zip(&stored) {
            if stored.as_ref().map(|(_, document)| document) != Some(document) {
                return Err(SharedSecretsError::Changing(home.own.name.clone()));
            }
        }
        Ok(stored)
    }

    async fn stored(&self) -> Result<Stored, SharedSecretsError> {
        let mut stored = Vec::new();
        for home in &self.homes {
            let Some(value) = read(home).await? else {
                stored.push(None);
                continue;
            };
            let malformed = |_| in_region(home, SecretsError::Malformed);
            let document = serde_json::from_value(value.clone()).map_err(malformed)?;
            stored.push(Some((value, document)));
        }
        Ok(stored)
    }

    /// Writes the secrets where they are not so yet, and looks whether nobody else has made others meanwhile.
    async fn store(&self, document: &SecretsDocument, stored: &Stored) -> Result<(), SharedSecretsError> {
        let value = serde_json::to_value(document).map_err(|_| SecretsError::Malformed)?;
        for (home, stored) in self.homes.iter().zip(stored) {
            let stored = stored.as_ref().map(|(value, _)| value);
            if stored == Some(&value) {
                continue;
            }
            match home.registry.replace_setting(SETTING, stored, &value).await {
                Ok(true) => {}
                // Not done, or its answer was lost: what is stored tells.
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

async fn read(home: &Home) -> Result<Option<Value>, SharedSecretsError> {
    home.registry.setting(SETTING).await.map_err(|error| failed(home, error))
}

fn failed(home: &Home, error: StoreError) -> SharedSecretsError {
    in_region(home, error.into())
}

fn in_region(home: &Home, source: SecretsError) -> SharedSecretsError {
    SharedSecretsError::Region { region: home.own.name.clone(), source }
}
