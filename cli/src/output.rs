//! The output of a command: text for people or JSON for programs on standard output, errors on standard error.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use umoja_schema::Millis;

use crate::CliError;

/// The form of a command's answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON for programs instead of text for people.
    pub(crate) json: bool,
}

impl Output {
    /// The answer, as text or as one JSON document.
    pub(crate) fn answer(self, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            line(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            line(text().trim_end());
        }
    }

    /// A line for people, left out with `--json`.
    pub(crate) fn say(self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// The error of the command.
    pub(crate) fn error(self, error: &CliError) {
        let mut stderr = io::stderr().lock();
        // A failure of standard error cannot be reported.
        let _ = if self.json {
            writeln!(stderr, "{}", json!({ "error": error.to_string() }))
        } else {
            writeln!(stderr, "umoja: {error}")
        };
    }
}

/// A line on standard output. If the reader has closed the pipe, the command continues.
pub(crate) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// A number with its noun: `1 row`, `2 rows`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The form of a verb that goes with a number: the first one if the number is one.
pub(crate) const fn verb(number: u64, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}

/// A note about progress on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns, each as wide as its widest cell, indented by two.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut cells = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(cells, "  {cell:<width$}");
        }
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}

/// A time as RFC 3339 in UTC, to the second.
pub(crate) fn time(at: Millis) -> String {
    let secs = i64::try_from(at.secs()).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    secs.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{} ms", at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["größer".to_owned(), "2".to_owned()]];
        assert_eq!(table(&rows), "  a       1\n  größer  2\n");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!([0, 1, 2].map(|n| verb(n, "waits", "wait")), ["wait", "waits", "wait"]);
    }
}
