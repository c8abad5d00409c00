//! Subjects: the names of a person at clients (claim `sub`).

use super::item::{escaped, item, key, live};
use crate::{Attributes, Client, Hlc, ItemError, SubjectType, UserId, Version, VersionedItem};

const SUB: &str = "sub";
const CREATED: &str = "created";

/// Who shares a subject (OpenID Connect Core 1.0 section 8).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sector {
    /// All clients with public subjects.
    Public,
    /// The clients of one sector identifier, a host.
    Pairwise(String),
}

impl From<&Client> for Sector {
    fn from(client: &Client) -> Self {
        match (client.subject_type, &client.sector_identifier) {
            (SubjectType::Pairwise, Some(host)) => Self::Pairwise(host.clone()),
            _ => Self::Public,
        }
    }
}

impl Sector {
    /// The name in the sort key. Hosts have no `_`, so none is named as the public sector.
    fn name(&self) -> String {
        match self {
            Self::Public => "_".to_owned(),
            Self::Pairwise(host) => escaped(host),
        }
    }
}

/// The subject of a user in a sector. It never expires, and ends only with the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: UserId,
    /// The name of the sector in the sort key: that of [`Subject::key`].
    pub sector: String,
    /// The subject.
    pub sub: String,
    /// When it was made. Of several subjects of a person the earliest counts.
    pub created: Hlc,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Subject {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "subject";

    /// The subject of a user in a sector.
    pub fn new(user: UserId, sector: &Sector, sub: String, created: Hlc) -> Self {
        Self { user, sector: sector.name(), sub, created, unknown: Attributes::new() }
    }

    /// The sort key of a sector.
    pub fn key(sector: &Sector) -> String {
        key(Self::KIND, &[&sector.name()])
    }

    /// True if it is of this sector.
    pub fn is_of(&self, sector: &Sector) -> bool {
        self.sector == sector.name()
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([(SUB.into(), self.sub.clone().into()), (CREATED.into(), self.created.to_string().into())]);
        item(self.user, key(Self::KIND, &[&self.sector]), version, fields)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live subject.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [sector]) = live(item, Self::KIND)?;
        let (sub, created) = (fields.text(SUB)?, fields.parse(CREATED)?);
        Ok(Self { user: item.user, sector, sub, created, unknown: fields.0 })
    }
}
