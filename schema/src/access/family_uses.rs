//! What each region knows of the uses of a family.

use std::collections::BTreeMap;

use super::item::{expires_at, item, key, live};
use crate::{Attribute, Attributes, ItemError, Millis, Region, UserId, Version, VersionedItem};

const FIRST_USES: &str = "first_uses";

/// How many generations a region remembers.
pub const KEPT_USES: usize = 8;

/// When the region first saw each generation of a family used. Only that region writes the row, so no write of one region
/// undoes that of another; readers put the rows of all regions together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyUses {
    /// The user.
    pub user: UserId,
    /// The family.
    pub family: String,
    /// The region.
    pub region: Region,
    /// The first use of each generation by the clock of the region: the last [`KEPT_USES`].
    pub first_uses: BTreeMap<u64, Millis>,
    /// When the row expires: not before the family.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl FamilyUses {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "use";

    /// The sort key of a family in a region.
    pub fn key(family: &str, region: &Region) -> String {
        key(Self::KIND, &[family, region.as_str()])
    }

    /// The beginning of the sort keys of a family.
    pub fn of_family(family: &str) -> String {
        key(Self::KIND, &[family, ""])
    }

    /// Notes the first use of a generation. True if it was not known.
    pub fn note(&mut self, generation: u64, at: Millis) -> bool {
        if self.first_uses.contains_key(&generation) {
            return false;
        }
        self.first_uses.insert(generation, at);
        while self.first_uses.len() > KEPT_USES {
            self.first_uses.pop_first();
        }
        true
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let first_uses = self.first_uses.iter().map(|(generation, at)| (generation.to_string(), at.0.into())).collect();
        let mut fields = self.unknown.clone();
        fields.insert(FIRST_USES.into(), Attribute::M(first_uses));
        item(self.user, Self::key(&self.family, &self.region), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of uses.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [family, region]) = live(item, Self::KIND)?;
        let first_use = |(generation, at): (String, Attribute)| match (generation.parse(), at) {
            (Ok(generation), Attribute::N(at)) => {
                at.parse().map(|at| (generation, Millis(at))).map_err(|_| ItemError::new(FIRST_USES))
            }
            _ => Err(ItemError::new(FIRST_USES)),
        };
        Ok(Self {
            user: item.user,
            family,
            region: region.parse().map_err(|_| ItemError::new(crate::names::attribute::KEY))?,
            first_uses: fields.map(FIRST_USES)?.into_iter().map(first_use).collect::<Result<_, _>>()?,
            expires_at: expires_at(item)?,
            unknown: fields.0,
        })
    }
}
