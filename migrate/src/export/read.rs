//! Reading an export back.

use std::io::{BufRead, Read as _};

use umoja_crypto::numbers;
use zeroize::Zeroizing;

use super::{FORMAT, Header, Record};
use crate::Rejected;
use crate::formats::{MAX_RECORD, SourceError};
use crate::import::Entry;

/// The most bytes of a line, of which only [`MAX_RECORD`] are kept. A source without end has to end.
const MAX_LINE: u64 = 64 << 20;

/// The records of an export, one for each line. An invalid line is rejected, and reading continues after it. More than
/// `most` records are an error.
///
/// # Errors
/// If the first line is not a header of a form that this version reads; later errors are items.
pub fn read<R: BufRead>(
    source: R,
    most: Option<u64>,
) -> Result<impl Iterator<Item = Result<Entry<Record>, SourceError>>, SourceError> {
    let mut lines = Lines { source, line: 0, bytes: 0 };
    let frame = |what| SourceError::Frame { line: 1, what };
    let first = lines.next_line()?.ok_or(frame("the first line is not the header of an export"))?;
    let header: Header =
        serde_json::from_slice(&first).map_err(|_| frame("the first line is not the header of an export"))?;
    if header.umoja_export != FORMAT {
        return Err(frame("this version cannot read this form of export"));
    }
    let (mut count, mut is_over) = (0, false);
    Ok(std::iter::from_fn(move || {
        while !is_over {
            let text = match lines.next_line() {
                Ok(Some(text)) => text,
                Ok(None) => return None,
                Err(error) => {
                    is_over = true;
                    return Some(Err(error));
                }
            };
            if text.trim_ascii().is_empty() {
                continue;
            }
            count += 1;
            if let Some(most) = most.filter(|most| count > *most) {
                is_over = true;
                return Some(Err(SourceError::TooMany { line: lines.line, most }));
            }
            let row = if text.len() > MAX_RECORD {
                Err(Rejected::TooLarge)
            } else if !numbers::are_kept(&text) {
                Err(Rejected::Number)
            } else {
                serde_json::from_slice(&text).map_err(|_| Rejected::Form("not a user record of an export"))
            };
            return Some(Ok(Entry { line: lines.line, bytes_read: lines.bytes, row }));
        }
        None
    }))
}

struct Lines<R> {
    source: R,
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// A line. Of a line that is too long, a prefix that is also too long. `None` at the end.
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
        let before = self.bytes;
        while !is_whole && read > 0 && rest.last() != Some(&b'\n') {
            if self.bytes - before > MAX_LINE {
                return Err(SourceError::Frame { line, what: "the line does not end within 64 MiB" });
            }
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

    fn lines(text: &str) -> Vec<(u64, Result<(), Rejected>)> {
        let entries = read(text.as_bytes(), None).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.line, entry.row.map(drop))).collect()
    }

    #[test]
    fn an_invalid_line_does_not_stop_reading() {
        let user = r#"{"id":"0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f","created_at":1,"status":"active","links":{},"ownerships":[],"identity":{},"credentials":{}}"#;
        let long = "x".repeat(3 * MAX_RECORD);
        let text = format!("{HEADER}\n{user}\n\nnot one\n{long}\n{user}");
        let not_one = Err(Rejected::Form("not a user record of an export"));
        assert_eq!(lines(&text), [(2, Ok(())), (4, not_one), (5, Err(Rejected::TooLarge)), (6, Ok(()))]);
    }

    #[test]
    fn an_export_of_an_unknown_form_is_rejected() {
        for text in ["", "{}", &HEADER.replace(":1,", ":2,"), "{\"id\":1}\n"] {
            assert!(matches!(read(text.as_bytes(), None).err(), Some(SourceError::Frame { line: 1, .. })), "{text}");
        }
    }
}
