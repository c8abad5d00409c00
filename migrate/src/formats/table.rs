//! Rows of CSV (RFC 4180) as objects of texts by the names of their columns.
//!
//! `csv-core` splits, because `csv` reads a row of any size into memory.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};

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
    /// Texts that mean no value, besides the empty one.
    pub(super) nulls: Vec<String>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: None, escape: None, nulls: vec!["NULL".to_owned(), "\\N".to_owned()] }
    }
}

pub(super) struct Table<R> {
    source: Source<R>,
    reader: Reader,
    nulls: Vec<String>,
    columns: Vec<String>,
    /// The fewest columns of a row.
    fewest: usize,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// The result of reading a row.
enum Split {
    /// This number of columns.
    Whole(usize),
    TooLarge,
    /// The source ended inside of quotes.
    Open,
}

impl<R: BufRead> Table<R> {
    /// A table whose first row names the columns.
    pub(super) fn with_header(source: Source<R>, dialect: &Dialect) -> Result<Self, SourceError> {
        let mut table = Self::new(source, dialect)?;
        let line = table.source.line();
        let broken = |what| SourceError::Frame { line, what };
        let columns = match table.split()? {
            None => Vec::new(),
            Some(Split::Whole(count)) => table.texts(count).map_err(|_| broken("the header is not UTF-8"))?,
            Some(_) => return Err(broken("the header is too large, or ends inside of quotes")),
        };
        table.columns = columns.into_iter().map(|name| name.trim().to_owned()).collect();
        table.fewest = table.columns.len();
        let mut names: Vec<_> = table.columns.iter().collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(broken("two columns of the header have one name"));
        }
        Ok(table)
    }

    /// A table without header; rows may end before the last columns, but not before `fewest`.
    pub(super) fn with_columns(source: Source<R>, columns: &[&str], fewest: usize) -> Result<Self, SourceError> {
        let dialect = Dialect { delimiter: Some(b','), ..Dialect::default() };
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Ok(Self { columns, fewest, ..Self::new(source, &dialect)? })
    }

    fn new(mut source: Source<R>, dialect: &Dialect) -> Result<Self, SourceError> {
        let delimiter = match dialect.delimiter {
            Some(delimiter) => delimiter,
            None => most(source.chunk()?),
        };
        let reader = ReaderBuilder::new().delimiter(delimiter).escape(dialect.escape).build();
        let (nulls, columns, text, ends) = (dialect.nulls.clone(), Vec::new(), vec![0; 4096], vec![0; 64]);
        Ok(Self { source, reader, nulls, columns, fewest: 0, text, ends })
    }

    /// Whether there is a column of this name, or no header at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.is_empty() || self.columns.iter().any(|column| column == name)
    }

    fn blank_lines(&mut self) -> Result<(), SourceError> {
        while matches!(self.source.peek()?, Some(b'\r' | b'\n')) {
            self.source.consume(1);
        }
        Ok(())
    }

    /// Splits the next row into `text` and `ends`.
    fn split(&mut self) -> Result<Option<Split>, SourceError> {
        let (mut text, mut ends) = (0, 0);
        let (mut large, mut ending) = (false, false);
        loop {
            let chunk = self.source.chunk()?;
            // At the end a line break is added first. Outside of quotes it ends the row, inside it is one more
            // character.
            let input = match (chunk.is_empty(), ending) {
                (true, false) => b"\n",
                _ => chunk,
            };
            let last = chunk.is_empty();
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.text[text..], &mut self.ends[ends..]);
            if !last {
                self.source.consume(read);
            }
            (text, ends) = (text + wrote, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => ending = last,
                ReadRecordResult::OutputFull if self.text.len() < MAX_RECORD => {
                    self.text.resize((self.text.len() * 4).min(MAX_RECORD), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize((self.ends.len() * 4).min(MAX_COLUMNS), 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    large = true;
                    (text, ends) = (0, 0);
                }
                ReadRecordResult::Record if large => return Ok(Some(Split::TooLarge)),
                ReadRecordResult::Record if ending => return Ok(Some(Split::Open)),
                ReadRecordResult::Record => return Ok(Some(Split::Whole(ends))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn texts(&self, count: usize) -> Result<Vec<String>, Rejected> {
        let mut start = 0;
        let texts = self.ends[..count].iter().map(|end| {
            let text = std::str::from_utf8(&self.text[start..*end]).map_err(|_| Rejected::Form("not UTF-8"));
            start = *end;
            text.map(str::to_owned)
        });
        texts.collect()
    }

    fn object(&self, count: usize) -> Result<Map<String, Value>, Rejected> {
        if count < self.fewest || count > self.columns.len() {
            return Err(Rejected::Form("wrong number of columns"));
        }
        let texts = self.columns.iter().zip(self.texts(count)?);
        let values = texts.filter(|(_, text)| !text.is_empty() && !self.nulls.contains(text));
        Ok(values.map(|(name, text)| (name.clone(), Value::String(text))).collect())
    }
}

fn most(start: &[u8]) -> u8 {
    let header = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.split(|byte| *byte == delimiter).count();
    // Of equal counts, the comma is the last.
    *b"\t;,".iter().max_by_key(|delimiter| count(**delimiter)).unwrap_or(&b',')
}

impl<R: BufRead> Cutter for Table<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        self.blank_lines()?;
        let line = self.source.line();
        let record = match self.split()? {
            None => return Ok(None),
            Some(Split::Whole(count)) => self.object(count),
            Some(Split::TooLarge) => Err(Rejected::TooLarge),
            Some(Split::Open) => Err(Rejected::Form("the source ends inside of quotes")),
        };
        Ok(Some(Cut { line, bytes_read: self.source.bytes_read(), record }))
    }
}
