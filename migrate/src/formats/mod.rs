//! The export formats of other systems, one file each.
//!
//! [`read`] streams: whatever the size of the source, one record of at most [`MAX_RECORD`] bytes is in memory. An
//! unreadable record is rejected, and reading continues after it. Only an error around the records ends the stream.
//!
//! Every reader keeps to these rules:
//! - Identifiers are as the source wrote them; the source's own id is always the `external_id`.
//! - An address is verified only if the source says so.
//! - A member that is present and not of its documented type rejects the record: no user is imported in part.
//! - Null, absent and empty are the same.
//! - A member without a standard claim goes under `custom` only if it clearly belongs to the user, and never if its
//!   name mentions a password, a hash, a token or a second factor.
//!
//! A new format is a file with a function from a record to a [`Row`], a variant of [`Format`], its line in [`read`], a
//! fixture, a case of `tests/formats/broken`, a fuzz target, and a section in `docs/migrate.md`.

mod auth0;
mod claims;
mod django;
mod drupal;
mod firebase;
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
mod wordpress;

use std::io::BufRead;
use std::str::FromStr;

use self::json::Segment;
use self::keys::Keys;
pub use self::mapping::{Mapping, MappingError};
use self::source::{Cut, Source, cuts};
pub use self::source::{MAX_RECORD, SourceError};
use self::table::{Dialect, Table};
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
}

/// One record of a source.
#[derive(Debug)]
pub struct Entry {
    /// The line of its beginning, from 1.
    pub line: u64,
    /// The position in the source after it, in bytes.
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
    let mut source = Source::new(source)?;
    let first = match format {
        Format::Auth0 | Format::Firebase | Format::Keycloak | Format::Ndjson => source.peek_solid()?,
        _ => None,
    };
    let users = |source| json::Elements::new(source, &[Segment::Member("users".to_owned())]);
    Ok(match format {
        Format::Auth0 if first == Some(b'[') => {
            rows(json::Elements::new(source, &[]), |object| auth0::row(object, &options.keys).map(Some))
        }
        Format::Auth0 => rows(cuts(json::Lines::new(source)), |object| auth0::row(object, &options.keys).map(Some)),
        Format::Firebase if first == Some(b'{') => {
            rows(users(source), |object| firebase::row(object, &options.keys).map(Some))
        }
        Format::Firebase => {
            let table = Table::with_columns(source, &firebase::COLUMNS, firebase::FEWEST)?;
            rows(cuts(table), |object| firebase::row(object, &options.keys).map(Some))
        }
        Format::Keycloak if first == Some(b'{') => rows(users(source), |object| keycloak::row(object).map(Some)),
        Format::Keycloak => rows(json::Elements::new(source, &[]), |object| keycloak::row(object).map(Some)),
        Format::Django => rows(json::Elements::new(source, &[]), django::row),
        Format::WordPress => rows(cuts(table(source, &wordpress::NEEDED)?), |object| wordpress::row(object).map(Some)),
        Format::Magento => rows(cuts(table(source, &magento::NEEDED)?), |object| magento::row(object).map(Some)),
        Format::Drupal => rows(cuts(table(source, &drupal::NEEDED)?), |object| drupal::row(object).map(Some)),
        Format::Ldif => rows(cuts(ldif::Records::new(source)), ldif::row),
        Format::Csv => {
            let mapping = mapping(options)?;
            let table = Table::with_header(source, mapping.dialect())?;
            if let Some(name) = mapping.missing_column(|name| table.has(name)) {
                return Err(SourceError::Column(name.to_owned()));
            }
            rows(cuts(table), |object| mapping.row(&object, &options.keys).map(Some))
        }
        Format::Ndjson => {
            let mapping = mapping(options)?;
            let row = |object| mapping.row(&object, &options.keys).map(Some);
            match mapping.records() {
                Some(path) => rows(json::Elements::new(source, path), row),
                None if first == Some(b'[') => rows(json::Elements::new(source, &[]), row),
                None => rows(cuts(json::Lines::new(source)), row),
            }
        }
    })
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
fn table<R: BufRead>(source: Source<R>, needed: &[&str]) -> Result<Table<R>, SourceError> {
    let table = Table::with_header(source, &Dialect::default())?;
    match needed.iter().find(|name| !table.has(name)) {
        Some(name) => Err(SourceError::Column((*name).to_owned())),
        None => Ok(table),
    }
}

/// Records to entries; `row` returns `None` for a record that is not a user.
fn rows<'a, T>(
    cuts: impl Iterator<Item = Result<Cut<T>, SourceError>> + Send + 'a,
    row: impl Fn(T) -> Result<Option<Row>, Rejected> + Send + 'a,
) -> Entries<'a> {
    Box::new(cuts.filter_map(move |cut| {
        let Cut { line, bytes_read, record } = match cut {
            Ok(cut) => cut,
            Err(error) => return Some(Err(error)),
        };
        let row = record.and_then(&row).transpose()?.map(|row| Row { line, ..row });
        Some(Ok(Entry { line, bytes_read, row }))
    }))
}
