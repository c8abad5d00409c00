//! The bytes of a source, with the line and position for errors and progress.

use std::io::{BufRead, ErrorKind};

use super::unpacked::{Bytes, Unread, unpacked, with_beginning};
use crate::Rejected;

/// The most bytes of one record. Larger ones are rejected and skipped.
pub const MAX_RECORD: usize = 1 << 20;

/// Why reading cannot begin or continue. Contains lines and columns, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source failed.
    #[error("reading failed in line {line}: {error}")]
    Io {
        /// The line.
        line: u64,
        /// The error.
        #[source]
        error: std::io::Error,
    },
    /// The structure around the records is broken, so that the beginning of the next one is unknown.
    #[error("line {line}: {what}")]
    Frame {
        /// The line of the error, or of the beginning of the record that does not end.
        line: u64,
        /// The error.
        what: &'static str,
    },
    /// The source has more records than the caller allows.
    #[error("line {line}: the source has more than {most} records")]
    TooMany {
        /// The line of the first record that is too much.
        line: u64,
        /// The number of records that are allowed.
        most: u64,
    },
    /// The header lacks a column that the format needs.
    #[error("the header has no column `{0}`")]
    Column(String),
    /// The format needs a mapping.
    #[error("this format needs a mapping")]
    NoMapping,
    /// The mapping names a key that was not given.
    #[error("the mapping names the key `{0}`, which is not among the keys")]
    Key(String),
}

/// A record that was cut out of a source, or the reason of its rejection.
pub(super) struct Cut<T> {
    pub(super) line: u64,
    pub(super) bytes_read: u64,
    pub(super) record: Result<T, Rejected>,
}

/// Cuts one record after the other out of a source.
pub(super) trait Cutter {
    type Record;

    /// The next one; `None` at the end.
    fn cut(&mut self) -> Result<Option<Cut<Self::Record>>, SourceError>;
}

/// The records of a document. Each is returned once the next one is read or the document has ended well: a surplus
/// bracket ends a user early, and only the following bytes show that it was half a user.
pub(super) fn held<C: Cutter>(cutter: C) -> impl Iterator<Item = Result<Cut<C::Record>, SourceError>> {
    let mut cuts = cuts(cutter);
    let mut before = None;
    std::iter::from_fn(move || {
        loop {
            match cuts.next() {
                Some(Ok(cut)) => {
                    if let Some(before) = before.replace(cut) {
                        return Some(Ok(before));
                    }
                }
                Some(Err(error)) => {
                    before = None;
                    return Some(Err(error));
                }
                None => return before.take().map(Ok),
            }
        }
    })
}

/// The records of a source: none after its end, or after an error.
pub(super) fn cuts<C: Cutter>(mut cutter: C) -> impl Iterator<Item = Result<Cut<C::Record>, SourceError>> {
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let cut = cutter.cut().transpose();
        over = !matches!(cut, Some(Ok(_)));
        cut
    })
}

/// The most bytes of the beginning that are looked at before reading.
const BEGINNING: u64 = 1 << 16;

/// The most bytes from the end of one record to the end of the next. A source without end has to end.
const MAX_GAP: u64 = 64 << 20;

/// A reader that counts bytes and lines.
pub(super) struct Source<R> {
    reader: R,
    beginning: Vec<u8>,
    line_end: u8,
    read: u64,
    line: u64,
    /// The end of the last record, and its line.
    mark: (u64, u64),
}

impl<'a> Source<Bytes<'a>> {
    /// Unpacks a source, and skips a byte order mark.
    pub(super) fn new(reader: Bytes<'a>) -> Result<(Self, bool), SourceError> {
        let (reader, is_utf16) = unpacked(reader).map_err(|Unread(what)| SourceError::Frame { line: 1, what })?;
        let (beginning, reader) = with_beginning(reader, BEGINNING);
        // Old programs of the Macintosh end lines with a carriage return alone.
        let is_old = !beginning.contains(&b'\n') && beginning.contains(&b'\r');
        let line_end = if is_old { b'\r' } else { b'\n' };
        let mut source = Self { reader, beginning, line_end, read: 0, line: 1, mark: (0, 1) };
        if source.beginning.starts_with(b"\xef\xbb\xbf") {
            while source.read < 3 {
                source.chunk()?;
                source.consume(1);
            }
            source.beginning.drain(..3);
        }
        Ok((source, is_utf16))
    }
}

impl<R: BufRead> Source<R> {
    /// The first bytes without a byte order mark, for a look before anything is read.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// The byte that ends a line.
    pub(super) fn line_end(&self) -> u8 {
        self.line_end
    }

    /// The line at the present position, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Notes that a record ends at the present position, and returns the bytes before it.
    pub(super) fn end_record(&mut self) -> u64 {
        self.mark = (self.read, self.line);
        self.read
    }

    pub(super) fn broken(&self, what: &'static str) -> SourceError {
        SourceError::Frame { line: self.line, what }
    }

    /// The next bytes; empty at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8], SourceError> {
        if self.read - self.mark.0 > MAX_GAP {
            return Err(SourceError::Frame { line: self.mark.1, what: "no record ends within 64 MiB" });
        }
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::Io { line: self.line, error }),
            }
        }
        // The buffer is filled, and this returns the same bytes, now borrowed for the caller.
        self.reader.fill_buf().map_err(|error| SourceError::Io { line: self.line, error })
    }

    /// Skips bytes of the last [`chunk`](Self::chunk).
    pub(super) fn consume(&mut self, count: usize) {
        let line_end = self.line_end;
        if let Ok(chunk) = self.reader.fill_buf() {
            self.line += chunk[..count].iter().map(|byte| u64::from(*byte == line_end)).sum::<u64>();
        }
        self.reader.consume(count);
        self.read += count as u64;
    }

    pub(super) fn peek(&mut self) -> Result<Option<u8>, SourceError> {
        Ok(self.chunk()?.first().copied())
    }

    /// The next byte that is not JSON whitespace, without skipping it.
    pub(super) fn peek_solid(&mut self) -> Result<Option<u8>, SourceError> {
        loop {
            let chunk = self.chunk()?;
            let blank = chunk.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            let solid = chunk.get(blank).copied();
            let end = chunk.is_empty();
            self.consume(blank);
            if solid.is_some() || end {
                return Ok(solid);
            }
        }
    }

    /// Puts the next line into `line`, without its end; false at the end of the source. If the line is longer than
    /// `limit`, `line` gets its first `limit` bytes and one more, and the whole line is skipped.
    pub(super) fn next_line(&mut self, line: &mut Vec<u8>, limit: usize) -> Result<bool, SourceError> {
        line.clear();
        let before = self.read;
        let line_end = self.line_end;
        loop {
            let chunk = self.chunk()?;
            let end = chunk.iter().position(|byte| *byte == line_end);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = (limit + 1).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            let step = part.len() + usize::from(end.is_some());
            if step == 0 {
                return Ok(self.read > before);
            }
            self.consume(step);
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(true);
            }
        }
    }

    /// Cuts a record of a format that has one a line: reads the next line that is not blank. An error affects its line
    /// only. `line` is a buffer.
    pub(super) fn cut_line<T>(
        &mut self,
        line: &mut Vec<u8>,
        read: impl FnOnce(&[u8]) -> Result<T, Rejected>,
    ) -> Result<Option<Cut<T>>, SourceError> {
        loop {
            let number = self.line;
            if !self.next_line(line, MAX_RECORD)? {
                return Ok(None);
            }
            let is_large = line.len() > MAX_RECORD;
            if is_large || !line.trim_ascii().is_empty() {
                let record = if is_large { Err(Rejected::TooLarge) } else { read(line) };
                return Ok(Some(Cut { line: number, bytes_read: self.end_record(), record }));
            }
        }
    }
}
