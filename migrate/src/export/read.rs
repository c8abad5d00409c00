//! Reading an export back.

use std::io::{BufRead, Read as _};

use zeroize::Zeroizing;

use super::{FORMAT, Header, Record};
use crate::Refused;
use crate::formats::{MAX_RECORD, SourceError};
use crate::import::Entry;

/// The records of an export, a line at a time. A line that is none is refused, and reading goes on behind it.
///
/// # Errors
/// If the first line is no header of a form that this version reads; later errors are items.
pub fn read<R: BufRead>(source: R) -> Result<impl Iterator<Item = Result<Entry<Record>, SourceError>>, SourceError> {
    let mut lines = Lines { source, line: 0, bytes: 0 };
    let frame = |what| SourceError::Frame { line: 1, what };
    let first = lines.next_line()?.ok_or(frame("an export begins with a line that says so"))?;
    let header: Header =
        serde_json::from_slice(&first).map_err(|_| frame("an export begins with a line that says so"))?;
    if header.umoja_export != FORMAT {
        return Err(frame("the export is of a form that this version does not read"));
    }
    Ok(std::iter::from_fn(move || {
        loop {
            let text = match lines.next_line() {
                Ok(text) => text?,
                Err(error) => return Some(Err(error)),
            };
            if text.trim_ascii().is_empty() {
                continue;
            }
            let row = if text.len() > MAX_RECORD {
                Err(Refused::TooLarge)
            } else {
                serde_json::from_slice(&text).map_err(|_| Refused::Form("it is not a user of an export"))
            };
            return Some(Ok(Entry { line: lines.line, bytes_read: lines.bytes, row }));
        }
    }))
}

struct Lines<R> {
    source: R,
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// A line, of one that is too long a beginning that is too long; nothing at the end.
    fn next_line(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, SourceError> {
        self.line += 1;
        let line = self.line;
        let failed = |error| SourceError::Io { line, error };
        let mut text = Zeroizing::new(Vec::new());
        let most = MAX_RECORD as u64 + 1;
        let mut read = self.source.by_ref().take(most).read_until(b'\n', &mut text).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        let is_whole = text.last() == Some(&b'\n');
        self.bytes += read as u64;
        let mut rest = Zeroizing::new(Vec::new());
        while !is_whole && read > 0 && rest.last() != Some(&b'\n') {
            rest.clear();
            read = self.source.by_ref().take(most).read_until(b'\n', &mut rest).map_err(failed)?;
            self.bytes += read as u64;
        }
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"umoja_export":1,"exported_at":5,"region":"eu-west-1"}"#;

    fn lines(text: &str) -> Vec<(u64, Result<(), Refused>)> {
        let entries = read(text.as_bytes()).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.line, entry.row.map(drop))).collect()
    }

    #[test]
    fn a_line_that_is_no_user_does_not_stop_the_next() {
        let user = r#"{"id":"0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f","created_at":1,"status":"active","links":{},"claims":[],"identity":{},"credentials":{}}"#;
        let long = "x".repeat(3 * MAX_RECORD);
        let text = format!("{HEADER}\n{user}\n\nnot one\n{long}\n{user}");
        let not_one = Err(Refused::Form("it is not a user of an export"));
        assert_eq!(lines(&text), [(2, Ok(())), (4, not_one), (5, Err(Refused::TooLarge)), (6, Ok(()))]);
    }

    #[test]
    fn another_form_is_refused_as_a_whole() {
        for text in ["", "{}", &HEADER.replace(":1,", ":2,"), "{\"id\":1}\n"] {
            assert!(matches!(read(text.as_bytes()).err(), Some(SourceError::Frame { line: 1, .. })), "{text}");
        }
    }
}
