//! Append-only rows: conflicts, erasures, security events and events for companies. They are replicated as they are,
//! and put if absent.

use std::str::FromStr;

use crate::item::Reader;
use crate::names::{attribute, table};
use crate::{Attribute, Attributes, Hlc, ItemError, Region, UserId};

/// The append-only tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// Conflicts between users over identifiers.
    Journal,
    /// Erasures and each region's confirmation.
    Receipts,
    /// Security events.
    Audit,
    /// Events for companies ([`crate::events`]).
    Events,
}

impl Log {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Journal, Self::Receipts, Self::Audit, Self::Events];

    /// The name of the table, without the deployment's prefix.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Journal => table::JOURNAL,
            Self::Receipts => table::RECEIPTS,
            Self::Audit => table::AUDIT,
            Self::Events => table::EVENTS,
        }
    }
}

impl FromStr for Log {
    type Err = ItemError;

    fn from_str(name: &str) -> Result<Self, ItemError> {
        Self::ALL.into_iter().find(|log| log.table() == name).ok_or(ItemError::new("table"))
    }
}

/// One row. `key` is unique for the event, so that recording an event twice writes one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The user that the row is about.
    pub user: UserId,
    /// Sort key: ordered by time where each event has its own time, and the same for the same event.
    pub key: String,
    /// When the event was recorded.
    pub at: Hlc,
    /// The region that recorded the event, which also replicates the row.
    pub origin: Region,
    /// The event: `erase`, `confirm`, `identifier_conflict`, ...
    pub kind: String,
    /// Other fields, without personal data in clear.
    pub fields: Attributes,
    /// Attributes written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl LogRow {
    /// The kind of the receipt of an erasure, and the beginning of its key.
    pub const ERASE: &str = "erase";

    /// The item of this row.
    pub fn to_item(&self) -> Attributes {
        let mut item = self.unknown.clone();
        item.extend([
            (attribute::ID.into(), self.user.to_string().into()),
            (attribute::KEY.into(), self.key.clone().into()),
            (attribute::AT.into(), self.at.to_string().into()),
            (attribute::ORIGIN.into(), self.origin.to_string().into()),
            (attribute::KIND.into(), self.kind.clone().into()),
            (attribute::FIELDS.into(), Attribute::M(self.fields.clone())),
        ]);
        item
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If an attribute is absent or of another type.
    pub fn from_item(item: Attributes) -> Result<Self, ItemError> {
        let mut item = Reader(item);
        Ok(Self {
            user: item.parse(attribute::ID)?,
            key: item.text(attribute::KEY)?,
            at: item.parse(attribute::AT)?,
            origin: item.parse(attribute::ORIGIN)?,
            kind: item.text(attribute::KIND)?,
            fields: item.map(attribute::FIELDS)?,
            unknown: item.0,
        })
    }

    /// A text field.
    pub fn field(&self, name: &str) -> Option<&str> {
        match self.fields.get(name) {
            Some(Attribute::S(text)) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    #[test]
    fn a_row_round_trips_through_its_item() {
        let row = LogRow {
            user: UserId::v8([3; 16]),
            key: "confirm#eu-west-1#profile".into(),
            at: Hlc::at(Millis(5)),
            origin: "eu-west-1".parse().unwrap(),
            kind: "confirm".into(),
            fields: Attributes::from([("region".into(), "af-south-1".into())]),
            unknown: Attributes::from([("novelty".into(), Attribute::Null)]),
        };
        assert_eq!(LogRow::from_item(row.to_item()), Ok(row.clone()));
        assert_eq!(row.field("region"), Some("af-south-1"));
    }
}
