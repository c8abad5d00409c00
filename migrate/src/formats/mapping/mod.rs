//! The mapping file: it assigns the columns or members of a source, for CSV and NDJSON, and any other JSON.
//!
//! ```json
//! {
//!   "external_id": "id",
//!   "email": "email",
//!   "email_verified": {"from": "state", "is": ["confirmed"]},
//!   "created_at": {"from": "created", "unit": "seconds"},
//!   "profile": {"given_name": "first_name", "custom": {"shoe_size": "size"}},
//!   "hash": {"family": "chain", "from": "pw", "salt": {"from": "salt"}, "steps": [{"digest": "sha1", "salt": "first"}]}
//! }
//! ```
//!
//! `docs/migrate.md` explains each member, and `migrate/examples` has files for several systems.

mod error;
mod events;
mod hash;
mod outgoing;
mod place;
mod record;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use umoja_schema::Profile;
use umoja_schema::profile::Address;

pub use self::error::MappingError;
pub use self::events::EventKind;
pub(super) use self::events::EventRules;
use self::hash::{HashRule, hash};
pub use self::outgoing::{Condition, Template};
use self::place::Place;
use self::record::Reader;
use self::rules::{Phone, Status, Switch, Time};
use super::json::Segment;
use super::keys::Keys;
use super::table::Dialect;
use crate::{Rejected, Row};

/// The places of a user's values in a record.
#[derive(Clone, Debug)]
pub struct Mapping {
    file: File,
    records: Option<Vec<Segment>>,
    dialect: Dialect,
    /// The members of a record that a place begins with.
    members: BTreeSet<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The array of users in one JSON document: `/users`, `/orgs/*/users`.
    records: Option<String>,
    delimiter: Option<String>,
    escape: Option<String>,
    quotes: Option<bool>,
    null: Option<Vec<String>>,
    external_id: Place,
    email: Option<Place>,
    email_verified: Option<Switch>,
    phone_number: Option<Phone>,
    /// The country of the phone number, for national ones.
    phone_country: Option<Place>,
    phone_number_verified: Option<Switch>,
    username: Option<Place>,
    created_at: Option<Time>,
    status: Option<Status>,
    deleted: Option<Switch>,
    #[serde(default)]
    profile: ProfileRule,
    /// The first rule that applies counts.
    #[serde(default, deserialize_with = "one_or_several")]
    hash: Vec<HashRule>,
    /// An array of second factors in Umoja's own form.
    factors: Option<Place>,
    /// For a source that posts events. An import does not read it.
    events: Option<EventRules>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileRule {
    name: Option<Place>,
    given_name: Option<Place>,
    family_name: Option<Place>,
    middle_name: Option<Place>,
    nickname: Option<Place>,
    preferred_username: Option<Place>,
    profile: Option<Place>,
    picture: Option<Place>,
    website: Option<Place>,
    gender: Option<Place>,
    birthdate: Option<Place>,
    zoneinfo: Option<Place>,
    locale: Option<Place>,
    #[serde(default)]
    address: AddressRule,
    #[serde(default)]
    custom: BTreeMap<String, Place>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressRule {
    formatted: Option<Place>,
    street_address: Option<Place>,
    locality: Option<Place>,
    region: Option<Place>,
    postal_code: Option<Place>,
    country: Option<Place>,
}

/// One kind of hash or several. It is not an untagged enum, because the errors of those do not name the cause.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HashRule>, D::Error> {
    let rules = match Value::deserialize(deserializer)? {
        Value::Array(rules) => rules,
        rule => vec![rule],
    };
    rules.into_iter().map(|rule| serde_json::from_value(rule).map_err(D::Error::custom)).collect()
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`MappingError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MappingError> {
        let file: File = serde_json::from_slice(bytes)?;
        let records = file.records.as_deref().map(segments).transpose()?;
        let one_byte = |text: &Option<String>, name| match text.as_deref().map(str::as_bytes) {
            None => Ok(None),
            Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(Some(byte)),
            Some(_) => Err(MappingError::Member(name)),
        };
        let dialect = Dialect {
            delimiter: one_byte(&file.delimiter, "delimiter")?,
            escape: one_byte(&file.escape, "escape")?,
            quotes: file.quotes,
            nulls: file.null.clone().unwrap_or_else(|| Dialect::default().nulls),
        };
        let members = file.places().into_iter().flat_map(Place::members).map(str::to_owned).collect();
        let mapping = Self { file, records, dialect, members };
        for rule in &mapping.file.hash {
            rule.check()?;
        }
        if let Some(events) = &mapping.file.events {
            events.check()?;
        }
        Ok(mapping)
    }

    pub(super) fn records(&self) -> Option<&[Segment]> {
        self.records.as_deref()
    }

    pub(super) fn event_rules(&self) -> Option<&EventRules> {
        self.file.events.as_ref()
    }

    /// Whether it says where password hashes are.
    pub(super) const fn has_hash(&self) -> bool {
        !self.file.hash.is_empty()
    }

    /// The id of a user.
    pub(super) fn id(&self, record: &Map<String, Value>) -> Result<String, Rejected> {
        self.file.external_id.needed(record)
    }

    pub(super) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// Whether the place of the user's id, or of its address, is inside of a member that the records have.
    pub(super) fn begins_with(&self, has: impl Fn(&str) -> bool) -> bool {
        let places = std::iter::once(&self.file.external_id).chain(&self.file.email);
        places.into_iter().any(|place| place.missing_column(&has).is_none())
    }

    /// The first key that the mapping names and that is not among these.
    pub(super) fn missing_key(&self, keys: &Keys) -> Option<&str> {
        let mut ids = self.file.hash.iter().filter_map(HashRule::key);
        ids.find(|id| !keys.hash_keys.contains(id))
    }

    /// The first place whose column is missing.
    pub(super) fn missing_column(&self, has: impl Fn(&str) -> bool) -> Option<&str> {
        self.file.places().into_iter().find_map(|place| place.missing_column(&has))
    }

    /// A record as a user.
    pub(super) fn row(&self, record: &Map<String, Value>, keys: &Keys) -> Result<Row, Rejected> {
        let file = &self.file;
        let reader = Reader::new(record);
        let is_deleted = file.deleted.as_ref().and_then(|rule| reader.required(rule.is_on(record).map(Some)));
        if is_deleted == Some(true) {
            return Err(Rejected::Deleted);
        }
        let verified = |rule: &Option<Switch>| match rule.as_ref().map(|rule| (rule, rule.place())) {
            None => false,
            Some((rule, None)) => rule.is_on(record).unwrap_or_default(),
            Some((rule, Some(place))) => reader.usable(place, rule.is_on(record).map(Some)).unwrap_or_default(),
        };
        let row = Row {
            external_id: reader.text(Some(&file.external_id)),
            email: reader.text(file.email.as_ref()),
            email_verified: verified(&file.email_verified),
            phone_number: file.phone_number.as_ref().and_then(|rule| reader.usable(rule.place(), rule.read(record))),
            phone_number_verified: verified(&file.phone_number_verified),
            phone_country: reader.text(file.phone_country.as_ref()),
            username: reader.text(file.username.as_ref()),
            profile: file.profile.read(&reader),
            created_at: file.created_at.as_ref().and_then(|rule| reader.usable(rule.place(), rule.read(record))),
            status: file.status.as_ref().and_then(|rule| reader.required(rule.read(record))),
            hash: reader.required(hash(&file.hash, record, keys)),
            factors: file.factors.as_ref().map(|place| reader.factors(place)).unwrap_or_default(),
            ..Row::default()
        };
        Ok(reader.finish(row, &self.members))
    }
}

impl File {
    /// Every place that the mapping reads.
    fn places(&self) -> Vec<&Place> {
        let (file, profile, address) = (self, &self.profile, &self.profile.address);
        let places = [&file.email, &file.phone_country, &file.username, &profile.name, &profile.given_name];
        let more = [&profile.family_name, &profile.middle_name, &profile.nickname, &profile.preferred_username];
        let rest = [&profile.profile, &profile.picture, &profile.website, &profile.gender, &profile.birthdate];
        let last = [&profile.zoneinfo, &profile.locale, &address.formatted, &address.street_address];
        let end = [&address.locality, &address.region, &address.postal_code, &address.country];
        let optional =
            places.iter().chain(&more).chain(&rest).chain(&last).chain(&end).filter_map(|place| place.as_ref());
        let switches = [&file.email_verified, &file.phone_number_verified, &file.deleted];
        let switches = switches.into_iter().filter_map(|switch| switch.as_ref()?.place());
        let times = file.created_at.iter().map(Time::place).chain(file.phone_number.iter().map(Phone::place));
        let statuses = file.status.iter().map(Status::place);
        let hashes = self.hash.iter().flat_map(HashRule::places);
        std::iter::once(&file.external_id)
            .chain(optional)
            .chain(switches)
            .chain(times)
            .chain(statuses)
            .chain(profile.custom.values())
            .chain(hashes)
            .chain(&file.factors)
            .collect()
    }
}

impl ProfileRule {
    fn read(&self, reader: &Reader<'_>) -> Profile {
        let text = |place: &Option<Place>| reader.text(place.as_ref());
        let address = Address {
            formatted: text(&self.address.formatted),
            street_address: text(&self.address.street_address),
            locality: text(&self.address.locality),
            region: text(&self.address.region),
            postal_code: text(&self.address.postal_code),
            country: text(&self.address.country),
        };
        let mut custom = Map::new();
        for (name, place) in &self.custom {
            if let Some(value) = reader.value(place) {
                reader.put(&mut custom, name, value);
            }
        }
        Profile {
            name: text(&self.name),
            given_name: text(&self.given_name),
            family_name: text(&self.family_name),
            middle_name: text(&self.middle_name),
            nickname: text(&self.nickname),
            preferred_username: text(&self.preferred_username),
            profile: text(&self.profile),
            picture: text(&self.picture),
            website: text(&self.website),
            gender: text(&self.gender),
            birthdate: text(&self.birthdate),
            zoneinfo: text(&self.zoneinfo),
            locale: text(&self.locale),
            address: Some(address).filter(|address| *address != Address::default()),
            custom,
        }
    }
}

/// `/users`, `/orgs/*/users`; empty if the document is the array.
fn segments(records: &str) -> Result<Vec<Segment>, MappingError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let path = records.strip_prefix('/').ok_or(MappingError::Member("records"))?;
    let segments = path.split('/').map(|token| match token {
        "*" => Segment::Each,
        _ => Segment::Member(place::unescaped(token)),
    });
    Ok(segments.collect())
}
