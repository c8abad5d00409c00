//! Objects one after the other, over any number of lines each, as `jq` writes them.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::object;
use super::scan::value;
use crate::Rejected;
use crate::formats::source::{Cut, Cutter, MAX_RECORD, Source, SourceError};

pub(in crate::formats) struct Objects<R> {
    source: Source<R>,
    record: Vec<u8>,
}

impl<R: BufRead> Objects<R> {
    pub(in crate::formats) fn new(source: Source<R>) -> Self {
        Self { source, record: Vec::new() }
    }
}

impl<R: BufRead> Cutter for Objects<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        match self.source.peek_solid()? {
            None => return Ok(None),
            Some(b'{') => {}
            Some(_) => return Err(self.source.broken("an object was expected")),
        }
        let line = self.source.line();
        let whole = value(&mut self.source, &mut self.record, MAX_RECORD)?;
        let record = if whole { object(&self.record) } else { Err(Rejected::TooLarge) };
        Ok(Some(Cut { line, bytes_read: self.source.end_record(), record }))
    }
}
