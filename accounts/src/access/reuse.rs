//! Whether a refresh token was used by two holders (RFC 9700 section 4.14.2), by the first uses that all regions have noted.
//!
//! The token of a generation may be used again for a short time after its first use, because answers get lost: the token
//! that follows it is the same each time, in every region. A use after that time is by another holder. The use of a later
//! generation shows that all earlier ones were used before it, so it counts as a use of them.

use umoja_schema::access::FamilyUses;
use umoja_schema::{Millis, Region};

/// For how long a refresh token may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reuse {
    /// The time after the first use, in milliseconds.
    pub grace_ms: u64,
    /// How far the clocks of two regions may differ, in milliseconds: only for the uses of two regions.
    pub skew_ms: u64,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { grace_ms: 30_000, skew_ms: 10_000 }
    }
}

/// What a use of a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The first one.
    First,
    /// One within the time.
    Again,
    /// One after the time: the family ends.
    TooLate,
}

impl Reuse {
    /// Whether a use at `at` in a region is too late after one at `first` in another.
    fn is_too_late(self, (region, at): (&Region, Millis), (other, first): (&Region, Millis)) -> bool {
        let skew_ms = if region == other { 0 } else { self.skew_ms };
        at.since(first) > self.grace_ms.saturating_add(skew_ms)
    }

    /// What a use of a generation is, now and in this region.
    pub(super) fn use_of(self, generation: u64, here: (&Region, Millis), uses: &[&FamilyUses]) -> Use {
        let mut is_used = false;
        for known in uses {
            for (_, first) in known.first_uses.range(generation..) {
                if self.is_too_late(here, (&known.region, *first)) {
                    return Use::TooLate;
                }
                is_used = true;
            }
        }
        if is_used { Use::Again } else { Use::First }
    }
}

/// True if the rows of all regions show that a token was used by two holders. It depends only on what the rows say, so in
/// every region it is true once the same rows have arrived, in whatever order.
pub(super) fn is_reused(uses: &[&FamilyUses], reuse: Reuse) -> bool {
    let one = |row: &FamilyUses| {
        row.first_uses
            .iter()
            .any(|(generation, at)| reuse.use_of(*generation, (&row.region, *at), uses) == Use::TooLate)
    };
    uses.iter().any(|row| one(row))
}

#[cfg(test)]
mod tests;
