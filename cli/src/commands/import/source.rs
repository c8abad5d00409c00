//! The file that is imported, and the options to read it with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use umoja_crypto::legacy::HashKeys;
use umoja_migrate::Row;
use umoja_migrate::export::{self, Record};
use umoja_migrate::formats::Format;
use umoja_migrate::formats::Mapping;
use umoja_migrate::formats::keys;
use umoja_migrate::formats::{self, Options, SourceError};
use umoja_migrate::import::Entry;

use super::Import;
use super::options::Of;
use crate::CliError;
use crate::commands::age;
use crate::files;

/// Large reads, so that reading the file does not slow the import down.
const BUFFER: usize = 1 << 20;

/// The most records of standard input, unless the caller names a number: it may have no end.
const MOST_OF_INPUT: u64 = 10_000_000;

/// The options to read the file with.
pub(super) struct Opening {
    pub(super) format: Of,
    pub(super) options: Options,
    identity: Option<PathBuf>,
}

/// A record.
pub(super) enum Item {
    /// A user of another system.
    Row(Box<Row>),
    /// A user of `umoja export`.
    Record(Box<Record>),
}

/// The records of the file.
pub(super) struct Source<'a> {
    /// How many bytes the file has, if it is one.
    pub(super) bytes: Option<u64>,
    pub(super) entries: Box<dyn Iterator<Item = Result<Entry<Item>, SourceError>> + Send + 'a>,
}

impl Opening {
    pub(super) fn read(import: &Import) -> Result<Self, CliError> {
        let mut options = Options::default();
        if let Some(path) = &import.keys {
            options.keys = read(path, keys::parse)?;
        }
        if let Some(path) = &import.mapping {
            options.mapping = Some(read(path, Mapping::parse)?);
        }
        if is_standard_input(&import.file) && import.prove.is_some() {
            return Err(CliError::Usage(
                "--prove reads the file before it is imported; standard input is read once".into(),
            ));
        }
        options.most_records = import.most_records.or(is_standard_input(&import.file).then_some(MOST_OF_INPUT));
        let foreign = [
            (import.strict, "--strict"),
            (import.company.is_some(), "--company"),
            (import.prove.is_some(), "--prove"),
            (import.mapping.is_some(), "--mapping"),
            (import.keys.is_some(), "--keys"),
        ];
        let given = foreign.iter().find(|(given, _)| *given);
        match (import.format, given) {
            (Of::Umoja, Some((_, name))) => {
                return Err(CliError::Usage(format!("{name} goes with the formats of other systems")));
            }
            (Of::Foreign(_), _) if import.company.is_none() => {
                return Err(CliError::Usage("name the company whose users they are: --company ID".into()));
            }
            (Of::Foreign(Format::Csv | Format::Ndjson), _) if import.mapping.is_none() => {
                return Err(CliError::Usage(format!("--format {} needs --mapping FILE", import.format.name())));
            }
            (Of::Foreign(_), _) if import.identity.is_some() => {
                return Err(CliError::Usage("--identity goes with --format umoja".into()));
            }
            _ => {}
        }
        Ok(Self { format: import.format, options, identity: import.identity.clone() })
    }

    /// Rejects hash keys that the deployment does not have: users whose hash needs one could not log in.
    pub(super) fn check_keys(&self, stored: &HashKeys) -> Result<(), CliError> {
        for (id, key) in self.options.keys.hash_keys.iter() {
            let what = match stored.get(id) {
                Some(other) if other == key => continue,
                Some(_) => "differs from the deployment's key of this id",
                None => "is not among the deployment's: add it with `umoja hash-keys add`",
            };
            return Err(CliError::Failed(format!("--keys: {id} {what}")));
        }
        Ok(())
    }

    /// The records, from the beginning of the file.
    pub(super) fn source(&self, path: &Path) -> Result<Source<'_>, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
        let (reader, bytes): (Box<dyn BufRead + Send>, _) = if let Some(identity) = &self.identity {
            (Box::new(BufReader::with_capacity(BUFFER, age::opened(path, identity)?)), None)
        } else if is_standard_input(path) {
            (Box::new(BufReader::with_capacity(BUFFER, io::stdin())), None)
        } else {
            // A device or pipe may have no end, and opening a pipe may wait for ever.
            if !path.metadata().map_err(|error| failed(&error))?.is_file() {
                return Err(failed(&"not a regular file; give its content as standard input, with - for FILE"));
            }
            let file = File::open(path).map_err(|error| failed(&error))?;
            let bytes = file.metadata().map_err(|error| failed(&error))?.len();
            // What is written to the file from now on is not part of it.
            (Box::new(BufReader::with_capacity(BUFFER, file.take(bytes))), Some(bytes))
        };
        let unread = |error| CliError::Failed(unreadable(path, self.format, &error));
        Ok(Source {
            bytes,
            entries: match self.format {
                Of::Umoja => {
                    let entries = export::read(reader, self.options.most_records).map_err(unread)?;
                    Box::new(entries.map(|entry| entry.map(|entry| item(entry, |record| Item::Record(record.into())))))
                }
                Of::Foreign(format) => {
                    let entries = formats::read(format, reader, &self.options).map_err(unread)?;
                    Box::new(entries.map(|entry| {
                        let formats::Entry { line, bytes_read, row } = entry?;
                        Ok(item(Entry { line, bytes_read, row }, |row| Item::Row(row.into())))
                    }))
                }
            },
        })
    }
}

fn item<R>(Entry { line, bytes_read, row }: Entry<R>, item: impl Fn(R) -> Item) -> Entry<Item> {
    Entry { line, bytes_read, row: row.map(item) }
}

/// Says which file cannot be read, and where. A file of another format is the most frequent cause.
pub(super) fn unreadable(path: &Path, format: Of, error: &SourceError) -> String {
    let question = match error {
        SourceError::Frame { .. } | SourceError::Column(_) => format!("; is this the format {}?", format.name()),
        _ => String::new(),
    };
    format!("{}: {error}{question}", path.display())
}

pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads and parses a whole file.
fn read<T, E: std::fmt::Display>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, CliError> {
    let bytes = files::small(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    parse(&bytes).map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))
}
