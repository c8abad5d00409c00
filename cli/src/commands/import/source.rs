//! The file that is imported, and what it takes to read it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use umoja_crypto::legacy::HashKeys;
use umoja_migrate::Row;
use umoja_migrate::formats::Mapping;
use umoja_migrate::formats::keys;
use umoja_migrate::formats::{self, Format, Options, SourceError};
use umoja_migrate::import::Entry;
use zeroize::Zeroizing;

use super::Import;
use crate::CliError;

/// Big reads: an import is as fast as its slowest part.
const BUFFER: usize = 1 << 20;

/// What it takes to read the file.
pub(super) struct Opening {
    pub(super) format: Format,
    pub(super) options: Options,
}

/// The records of the file.
pub(super) struct Source<'a> {
    /// How many bytes the file has, if it is one.
    pub(super) bytes: Option<u64>,
    pub(super) entries: Box<dyn Iterator<Item = Result<Entry<Row>, SourceError>> + Send + 'a>,
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
        Ok(Self { format: import.format, options })
    }

    /// What a login would not find among the deployment's keys makes users who cannot log in.
    pub(super) fn check_keys(&self, stored: &HashKeys) -> Result<(), CliError> {
        for (id, key) in self.options.keys.hash_keys.iter() {
            let what = match stored.get(id) {
                Some(other) if other == key => continue,
                Some(_) => "is another key than the deployment's of this id",
                None => "is not among the deployment's: add it with `umoja hash-keys add`",
            };
            return Err(CliError::Failed(format!("--keys: {id} {what}")));
        }
        Ok(())
    }

    /// From the beginning.
    pub(super) fn source(&self, path: &Path) -> Result<Source<'_>, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
        let (reader, bytes): (Box<dyn BufRead + Send>, _) = if is_standard_input(path) {
            (Box::new(BufReader::with_capacity(BUFFER, io::stdin())), None)
        } else {
            let file = File::open(path).map_err(|error| failed(&error))?;
            let bytes = file.metadata().map_err(|error| failed(&error))?.len();
            (Box::new(BufReader::with_capacity(BUFFER, file)), Some(bytes))
        };
        let entries = formats::read(self.format, reader, &self.options).map_err(|error| failed(&error))?;
        let entries =
            entries.map(|entry| entry.map(|formats::Entry { line, bytes_read, row }| Entry { line, bytes_read, row }));
        Ok(Source { bytes, entries: Box::new(entries) })
    }
}

pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file that is read as a whole.
fn read<T, E: std::fmt::Display>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    parse(&Zeroizing::new(bytes)).map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))
}
