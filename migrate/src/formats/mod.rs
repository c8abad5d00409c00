//! The export formats of other systems, one file each.
//!
//! [`read`] streams: whatever the size of the source, one record of at most [`MAX_RECORD`] bytes is in memory. An
//! unreadable record is rejected, and reading continues after it. Only an error around the records ends the stream.
//!
//! Every reader keeps to these rules:
//! - Identifiers are as the source wrote them; the source's own id is always the `external_id`.
//! - An address is verified only if the source says so.
//! - A member that is present and not of its documented type is left out, and noted in the row. It rejects the record
//!   only if it says whether the user may log in, exists or has a password: a user must not come in as another one.
//! - Null, absent and empty are the same.
//! - gzip and UTF-16 are read; other packed files are named (by `unpacked`). A source without end ends with an error.
//! - A member without a standard claim goes under `custom` only if it clearly belongs to the user, and never if its
//!   name mentions a password, a hash, a token or a second factor.
//!
//! A new format is a file with a function from a record to a [`Row`], a variant of [`Format`], its line in [`read`], a
//! fixture, a case of `tests/formats/broken`, a fuzz target, and a section in `docs/migrate.md`.

mod auth0;
mod claims;
mod django;
mod drupal;
mod events;
mod factors;
mod firebase;
mod firebase_csv;
mod json;
mod keycloak;
pub mod keys;
mod ldif;
mod magento;
mod mapping;
mod members;
mod source;
mod table;
mod times;
mod unpacked;
mod wordpress;

use std::io::BufRead;
use std::str::FromStr;

use serde_json::{Map, Value};
use umoja_schema::Millis;

pub use self::events::Events;
use self::json::{Elements, Lines, Look, Objects, Segment};
use self::keys::Keys;
pub use self::mapping::{Condition, EventKind, Mapping, MappingError, Template};
use self::source::{Cut, Source, cuts, held};
pub use self::source::{MAX_RECORD, SourceError};
use self::table::{Dialect, Table};
use self::unpacked::Bytes;
use crate::{Rejected, Row};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Auth0's bulk import (an array) and exports (an object a line).
    Auth0,
    /// `firebase auth:export`, JSON or CSV. The keys hold the project's hash parameters.
    Firebase,
    /// Keycloak's export of a realm or its users.
    Keycloak,
    /// Django's `dumpdata`.
    Django,
    /// WordPress' table `wp_users` as CSV.
    WordPress,
    /// Magento's table `customer_entity` as CSV.
    Magento,
    /// Drupal's table `users_field_data` as CSV.
    Drupal,
    /// LDIF of people.
    Ldif,
    /// Any table as CSV, by a mapping.
    Csv,
    /// Any JSON, an object a line or an array somewhere in a document, by a mapping.
    Ndjson,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Auth0,
        Self::Firebase,
        Self::Keycloak,
        Self::Django,
        Self::WordPress,
        Self::Magento,
        Self::Drupal,
        Self::Ldif,
        Self::Csv,
        Self::Ndjson,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth0 => "auth0",
            Self::Firebase => "firebase",
            Self::Keycloak => "keycloak",
            Self::Django => "django",
            Self::WordPress => "wordpress",
            Self::Magento => "magento",
            Self::Drupal => "drupal",
            Self::Ldif => "ldif",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// The name of no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no format of this name")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or(UnknownFormat)
    }
}

/// The options of a format besides the source.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The mapping of CSV and NDJSON; other formats do not need one.
    pub mapping: Option<Mapping>,
    /// Peppers, HMAC keys and a Firebase project's parameters.
    pub keys: Keys,
    /// The most records of a source, for sources that may have no end.
    pub most_records: Option<u64>,
}

/// One record of a source.
#[derive(Debug)]
pub struct Entry {
    /// The line of its beginning, from 1.
    pub line: u64,
    /// The position after it in the unpacked source, in bytes.
    pub bytes_read: u64,
    /// The user, or the reason of the rejection.
    pub row: Result<Row, Rejected>,
}

/// The result of [`read`]: the records in the order of the source. An error is the last item.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry, SourceError>> + Send + 'a>;

/// Reads the users of a source. Other records, such as other tables of a dump, are left out.
///
/// # Errors
/// [`SourceError`] if the beginning is not of the format, or an option is missing; later errors are items.
pub fn read<'a, R: BufRead + Send + 'a>(
    format: Format,
    source: R,
    options: &'a Options,
) -> Result<Entries<'a>, SourceError> {
    let (mut source, is_of_spreadsheet) = Source::new(Box::new(source))?;
    let first = match format {
        Format::Auth0 | Format::Firebase | Format::Keycloak | Format::Django | Format::Ndjson => source.peek_solid()?,
        _ => None,
    };
    let table = |source, needed: &[&str]| table(source, needed, is_of_spreadsheet);
    let row = move |object| record(format, object, options);
    let rows = Rows { most: options.most_records };
    Ok(match format {
        Format::Auth0 if first.is_some_and(|first| !b"[{".contains(&first)) => {
            let table = Table::with_header(source, &Dialect::default(), is_of_spreadsheet)?;
            if !auth0::NEEDED.iter().any(|name| table.has(name)) {
                return Err(SourceError::Column(auth0::NEEDED[0].to_owned()));
            }
            rows.of(cuts(table), row)
        }
        Format::Auth0 => rows.of(json(source, first, Users::Listed), row),
        Format::Firebase if first.is_some_and(|first| b"[{".contains(&first)) => {
            rows.of(json(source, first, Users::Inside("localId")), row)
        }
        Format::Firebase => rows.of(cuts(firebase_csv::Lines::new(source)), row),
        Format::Keycloak => rows.of(json(source, first, Users::Inside("username")), row),
        Format::Django => rows.of(json(source, first, Users::Inside("model")), row),
        Format::WordPress => rows.of(cuts(table(source, &wordpress::NEEDED)?), row),
        Format::Magento => rows.of(cuts(table(source, &magento::NEEDED)?), row),
        Format::Drupal => rows.of(cuts(table(source, &drupal::NEEDED)?), row),
        Format::Ldif => rows.of(cuts(ldif::Records::new(source)), ldif::row),
        Format::Csv => {
            let mapping = mapping(options)?;
            let table = Table::with_header(source, mapping.dialect(), is_of_spreadsheet)?;
            if let Some(name) = mapping.missing_column(|name| table.has(name)) {
                return Err(SourceError::Column(name.to_owned()));
            }
            rows.of(cuts(table), row)
        }
        Format::Ndjson => {
            let mapping = mapping(options)?;
            if let Some(path) = mapping.records() {
                rows.of(held(Elements::new(source, path)), row)
            } else {
                let look = Look::at(source.beginning());
                if first == Some(b'{') && look.has_any_array() && !mapping.begins_with(|name| look.has(name)) {
                    let what =
                        "the source is one object with arrays; name that of the users by `records` in the mapping";
                    return Err(SourceError::Frame { line: 1, what });
                }
                rows.of(json(source, first, Users::Anywhere), row)
            }
        }
    })
}

/// One record of a format, already cut out of its source, as [`read`] reads it; `None` if it is not a user. An event of
/// a provider has the same object, so it gives the same row.
///
/// # Errors
/// [`Rejected`], also if the format has no records of JSON, or a mapping is missing.
pub fn record(format: Format, object: Map<String, Value>, options: &Options) -> Result<Option<Row>, Rejected> {
    let keys = &options.keys;
    match format {
        Format::Auth0 => auth0::row(object, keys).map(Some),
        Format::Firebase => firebase::row(object, keys).map(Some),
        Format::Keycloak => keycloak::row(object).map(Some),
        Format::Django => django::row(object),
        Format::WordPress => wordpress::row(object).map(Some),
        Format::Magento => Ok(Some(magento::row(object))),
        Format::Drupal => drupal::row(object).map(Some),
        Format::Ldif => Err(Rejected::Form("LDIF has no records of JSON")),
        Format::Csv | Format::Ndjson => {
            let mapping = options.mapping.as_ref().ok_or(Rejected::Form("this format needs a mapping"))?;
            mapping.row(&object, keys).map(Some)
        }
    }
}

/// A JSON object as the records of all formats are read: a name that occurs twice rejects it, half a character becomes
/// U+FFFD, a number that would lose digits becomes a text, and nesting is limited to 128.
///
/// # Errors
/// [`Rejected::Form`].
pub fn object(json: &[u8]) -> Result<Map<String, Value>, Rejected> {
    json::object(json)
}

/// An instant in the forms in which other systems write it: RFC 3339, and those of databases.
pub fn instant(text: &str) -> Option<Millis> {
    times::written(text).ok().flatten()
}

/// The mapping of what Amazon Cognito lists of its users.
pub const COGNITO: &str = include_str!("../../examples/cognito.json");

/// Where the users of a JSON source are, if it is not an array of them.
#[derive(Clone, Copy)]
enum Users {
    /// Each is an object of its own.
    Anywhere,
    /// Each is an object of its own, unless there is one object with an array `users`.
    Listed,
    /// In the array `users` of one object, unless the first object has this member: then each is an object of its own.
    Inside(&'static str),
}

type Cuts<'a> = Box<dyn Iterator<Item = Result<Cut<Map<String, Value>>, SourceError>> + Send + 'a>;

/// The objects of a JSON source: an array, an object a line or over several lines, or an array inside of an object.
fn json(source: Source<Bytes<'_>>, first: Option<u8>, users: Users) -> Cuts<'_> {
    let inside = [Segment::Member("users".to_owned())];
    let look = Look::at(source.beginning());
    let is_inside = match users {
        Users::Anywhere => false,
        Users::Listed => look.has_array("users"),
        Users::Inside(member) => !look.has(member),
    };
    match first {
        Some(b'{') if is_inside => Box::new(held(Elements::new(source, &inside))),
        Some(b'{') if look.is_over_lines => Box::new(held(Objects::new(source))),
        None if matches!(users, Users::Inside(_)) => Box::new(held(Elements::new(source, &[]))),
        Some(b'{') | None => Box::new(cuts(Lines::new(source))),
        Some(_) => Box::new(held(Elements::new(source, &[]))),
    }
}

/// The mapping, after checking that all keys it names are given.
fn mapping(options: &Options) -> Result<&Mapping, SourceError> {
    let mapping = options.mapping.as_ref().ok_or(SourceError::NoMapping)?;
    match mapping.missing_key(&options.keys) {
        Some(id) => Err(SourceError::Key(id.to_owned())),
        None => Ok(mapping),
    }
}

/// A table of a database, with a header that names at least these columns.
fn table<R: BufRead>(source: Source<R>, needed: &[&str], is_of_spreadsheet: bool) -> Result<Table<R>, SourceError> {
    let table = Table::with_header(source, &Dialect::default(), is_of_spreadsheet)?;
    match needed.iter().find(|name| !table.has(name)) {
        Some(name) => Err(SourceError::Column((*name).to_owned())),
        None => Ok(table),
    }
}

/// After this many records that do not have the format, and none that has it, the source is of another format.
const MOST_STRANGE: u64 = 10_000;

/// Makes entries of records.
struct Rows {
    /// The most records.
    most: Option<u64>,
}

impl Rows {
    /// Records to entries; `row` returns `None` for a record that is not a user.
    fn of<'a, T>(
        self,
        cuts: impl Iterator<Item = Result<Cut<T>, SourceError>> + Send + 'a,
        row: impl Fn(T) -> Result<Option<Row>, Rejected> + Send + 'a,
    ) -> Entries<'a> {
        let (mut count, mut is_strange, mut is_over) = (0, true, false);
        let entries = cuts.map_while(move |cut| {
            if is_over {
                return None;
            }
            let Cut { line, bytes_read, record } = match cut {
                Ok(cut) => cut,
                Err(error) => return Some(Some(Err(error))),
            };
            count += 1;
            let read = record.and_then(&row);
            is_strange &= matches!(read, Err(Rejected::Form(_)));
            is_over = is_strange && count == MOST_STRANGE || self.most.is_some_and(|most| count > most);
            if is_over {
                let what = "the first 10,000 records do not have the format";
                let strange = SourceError::Frame { line, what };
                let most = self.most.filter(|most| count > *most);
                return Some(Some(Err(most.map_or(strange, |most| SourceError::TooMany { line, most }))));
            }
            let row = read.transpose().map(|row| row.map(|row| Row { line, ..row }));
            Some(row.map(|row| Ok(Entry { line, bytes_read, row })))
        });
        Box::new(entries.flatten())
    }
}
