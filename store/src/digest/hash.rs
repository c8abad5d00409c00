//! The hash of an item.

use sha2::{Digest as _, Sha256};
use umoja_schema::audit::field;
use umoja_schema::replicated::Proof;
use umoja_schema::{Attribute, Item, Region};

/// SHA-256 over fields with their lengths, so that field boundaries are unambiguous.
#[derive(Default)]
pub(super) struct Fields(Sha256);

impl Fields {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(super) fn hash(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The hash of a part covers user, part, version, and the wrapped keys of regions for which `counts` is true. The hash
/// of a row covers table, user and key: rows with the same key are the same event, even if they were recorded at
/// different times. For chained rows it covers the MAC too, because two regions must not hold different rows with the
/// same key. The hash of a versioned item covers table, user, key and version.
pub(super) fn hash_item(item: &Item, counts: impl Fn(&Region) -> bool) -> [u8; 32] {
    let (key, mut fields) = (item.key(), Fields::default());
    if item.part().is_none() {
        fields.add(key.table.name.as_bytes());
    }
    fields.add(key.user.as_bytes());
    fields.add(key.sort.as_bytes());
    if let Some(version) = item.version() {
        fields.add(version.to_string().as_bytes());
    }
    match item {
        Item::Part(record) => {
            let keys = record.live().into_iter().flat_map(|live| live.keys.keys());
            keys.filter(|region| counts(region)).for_each(|region| fields.add(region.as_str().as_bytes()));
        }
        Item::Row(_, row) => {
            if let (Proof::Chain, Some(Attribute::B(mac))) = (key.table.proof, row.fields.get(field::MAC)) {
                fields.add(mac);
            }
        }
        Item::Versioned(_) => {}
    }
    fields.hash()
}
