//! Reading a source, and logging in with its users.

use umoja_crypto::legacy::{LegacyOutcome, verify};
use umoja_crypto::password::{EngineChoice, Params, Password, PasswordKeys, Passwords};
use umoja_migrate::formats::{Entry, Format, Options, SourceError, read};
use umoja_migrate::{Rejected, Row};

/// All items. A row with rejections, which no import takes, is its first one.
pub(crate) fn all(format: Format, source: &[u8], options: &Options) -> Vec<Result<Entry, SourceError>> {
    let whole = |row: Result<Row, Rejected>| {
        let row = row?;
        row.rejections.first().cloned().map_or(Ok(row), Err)
    };
    match read(format, source, options) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| Entry { row: whole(entry.row), ..entry })).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// The rows of a source that is whole.
pub(crate) fn entries(format: Format, source: &str, options: &Options) -> Vec<Entry> {
    all(format, source.as_bytes(), options).into_iter().map(|entry| entry.unwrap()).collect()
}

/// The rows of a source in which none is rejected.
pub(crate) fn rows(format: Format, source: &str, options: &Options) -> Vec<Row> {
    let entries = entries(format, source, options);
    entries.into_iter().map(|entry| entry.row.unwrap_or_else(|rejected| panic!("{}: {rejected}", entry.line))).collect()
}

/// Lines and reasons of the rejected ones.
pub(crate) fn rejections(format: Format, source: &str, options: &Options) -> Vec<(u64, Rejected)> {
    let entries = entries(format, source, options).into_iter();
    entries.filter_map(|entry| entry.row.err().map(|rejected| (entry.line, rejected))).collect()
}

/// Checks that the user may log in with this password and with no other.
#[track_caller]
pub(crate) fn assert_logs_in(row: &Row, options: &Options, password: &str) {
    let passwords = Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap();
    let passwords = passwords.with_keys(PasswordKeys::from(options.keys.hash_keys.clone()));
    let stored = row.hash.as_ref().expect("a hash").to_stored(&passwords, [7; 16]);
    let outcome = |password: &str| verify(&passwords, &Password::attempt(password), &stored);
    assert_eq!(outcome(password), LegacyOutcome::Verified, "line {}", row.line);
    assert_eq!(outcome("another password"), LegacyOutcome::Wrong, "line {}", row.line);
}
