//! An item of any replicated table, its key, and the choice between two copies.

use crate::names::attribute;
use crate::replicated::{Replicated, Rule, USERS};
use crate::{
    Attribute, Attributes, Hlc, ItemError, Log, LogRow, Message, Millis, Part, PartRecord, Region, Resolution, UserId,
    Version, VersionedItem, convergence, resolve,
};

/// The key of an item in a replicated table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The table.
    pub table: &'static Replicated,
    /// The user.
    pub user: UserId,
    /// The value of the sort key.
    pub sort: String,
}

impl Key {
    /// The key of a part.
    pub fn of_part(id: UserId, part: Part) -> Self {
        Self { table: &USERS, user: id, sort: part.to_string() }
    }

    /// The message that asks for the replication of the item.
    pub fn to_message(&self) -> Message {
        Message::Replicate { table: self.table.name.to_owned(), id: self.user, key: self.sort.clone() }
    }
}

/// `<user id>/<sort key>`.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.user, self.sort)
    }
}

/// An item of a replicated table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Of a table of [`Rule::Parts`].
    Part(Box<PartRecord>),
    /// Of a table of [`Rule::PutIfAbsent`].
    Row(Log, Box<LogRow>),
    /// Of a table of [`Rule::NewestWins`].
    Versioned(Box<VersionedItem>),
}

impl From<PartRecord> for Item {
    fn from(record: PartRecord) -> Self {
        Self::Part(Box::new(record))
    }
}

impl From<(Log, LogRow)> for Item {
    fn from((log, row): (Log, LogRow)) -> Self {
        Self::Row(log, Box::new(row))
    }
}

impl From<VersionedItem> for Item {
    fn from(item: VersionedItem) -> Self {
        Self::Versioned(Box::new(item))
    }
}

impl Item {
    /// Reads an item of a table.
    ///
    /// # Errors
    /// If a field that replication needs is absent or malformed.
    pub fn read(table: &'static Replicated, attributes: Attributes) -> Result<Self, ItemError> {
        Ok(match table.rule {
            Rule::Parts => PartRecord::from_item(attributes)?.into(),
            Rule::PutIfAbsent(log) => (log, LogRow::from_item(attributes)?).into(),
            Rule::NewestWins => VersionedItem::from_item(table, attributes)?.into(),
        })
    }

    /// The key of the item.
    pub fn key(&self) -> Key {
        let (table, user, sort) = match self {
            Self::Part(record) => (&USERS, record.id, record.part.to_string()),
            Self::Row(log, row) => (log.entry(), row.user, row.key.clone()),
            Self::Versioned(item) => (item.table, item.user, item.key.clone()),
        };
        Key { table, user, sort }
    }

    /// The user of the item.
    pub fn user(&self) -> UserId {
        match self {
            Self::Part(record) => record.id,
            Self::Row(_, row) => row.user,
            Self::Versioned(item) => item.user,
        }
    }

    /// When the item was written.
    pub fn hlc(&self) -> Hlc {
        match self {
            Self::Part(record) => record.version.hlc,
            Self::Row(_, row) => row.at,
            Self::Versioned(item) => item.version.hlc,
        }
    }

    /// The region that wrote the item and replicates it.
    pub fn origin(&self) -> &Region {
        match self {
            Self::Part(record) => &record.version.origin,
            Self::Row(_, row) => &row.origin,
            Self::Versioned(item) => &item.version.origin,
        }
    }

    /// The version of the item, in tables where versions decide.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Part(record) => Some(&record.version),
            Self::Versioned(item) => Some(&item.version),
            Self::Row(..) => None,
        }
    }

    /// True if the item has expired: it counts as absent, is neither compared nor copied, and each region deletes it by
    /// itself.
    pub fn is_expired(&self, now: Millis) -> bool {
        match self {
            Self::Row(Log::Events, row) => crate::events::expires_at(row).is_some_and(|at| at <= now),
            Self::Part(_) | Self::Row(..) => false,
            Self::Versioned(item) => item.is_expired(now),
        }
    }

    /// The part, if the item is one.
    pub fn part(&self) -> Option<&PartRecord> {
        match self {
            Self::Part(record) => Some(record),
            Self::Row(..) | Self::Versioned(_) => None,
        }
    }

    /// The tombstone, if the item is one.
    pub fn tombstone(&self) -> Option<&PartRecord> {
        self.part().filter(|record| record.version.erased)
    }

    /// Decides between the item stored under the same key and this one.
    pub fn resolve(&self, stored: Option<&Self>) -> Resolution {
        match (stored, self) {
            (None, _) => Resolution::TakeIncoming,
            (Some(Self::Part(stored)), Self::Part(incoming)) => resolve(Some(stored), incoming),
            (Some(stored), incoming) if incoming.version() > stored.version() => Resolution::TakeIncoming,
            (Some(_), _) => Resolution::KeepStored,
        }
    }

    /// The item of a region after it has applied this one over the stored one.
    #[must_use]
    pub fn merged_over(self, stored: Self) -> Self {
        match (stored, self) {
            (Self::Part(stored), Self::Part(incoming)) => convergence::merged(Some(&stored), &incoming).into(),
            (stored, incoming) if incoming.version() > stored.version() => incoming,
            (stored, _) => stored,
        }
    }
}

/// The readable facts of an image that may not be readable as a whole.
pub struct Image<'a>(pub &'a Attributes);

impl<'a> Image<'a> {
    /// The region that wrote it.
    pub fn origin(&self) -> Option<&'a str> {
        self.text(attribute::ORIGIN)
    }

    /// When it was written.
    pub fn hlc(&self) -> Option<Hlc> {
        match self.text(attribute::VERSION) {
            Some(_) => self.version().map(|version| version.hlc),
            None => self.text(attribute::AT)?.parse().ok(),
        }
    }

    /// True if it is a tombstone.
    pub fn is_erased(&self) -> bool {
        self.version().is_some_and(|version| version.erased)
    }

    fn version(&self) -> Option<Version> {
        self.text(attribute::VERSION)?.parse().ok()
    }

    /// Its key as text, where one of these is the sort key. Only a text in the form of a key is shown, so that no personal data
    /// is logged.
    pub fn key(&self, sort_keys: &[&str]) -> String {
        let id = self.user().map_or_else(|| "?".to_owned(), |id| id.to_string());
        let byte = |b: u8| b.is_ascii_alphanumeric() || b"#-_".contains(&b);
        let plain = |key: &&str| key.len() <= 160 && key.bytes().all(byte);
        match sort_keys.iter().find_map(|name| self.text(name).filter(plain)) {
            Some(sort) => format!("{id}/{sort}"),
            None => id,
        }
    }

    /// The user of the item.
    pub fn user(&self) -> Option<UserId> {
        self.text(attribute::ID)?.parse().ok()
    }

    /// An attribute that is a text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.0.get(name) {
            Some(Attribute::S(text)) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_image_names_its_item_in_every_table() {
        let id = UserId::v8([1; 16]);
        let named = |name: &str, sort: &str| {
            let image = Attributes::from([(attribute::ID.into(), id.to_string().into()), (name.into(), sort.into())]);
            Image(&image).key(&[name])
        };
        assert_eq!(named(attribute::PART, "profile"), format!("{id}/profile"));
        for name in [attribute::KEY, attribute::TARGET] {
            assert_eq!(named(name, "crm"), format!("{id}/crm"));
            assert_eq!(named(name, "ada@example.com"), id.to_string());
        }
    }
}
