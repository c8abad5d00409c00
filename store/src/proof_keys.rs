//! The keys of proofs, and what they prove.

use umoja_crypto::MacKey;
use umoja_schema::names::attribute::PROOF;
use umoja_schema::proof::WrappedKeys;
use umoja_schema::replicated::Replicated;
use umoja_schema::{
    Attribute, Attributes, Body, Item, ItemError, Log, LogRow, PartRecord, Region, VersionedItem, proof,
};

/// The length of the tag behind a wrapped key.
const TAG: usize = 16;

/// The keys of every live version of the secret.
pub(crate) struct ProofKeys(Vec<ProofKey>);

struct ProofKey {
    version: u32,
    items: MacKey,
    wrapped_keys: MacKey,
}

impl ProofKeys {
    /// The keys of these versions of the secret; the newest proves.
    pub(crate) fn new(secrets: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let key = |(version, secret): (u32, [u8; 32])| ProofKey {
            version,
            items: MacKey::derive(&secret, "umoja/1/proofs"),
            wrapped_keys: MacKey::derive(&secret, "umoja/1/wrapped-keys"),
        };
        let mut keys: Vec<_> = secrets.into_iter().map(key).collect();
        keys.sort_by_key(|key| key.version);
        Self(keys)
    }

    /// The newest version; 0 if there is none.
    pub(crate) fn newest(&self) -> u32 {
        self.0.last().map_or(0, |key| key.version)
    }

    /// The proof of these bytes: the version of the secret in 4 bytes, big-endian, and a MAC of 32.
    pub(crate) fn prove(&self, covered: &[u8]) -> Option<Vec<u8>> {
        let key = self.0.last()?;
        Some([&key.version.to_be_bytes()[..], &key.items.tag(&[covered])].concat())
    }

    pub(crate) fn verifies(&self, covered: &[u8], proof: &[u8]) -> bool {
        let Some((version, mac)) = proof.split_first_chunk::<4>() else { return false };
        let version = u32::from_be_bytes(*version);
        let key = self.0.iter().find(|key| key.version == version);
        key.is_some_and(|key| key.items.verify(&[covered], mac))
    }

    fn tag(&self, covered: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        if let Some(key) = self.0.last() {
            tag.copy_from_slice(&key.wrapped_keys.tag(&[covered])[..TAG]);
        }
        tag
    }

    fn is_tag(&self, covered: &[u8], tag: &[u8; TAG]) -> bool {
        self.0.iter().any(|key| key.wrapped_keys.verify_truncated(&[covered], tag))
    }

    /// A wrapped key as it is stored: the KMS's blob, and behind it a tag over the blob and its place.
    pub(crate) fn wrapped(&self, of: &WrappedKeys, region: &Region, blob: &[u8]) -> Vec<u8> {
        [blob, &self.tag(&of.covered(region, blob))].concat()
    }

    /// The KMS's blob of a stored wrapped key; `None` if its tag does not verify.
    pub(crate) fn unwrapped<'a>(&self, of: &WrappedKeys, region: &Region, stored: &'a [u8]) -> Option<&'a [u8]> {
        let (blob, tag) = stored.split_last_chunk::<TAG>()?;
        self.is_tag(&of.covered(region, blob), tag).then_some(blob)
    }

    /// A part as it is stored.
    pub(crate) fn part(&self, record: &PartRecord) -> PartRecord {
        let mut stored = record.clone();
        self.prove_part(&mut stored);
        stored
    }

    /// Makes a part one as it is stored.
    pub(crate) fn prove_part(&self, record: &mut PartRecord) {
        let of = WrappedKeys::of(record);
        if let Body::Live(live) = &mut record.body {
            for (region, wrapped) in &mut live.keys {
                *wrapped = self.wrapped(&of, region, wrapped);
            }
        }
        let covered = proof::part(record);
        self.add(&covered, &mut record.unknown);
    }

    /// The part that was stored, without the wrapped keys whose tags do not verify.
    ///
    /// # Errors
    /// If the proof does not verify.
    pub(crate) fn verified_part(&self, mut stored: PartRecord) -> Result<PartRecord, ItemError> {
        let proof = take_proof(&mut stored.unknown).ok_or(unproved())?;
        if !self.verifies(&proof::part(&mut stored), &proof) {
            return Err(unproved());
        }
        let (id, part, of) = (stored.id, stored.part, WrappedKeys::of(&stored));
        if let Body::Live(live) = &mut stored.body {
            live.keys.retain(|region, wrapped| {
                let Some(length) = self.unwrapped(&of, region, wrapped).map(<[u8]>::len) else {
                    tracing::error!(%id, %part, %region, "a wrapped key is damaged");
                    return false;
                };
                wrapped.truncate(length);
                true
            });
        }
        Ok(stored)
    }

    /// A row as it is stored.
    pub(crate) fn row(&self, log: Log, row: &LogRow) -> LogRow {
        let mut stored = row.clone();
        let covered = proof::covered(log.entry(), &stored.to_item());
        self.add(&covered, &mut stored.unknown);
        stored
    }

    /// The row that was stored.
    ///
    /// # Errors
    /// If the proof does not verify.
    pub(crate) fn verified_row(&self, log: Log, mut stored: LogRow) -> Result<LogRow, ItemError> {
        let proof = take_proof(&mut stored.unknown).ok_or(unproved())?;
        self.check(log.entry(), &stored.to_item(), &proof)?;
        Ok(stored)
    }

    /// A versioned item as it is stored.
    pub(crate) fn item(&self, item: &VersionedItem) -> VersionedItem {
        let mut stored = item.clone();
        let covered = proof::covered(stored.table, &stored.to_item());
        self.add(&covered, &mut stored.unknown);
        stored
    }

    /// The versioned item that was stored.
    ///
    /// # Errors
    /// If the proof does not verify.
    pub(crate) fn verified_item(&self, mut stored: VersionedItem) -> Result<VersionedItem, ItemError> {
        let proof = take_proof(&mut stored.unknown).ok_or(unproved())?;
        self.check(stored.table, &stored.to_item(), &proof)?;
        Ok(stored)
    }

    /// An item of any table as it is stored.
    pub(crate) fn proved(&self, item: &Item) -> Item {
        match item {
            Item::Part(record) => self.part(record).into(),
            Item::Row(log, row) => (*log, self.row(*log, row)).into(),
            Item::Versioned(item) => self.item(item).into(),
        }
    }

    /// The item of any table that was stored.
    ///
    /// # Errors
    /// If the proof does not verify.
    pub(crate) fn verified(&self, stored: Item) -> Result<Item, ItemError> {
        Ok(match stored {
            Item::Part(record) => self.verified_part(*record)?.into(),
            Item::Row(log, row) => (log, self.verified_row(log, *row)?).into(),
            Item::Versioned(item) => self.verified_item(*item)?.into(),
        })
    }

    fn check(&self, table: &Replicated, item: &Attributes, proof: &[u8]) -> Result<(), ItemError> {
        if self.verifies(&proof::covered(table, item), proof) { Ok(()) } else { Err(unproved()) }
    }

    fn add(&self, covered: &[u8], unknown: &mut Attributes) {
        if let Some(proof) = self.prove(covered) {
            unknown.insert(PROOF.to_owned(), Attribute::B(proof));
        }
    }
}

/// The version of the secret that the proof among these attributes names.
pub(crate) fn version_of(unknown: &Attributes) -> Option<u32> {
    match unknown.get(PROOF) {
        Some(Attribute::B(proof)) => proof.first_chunk::<4>().map(|version| u32::from_be_bytes(*version)),
        _ => None,
    }
}

/// The error of an item that does not verify.
pub(crate) const fn unproved() -> ItemError {
    ItemError::new(PROOF)
}

/// Takes the proof out of an item's unknown attributes.
fn take_proof(unknown: &mut Attributes) -> Option<Vec<u8>> {
    match unknown.remove(PROOF) {
        Some(Attribute::B(proof)) => Some(proof),
        _ => None,
    }
}
