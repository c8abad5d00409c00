//! Rows of a table in text as objects of texts by the names of their columns.

mod cells;

use std::io::BufRead;

use serde_json::{Map, Value};

use self::cells::{Cells, Fed, Style};
use super::source::{Cut, Cutter, MAX_RECORD, Source, SourceError};
use crate::Rejected;

/// The most columns of a row.
const MAX_COLUMNS: usize = 4096;

/// The dialect of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// The separator of columns. By default it is the one of comma, semicolon and tab that occurs most in the header.
    pub(super) delimiter: Option<u8>,
    /// The character that escapes the next one inside of quotes, besides doubling a quote.
    pub(super) escape: Option<u8>,
    /// Whether a cell may be in quotes. By default it may, except between tabs under a header without quotes.
    pub(super) quotes: Option<bool>,
    /// Texts that mean no value, besides the empty one.
    pub(super) nulls: Vec<String>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: None, escape: None, quotes: None, nulls: vec!["NULL".to_owned(), "\\N".to_owned()] }
    }
}

pub(super) struct Table<R> {
    source: Source<R>,
    /// Bytes after the first line of a broken row, which are read again as rows.
    again: Vec<u8>,
    again_at: usize,
    line: u64,
    position: u64,
    cells: Cells,
    nulls: Vec<String>,
    /// The names; empty for columns without one.
    columns: Vec<String>,
}

/// The result of reading a row.
enum Split {
    Whole,
    TooLarge,
    /// The quotes do not fit.
    Broken,
}

impl<R: BufRead> Table<R> {
    /// A table whose first row names the columns. Spreadsheets, which write UTF-16, put quotes between tabs.
    pub(super) fn with_header(
        mut source: Source<R>,
        dialect: &Dialect,
        is_of_spreadsheet: bool,
    ) -> Result<Self, SourceError> {
        let hint = hint(source.beginning());
        if hint.is_some() {
            source.next_line(&mut Vec::new(), MAX_RECORD)?;
        }
        let start = source.beginning();
        let start = if hint.is_some() { after_line(start) } else { start };
        let delimiter = dialect.delimiter.or(hint).unwrap_or_else(|| most(start, source.line_end()));
        let escape = dialect.escape.or_else(|| escape(start, delimiter));
        let has_quotes = escape.is_some() || delimiter != b'\t' || is_of_spreadsheet || start.starts_with(b"\"");
        let style = if dialect.quotes.unwrap_or(has_quotes) { Style::Quotes { escape } } else { Style::Escapes };
        let cells = Cells::new(style, delimiter, source.line_end());
        let (line, position) = (source.line(), source.end_record());
        let mut table = Self {
            source,
            again: Vec::new(),
            again_at: 0,
            line,
            position,
            cells,
            nulls: dialect.nulls.clone(),
            columns: Vec::new(),
        };
        table.name_columns()?;
        Ok(table)
    }

    fn name_columns(&mut self) -> Result<(), SourceError> {
        self.blank_lines()?;
        let line = self.line;
        let broken = |what| SourceError::Frame { line, what };
        let names = match self.split()? {
            None => return Ok(()),
            Some(Split::Whole) => self.cells.texts(&[]).into_iter().collect::<Result<Vec<_>, _>>(),
            Some(Split::Broken) => return Err(broken("the quotes of the header do not fit")),
            Some(Split::TooLarge) => return Err(broken("the header is too large")),
        };
        let names = names.map_err(|_| broken("the header is not UTF-8"))?.into_iter();
        // Files that were put together have byte order marks inside.
        let is_blank = |letter: char| letter.is_whitespace() || matches!(letter, '\u{feff}' | '\u{200b}');
        self.columns = names.map(|name| name.unwrap_or_default().trim_matches(is_blank).to_owned()).collect();
        let mut names: Vec<_> = self.columns.iter().filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(broken("two columns of the header have one name"));
        }
        Ok(())
    }

    /// Whether there is a column of this name, or no header at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.is_empty() || self.columns.iter().any(|column| column == name)
    }

    fn chunk(&mut self) -> Result<&[u8], SourceError> {
        if self.again_at < self.again.len() { Ok(&self.again[self.again_at..]) } else { self.source.chunk() }
    }

    fn consume(&mut self, count: usize, lines: u64) {
        self.position += count as u64;
        self.line += lines;
        if self.again_at < self.again.len() {
            self.again_at += count;
        } else {
            self.source.consume(count);
        }
    }

    fn blank_lines(&mut self) -> Result<(), SourceError> {
        let line_end = self.source.line_end();
        while let Some(byte @ (b'\r' | b'\n')) = self.chunk()?.first().copied() {
            self.consume(1, u64::from(byte == line_end));
        }
        Ok(())
    }

    /// Splits the next row into cells.
    fn split(&mut self) -> Result<Option<Split>, SourceError> {
        let (line, line_end) = (self.line, self.source.line_end());
        let mut raw = Vec::new();
        self.cells.reset();
        loop {
            let chunk =
                if self.again_at < self.again.len() { &self.again[self.again_at..] } else { self.source.chunk()? };
            if chunk.is_empty() {
                if self.cells.is_open() {
                    let what = "the quotes that are opened here, or in a line after it, are never closed";
                    return Err(SourceError::Frame { line, what });
                }
                return Ok(self.cells.is_begun().then_some(self.ended()));
            }
            let mut fed = Fed::More;
            let end = chunk.iter().position(|byte| {
                fed = self.cells.feed(*byte);
                fed != Fed::More
            });
            let part = &chunk[..end.map_or(chunk.len(), |end| end + 1)];
            let count = part.len();
            let lines = part.iter().map(|byte| u64::from(*byte == line_end)).sum();
            if self.cells.is_kept {
                raw.extend_from_slice(part);
            }
            if raw.len() > MAX_RECORD || self.cells.count() > MAX_COLUMNS {
                self.cells.give_up();
                raw.clear();
            }
            self.consume(count, lines);
            match fed {
                Fed::More => {}
                Fed::Row => return Ok(Some(self.ended())),
                Fed::Broken => return self.broken(&raw).map(Some),
            }
        }
    }

    fn ended(&self) -> Split {
        if self.cells.is_kept { Split::Whole } else { Split::TooLarge }
    }

    /// Steps to the line after the first one of a broken row: the lines after it may be whole rows.
    fn broken(&mut self, raw: &[u8]) -> Result<Split, SourceError> {
        let line_end = self.source.line_end();
        if let Some(first) = raw.iter().position(|byte| *byte == line_end) {
            let rest = &raw[first + 1..];
            self.position -= rest.len() as u64;
            self.line -= rest.iter().map(|byte| u64::from(*byte == line_end)).sum::<u64>();
            self.again = [rest, &self.again[self.again_at..]].concat();
            self.again_at = 0;
            return Ok(Split::Broken);
        }
        loop {
            let chunk = self.chunk()?;
            let end = chunk.iter().position(|byte| *byte == line_end);
            let (count, is_end) = (end.map_or(chunk.len(), |end| end + 1), end.is_some() || chunk.is_empty());
            self.consume(count, u64::from(end.is_some()));
            if is_end {
                return Ok(Split::Broken);
            }
        }
    }

    /// `None` if every cell is empty, as in the rows that spreadsheets leave below a table, and for the character that
    /// ends a file of DOS. A cell that is not UTF-8 has no text, which no reader takes for an absent one.
    fn object(&self) -> Result<Option<Map<String, Value>>, Rejected> {
        let mut texts = self.cells.texts(&self.nulls);
        let is_end = matches!(&texts[..], [Ok(Some(text))] if text == "\u{1a}");
        if is_end || texts.iter().all(|text| *text == Ok(None)) && texts.len() > 1 {
            return Ok(None);
        }
        while texts.len() > self.columns.len() && texts.last() == Some(&Ok(None)) {
            texts.pop();
        }
        if texts.len() != self.columns.len() {
            let is_short = texts.len() < self.columns.len();
            let form = if is_short { "fewer columns than the header" } else { "more columns than the header" };
            return Err(Rejected::Form(form));
        }
        let named = self.columns.iter().zip(texts).filter(|(name, _)| !name.is_empty());
        let value = |text: Result<Option<String>, _>| text.map_or(Some(NO_TEXT), |text| text.map(Value::String));
        Ok(Some(named.filter_map(|(name, text)| Some((name.clone(), value(text)?))).collect()))
    }
}

/// The value of a cell that is not UTF-8. It is of no type that a reader expects, and nothing of it is kept.
const NO_TEXT: Value = Value::Array(Vec::new());

/// The separator of a first line such as `sep=;`, which Excel reads and writes.
fn hint(beginning: &[u8]) -> Option<u8> {
    let line = beginning.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter),
        _ => None,
    }
}

/// The bytes after the first line.
fn after_line(beginning: &[u8]) -> &[u8] {
    let end = beginning.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(beginning.len());
    let end = if beginning[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
    beginning.get(end..).unwrap_or_default()
}

fn most(start: &[u8], line_end: u8) -> u8 {
    let header = start.split(|byte| *byte == line_end).next().unwrap_or_default();
    let count = |delimiter: u8| header.split(|byte| *byte == delimiter).count();
    // Of equal counts, the comma is the last.
    *b"\t;,".iter().max_by_key(|delimiter| count(**delimiter)).unwrap_or(&b',')
}

/// The backslash, if the header is in quotes and a backslash before a quote is followed by something that no quote of
/// RFC 4180 is followed by: `SELECT ... INTO OUTFILE` and phpMyAdmin escape in this way.
fn escape(start: &[u8], delimiter: u8) -> Option<u8> {
    let continues = |byte: u8| byte != delimiter && !matches!(byte, b'"' | b'\r' | b'\n');
    let is_escape = |three: &[u8]| matches!(three, [b'\\', b'"', byte] if continues(*byte));
    (start.starts_with(b"\"") && start.windows(3).any(is_escape)).then_some(b'\\')
}

impl<R: BufRead> Cutter for Table<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        loop {
            self.blank_lines()?;
            let line = self.line;
            let record = match self.split()? {
                None => return Ok(None),
                Some(Split::Whole) => self.object().transpose(),
                Some(Split::TooLarge) => Some(Err(Rejected::TooLarge)),
                Some(Split::Broken) => Some(Err(Rejected::Form(
                    "the quotes do not fit; if a backslash escapes them, say so by `escape` in a mapping",
                ))),
            };
            self.source.end_record();
            if let Some(record) = record {
                return Ok(Some(Cut { line, bytes_read: self.position, record }));
            }
        }
    }
}
