//! The rows of the table `events`.

use std::str::FromStr;

use super::notice::{Notice, notices};
use super::place::Place;
use crate::names::attribute;
use crate::{Attribute, Attributes, CompanyId, Hlc, ItemError, LogRow, Millis, Part, Region, UserId, Version};

/// The kind of a row that is an event.
pub const EVENT: &str = "event";
/// The kind of a row that ends a day: the region's next event is in a later one.
pub const END: &str = "end";
/// The kind of a row that says that a change of a user has its event for a company.
pub const MADE: &str = "made";

mod field {
    pub(super) const USER: &str = "user";
    pub(super) const CHANGED: &str = "changed";
    pub(super) const PART: &str = "part";
    pub(super) const VERSION: &str = "version";
    pub(super) const MIN_VERSION: &str = "min_version";
    pub(super) const NOTICES: &str = "notices";
    pub(super) const PREVIOUS: &str = "previous";
}

/// An event of a company as it is stored: the changes that one write made of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The region whose feed made it, and whose write it is about.
    pub origin: Region,
    /// The place among the events of the company and the region.
    pub place: Place,
    /// The place of the event before it, as its maker knew it; `None` for the first one.
    pub previous: Option<Place>,
    /// When it was made. It never decreases from one place to the next.
    pub at: Hlc,
    /// The user that is linked to the company.
    pub user: UserId,
    /// The user that changed: another one than `user` if the two are one person.
    pub changed: UserId,
    /// The part that was written: `profile` or `credentials`; an erasure is about both, and names `profile`.
    pub part: Part,
    /// The version that the write made.
    pub version: Version,
    /// The version of the changed user for `min_version`; `None` for an erased one.
    pub min_version: Option<String>,
    /// The changes.
    pub notices: Vec<Notice>,
}

impl EventRow {
    /// The row under this partition key. It expires at `expires_at`.
    pub fn to_row(&self, block: UserId, expires_at: Millis) -> LogRow {
        let list = self.notices.iter().map(|notice| notice.to_string().into()).collect();
        let mut fields = Attributes::from([
            (field::USER.into(), self.user.to_string().into()),
            (field::CHANGED.into(), self.changed.to_string().into()),
            (field::PART.into(), self.part.as_str().into()),
            (field::VERSION.into(), self.version.to_string().into()),
            (field::NOTICES.into(), Attribute::L(list)),
        ]);
        fields.extend(self.min_version.clone().map(|version| (field::MIN_VERSION.into(), version.into())));
        fields.extend(self.previous.map(|place| (field::PREVIOUS.into(), place.to_string().into())));
        row(block, self.place.key(&self.origin), EVENT, (&self.origin, self.at), fields, expires_at)
    }

    /// Reads an event. A kind of change that this version of Umoja does not know is left out.
    ///
    /// # Errors
    /// If a field is absent or malformed.
    pub fn from_row(stored: &LogRow) -> Result<Self, ItemError> {
        fn parsed<T: FromStr>(stored: &LogRow, name: &'static str) -> Result<T, ItemError> {
            stored.field(name).and_then(|text| text.parse().ok()).ok_or(ItemError::new(name))
        }
        let (origin, place) = Place::in_key(&stored.key).ok_or(ItemError::new(attribute::KEY))?;
        if stored.kind != EVENT || origin != stored.origin {
            return Err(ItemError::new(attribute::KIND));
        }
        Ok(Self {
            origin,
            place,
            previous: previous(stored),
            at: stored.at,
            user: parsed(stored, field::USER)?,
            changed: parsed(stored, field::CHANGED)?,
            part: parsed(stored, field::PART)?,
            version: parsed(stored, field::VERSION)?,
            min_version: stored.field(field::MIN_VERSION).map(str::to_owned),
            notices: notices(stored.fields.get(field::NOTICES)),
        })
    }
}

/// The place of the event before a row.
pub fn previous(stored: &LogRow) -> Option<Place> {
    stored.field(field::PREVIOUS).and_then(|text| text.parse().ok())
}

/// The row that ends a day at this place.
pub fn end(block: UserId, place: Place, (origin, at): (&Region, Hlc), expires_at: Millis) -> LogRow {
    row(block, place.key(origin), END, (origin, at), Attributes::new(), expires_at)
}

/// The row that says that a change has its event for a company. `change` names the change.
pub fn made(
    user: UserId,
    change: &str,
    company: &CompanyId,
    (origin, at): (&Region, Hlc),
    expires_at: Millis,
) -> LogRow {
    row(user, made_key(origin, change, company), MADE, (origin, at), Attributes::new(), expires_at)
}

/// The key of the row that says that a change has its event for a company.
pub fn made_key(origin: &Region, change: &str, company: &CompanyId) -> String {
    format!("{origin}#{change}#{company}")
}

fn row(
    user: UserId,
    key: String,
    kind: &str,
    (origin, at): (&Region, Hlc),
    fields: Attributes,
    expires_at: Millis,
) -> LogRow {
    let unknown = Attributes::from([(attribute::EXPIRES_AT.into(), expires_at.secs().into())]);
    LogRow { user, key, at, origin: origin.clone(), kind: kind.into(), fields, unknown }
}

/// When a row expires; `None` for one that never does.
pub fn expires_at(row: &LogRow) -> Option<Millis> {
    match row.unknown.get(attribute::EXPIRES_AT) {
        Some(Attribute::N(secs)) => secs.parse::<u64>().ok().map(|secs| Millis(secs.saturating_mul(1000))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_round_trips_through_its_row() {
        let place = Place { epoch: 7, day: 20_000, number: 3 };
        for previous in [None, Some(Place { number: 2, ..place })] {
            let event = EventRow {
                origin: "eu-west-1".parse().unwrap(),
                place,
                previous,
                at: Hlc::at(Millis(9)),
                user: UserId::v8([1; 16]),
                changed: UserId::v8([2; 16]),
                part: Part::Credentials,
                version: Version { erased: false, hlc: Hlc::at(Millis(8)), origin: "eu-west-1".parse().unwrap() },
                min_version: previous.map(|_| "opaque".to_owned()),
                notices: vec![Notice::Disabled, Notice::Merged(UserId::v8([3; 16]))],
            };
            let row = event.to_row(UserId::v8([9; 16]), Millis(10_999));
            assert_eq!(expires_at(&row), Some(Millis(10_000)));
            assert_eq!(LogRow::from_item(row.to_item()), Ok(row.clone()));
            assert_eq!(EventRow::from_row(&row), Ok(event));
        }
    }
}
