//! One object a line (NDJSON). An error affects its line only.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::object;
use crate::Rejected;
use crate::formats::source::{Cut, Cutter, MAX_RECORD, Source, SourceError};

pub(in crate::formats) struct Lines<R> {
    source: Source<R>,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(in crate::formats) fn new(source: Source<R>) -> Self {
        Self { source, line: Vec::new() }
    }
}

impl<R: BufRead> Cutter for Lines<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        loop {
            let line = self.source.line();
            if !self.source.next_line(&mut self.line, MAX_RECORD)? {
                return Ok(None);
            }
            if self.line.len() > MAX_RECORD {
                return Ok(Some(Cut { line, bytes_read: self.source.end_record(), record: Err(Rejected::TooLarge) }));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(Cut { line, bytes_read: self.source.end_record(), record: object(&self.line) }));
            }
        }
    }
}
