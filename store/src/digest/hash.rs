//! The hash of an item.

use sha2::{Digest as _, Sha256};
use umoja_schema::audit::field;
use umoja_schema::proof::content;
use umoja_schema::replicated::USERS;
use umoja_schema::{Attribute, Item};

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

/// The hash of a part covers the whole stored item: envelope, readable facts, and the wrapped keys of the regions for
/// which `counts` is true. That of a versioned item covers the whole item too. The hash of a row covers table, user and
/// key: rows with the same key are the same event, even if they were recorded at different times. For chained rows it
/// covers the MAC too, because two regions must not hold different rows with the same key. Proofs are not covered: the
/// secret that made them may differ.
pub(super) fn hash_item(item: &Item, counts: impl Fn(&str) -> bool) -> [u8; 32] {
    let mut fields = Fields::default();
    match item {
        Item::Part(record) => fields.add(&content(&USERS, &record.to_item(), counts)),
        Item::Versioned(item) => fields.add(&content(item.table, &item.to_item(), counts)),
        Item::Row(log, row) => {
            fields.add(log.table().as_bytes());
            fields.add(row.user.as_bytes());
            fields.add(row.key.as_bytes());
            if let (true, Some(Attribute::B(mac))) = (log.entry().chained, row.fields.get(field::MAC)) {
                fields.add(mac);
            }
        }
    }
    fields.hash()
}
