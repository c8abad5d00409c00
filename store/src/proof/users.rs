//! Users whose parts, rows and items are proved.

use async_trait::async_trait;
use umoja_schema::proof::WrappedKeys;
use umoja_schema::{BlindIndex, IdentifierItem, Item, Key, Log, LogRow, Part, PartRecord, Region, UserId, Version};

use super::Proved;
use crate::ports::{
    Commit, Etag, IdentifierPage, KeyAdded, KeyRemoved, LinkedAccountPage, Page, Parts, StoreError, Strays,
    SuperfluousPointer, Users, Writes,
};
use crate::proof_keys::{ProofKeys, version_of};

impl Proved<dyn Users> {
    async fn verified(&self, stored: Option<PartRecord>) -> Result<Option<PartRecord>, StoreError> {
        let Some(stored) = stored else { return Ok(None) };
        let keys = self.proofs.keys_for([version_of(&stored.unknown)]).await?;
        let (id, part) = (stored.id, stored.part);
        let verified = keys.verified_part(stored);
        if verified.is_err() {
            tracing::error!(%id, %part, "the proof of a part does not verify");
        }
        Ok(Some(verified?))
    }

    async fn proved(&self, writes: &Writes) -> Result<Writes, StoreError> {
        let keys = self.proofs.keys().await?;
        let rows = |rows: &[(Log, LogRow)]| rows.iter().map(|(log, row)| (*log, keys.row(*log, row))).collect();
        let mut proved = Writes { rows: rows(&writes.rows), new_rows: rows(&writes.new_rows), ..writes.clone() };
        for write in &mut proved.parts {
            keys.prove_part(&mut write.record);
        }
        for write in &mut proved.items {
            write.item = keys.item(&write.item);
        }
        Ok(proved)
    }

    /// The stored part, if it is live and of this version, with its wrapped keys as they are stored.
    async fn stored(&self, id: UserId, part: Part, version: &Version) -> Result<Option<PartRecord>, StoreError> {
        let stored = self.inner.part(id, part).await?;
        Ok(stored.filter(|stored| stored.version == *version && stored.live().is_some()))
    }
}

fn wrapped_in<'a>(stored: &'a PartRecord, region: &Region) -> Option<&'a Vec<u8>> {
    stored.live()?.keys.get(region)
}

/// The stored wrapped key to replace: the given one, or one that does not verify. `Err` if another one is there.
fn to_replace<'a>(
    keys: &ProofKeys,
    stored: &'a PartRecord,
    region: &Region,
    replaced: Option<&[u8]>,
) -> Result<Option<&'a [u8]>, KeyAdded> {
    let Some(present) = wrapped_in(stored, region) else {
        return if replaced.is_none() { Ok(None) } else { Err(KeyAdded::Present) };
    };
    let verified = keys.unwrapped(&WrappedKeys::of(stored), region, present);
    if verified == replaced { Ok(Some(present)) } else { Err(KeyAdded::Present) }
}

#[async_trait]
impl Users for Proved<dyn Users> {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        let stored = self.inner.part(id, part).await?;
        self.verified(stored).await
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        let Parts { profile, credentials } = self.inner.parts(id).await?;
        Ok(Parts { profile: self.verified(profile).await?, credentials: self.verified(credentials).await? })
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        self.inner.ownerships(indexes).await
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.inner.linked_accounts(id).await
    }

    async fn user(&self, id: UserId) -> Result<(Parts, Vec<UserId>), StoreError> {
        let (Parts { profile, credentials }, linked_accounts) = self.inner.user(id).await?;
        let (profile, credentials) = (self.verified(profile).await?, self.verified(credentials).await?);
        Ok((Parts { profile, credentials }, linked_accounts))
    }

    async fn any_user(&self, seed: u64) -> Result<Option<UserId>, StoreError> {
        self.inner.any_user(seed).await
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        let writes = self.proved(writes).await?;
        match self.inner.commit(&writes).await? {
            Commit::Done => Ok(Commit::Done),
            Commit::Conflict { stored } => {
                let mut verified = Vec::with_capacity(stored.len());
                for part in stored {
                    // What does not verify is no stored part; a caller that reads it again meets the error.
                    verified.push(self.verified(part).await.or_else(|error| match error {
                        StoreError::Unreadable(_) => Ok(None),
                        error => Err(error),
                    })?);
                }
                Ok(Commit::Conflict { stored: verified })
            }
        }
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        self.inner.derive(id, profile, &self.proved(writes).await?).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        let keys = self.proofs.keys().await?;
        let Some(stored) = self.stored(id, part, version).await? else {
            let stored = self.inner.part(id, part).await?;
            return Ok(KeyAdded::OtherVersion(stored.map(|stored| stored.version)));
        };
        let replaced = match to_replace(&keys, &stored, region, replaced) {
            Ok(replaced) => replaced,
            Err(present) => return Ok(present),
        };
        let wrapped = keys.wrapped(&WrappedKeys::of(&stored), region, wrapped);
        self.inner.add_wrapped_key(id, part, version, region, replaced, &wrapped).await
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        self.inner.remove_wrapped_key(id, part, version, region).await
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.inner.etag(key).await
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        let item = self.proofs.keys().await?.proved(item);
        self.inner.replace(&item, etag).await
    }

    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        let Page { records, mut unreadable, next } = self.inner.scan(after, limit).await?;
        let keys = self.proofs.keys_for(records.iter().map(|record| version_of(&record.unknown))).await?;
        let mut verified = Vec::with_capacity(records.len());
        for record in records {
            let id = record.id;
            match keys.verified_part(record) {
                Ok(record) => verified.push(record),
                Err(_) => unreadable.push(Some(id)),
            }
        }
        Ok(Page { records: verified, unreadable, next })
    }

    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        self.inner.scan_identifiers(after, limit).await
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        self.inner.scan_linked_accounts(after, limit).await
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        self.inner.drop_unreadable_identifier(index).await
    }

    async fn drop_pointers(&self, superfluous: &[SuperfluousPointer]) -> Result<u64, StoreError> {
        self.inner.drop_pointers(superfluous).await
    }

    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError> {
        self.inner.drop_strays(strays).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }
}
