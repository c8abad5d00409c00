//! What an attacker has done in a run.

use std::collections::BTreeSet;

use umoja_schema::{Key, Region, Version};

/// An item that was changed by an attacker.
pub(super) struct Harm {
    pub(super) at: usize,
    pub(super) key: Key,
    /// The version of the changed part, if its wrapped keys were damaged.
    pub(super) version: Option<Version>,
    /// The regions whose wrapped keys were damaged. A reader of the part takes them as missing.
    pub(super) wrapped: BTreeSet<Region>,
}
