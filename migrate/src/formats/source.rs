//! The bytes of a source, with the line and position for errors and progress.

use std::io::{BufRead, Chain, Cursor, ErrorKind, Read};

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

/// The most bytes of the beginning that are read as a whole.
const BEGINNING: usize = 1 << 16;

/// A reader that counts bytes and lines. Its first [`chunk`](Self::chunk) is the first line (or [`BEGINNING`] of it),
/// even if a read returns fewer bytes.
pub(super) struct Source<R> {
    reader: Chain<Cursor<Vec<u8>>, R>,
    read: u64,
    line: u64,
}

impl<R: BufRead> Source<R> {
    /// Skips a byte order mark.
    pub(super) fn new(mut reader: R) -> Result<Self, SourceError> {
        let mut beginning = Vec::new();
        let line = reader.by_ref().take(BEGINNING as u64).read_until(b'\n', &mut beginning);
        line.map_err(|error| SourceError::Io { line: 1, error })?;
        let mut source = Self { reader: Cursor::new(beginning).chain(reader), read: 0, line: 1 };
        if source.chunk()?.starts_with(b"\xef\xbb\xbf") {
            source.consume(3);
        }
        Ok(source)
    }

    /// The line at the present position, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes before the present position.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn broken(&self, what: &'static str) -> SourceError {
        SourceError::Frame { line: self.line, what }
    }

    /// The next bytes; empty at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8], SourceError> {
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
        if let Ok(chunk) = self.reader.fill_buf() {
            self.line += chunk[..count].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
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
        loop {
            let chunk = self.chunk()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
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
}
