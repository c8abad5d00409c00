//! One object a line (NDJSON). An error affects its line only.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::object;
use crate::formats::source::{Cut, Cutter, Source, SourceError};

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
        self.source.cut_line(&mut self.line, object)
    }
}
