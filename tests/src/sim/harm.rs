//! What an attacker has done in a run.

use std::collections::BTreeMap;

use umoja_schema::{Key, Region};
use umoja_store::ports::Etag;

/// An item that was changed by an attacker.
pub(super) struct Harm {
    pub(super) at: usize,
    pub(super) key: Key,
    pub(super) forged: Etag,
    /// The damaged wrapped keys, which the proof does not cover.
    pub(super) wrapped: BTreeMap<Region, Vec<u8>>,
}
