//! The elements of an array anywhere in a JSON document, one at a time.
//!
//! JSON libraries stop at the first error and read a value of any size into memory. This reader finds the end of each
//! element by its brackets and quotes alone, so that an element that is too large or invalid is rejected and the next
//! one is read. serde_json parses the content of an element.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::object;
use super::scan::value;
use crate::Rejected;
use crate::formats::source::{Cut, Cutter, MAX_RECORD, Source, SourceError};

/// A step from the document to the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::formats) enum Segment {
    /// The named member of an object.
    Member(String),
    /// Every element of an array.
    Each,
}

/// The longest name of a member on the path, in bytes.
const LONGEST_NAME: usize = 1024;

/// The position of the reader: the opening bracket that it is inside of, and whether it has read a value there.
struct Level {
    /// Segments of the path to this position.
    depth: usize,
    object: bool,
    first: bool,
}

pub(in crate::formats) struct Elements<R> {
    source: Source<R>,
    path: Vec<Segment>,
    levels: Vec<Level>,
    begun: bool,
    /// Whether there was an array at the end of the path.
    found: bool,
    record: Vec<u8>,
}

impl<R: BufRead> Elements<R> {
    pub(in crate::formats) fn new(source: Source<R>, path: &[Segment]) -> Self {
        let (path, levels, record) = (path.to_vec(), Vec::new(), Vec::new());
        Self { source, path, levels, begun: false, found: false, record }
    }

    /// Opens the object or array that the path goes through at `depth`; steps over null.
    fn enter(&mut self, depth: usize) -> Result<(), SourceError> {
        let object = matches!(self.path.get(depth), Some(Segment::Member(_)));
        match self.source.peek_solid()? {
            Some(b'{') if object => {}
            Some(b'[') if !object => self.found |= depth == self.path.len(),
            Some(b'n') if depth > 0 => return self.value(0).map(drop),
            Some(_) => return Err(self.source.broken("the document is not of the format")),
            None => return Err(self.source.broken("the document ends too early")),
        }
        self.source.consume(1);
        self.levels.push(Level { depth, object, first: true });
        Ok(())
    }

    fn value(&mut self, limit: usize) -> Result<bool, SourceError> {
        value(&mut self.source, &mut self.record, limit)
    }

    /// Moves to the next value of an object or array; false after the last one.
    fn advance(&mut self, object: bool, first: bool) -> Result<bool, SourceError> {
        let close = if object { b'}' } else { b']' };
        match self.source.peek_solid()? {
            Some(byte) if byte == close => {
                self.source.consume(1);
                return Ok(false);
            }
            Some(b',') if !first => self.source.consume(1),
            Some(_) if first => return Ok(true),
            Some(_) => return Err(self.source.broken("a comma or the end of the array or object was expected")),
            None => return Err(self.source.broken("the document ends inside of an array or object")),
        }
        match self.source.peek_solid()? {
            Some(b',' | b']' | b'}') => Err(self.source.broken("a value was expected")),
            Some(_) => Ok(true),
            None => Err(self.source.broken("the document ends inside of an array or object")),
        }
    }

    /// Reads the name of a member and its colon; true if it is the one on the path.
    fn name(&mut self) -> Result<bool, SourceError> {
        if self.source.peek()? != Some(b'"') {
            return Err(self.source.broken("the name of a member was expected"));
        }
        let whole = self.value(LONGEST_NAME)?;
        let name = serde_json::from_slice::<String>(&self.record);
        if self.source.peek_solid()? != Some(b':') {
            return Err(self.source.broken("a colon was expected"));
        }
        self.source.consume(1);
        if self.source.peek_solid()?.is_none() {
            return Err(self.source.broken("the document ends inside of an object"));
        }
        let depth = self.levels.last().map_or(0, |level| level.depth);
        Ok(match (name, self.path.get(depth)) {
            (Ok(name), Some(Segment::Member(wanted))) => whole && name == *wanted,
            _ => false,
        })
    }
}

impl<R: BufRead> Cutter for Elements<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        if !self.begun {
            self.begun = true;
            self.enter(0)?;
        }
        while let Some(level) = self.levels.last_mut() {
            let (depth, in_object, first) = (level.depth, level.object, level.first);
            level.first = false;
            if !self.advance(in_object, first)? {
                self.levels.pop();
                continue;
            }
            if in_object {
                if self.name()? {
                    self.enter(depth + 1)?;
                } else {
                    self.value(0)?;
                }
            } else if depth < self.path.len() {
                self.enter(depth + 1)?;
            } else {
                let line = self.source.line();
                if self.source.peek()? == Some(b'"') {
                    // The name of a member, after a user that a surplus bracket has ended.
                    return Err(self.source.broken("there is a text in the place of a user"));
                }
                let whole = self.value(MAX_RECORD)?;
                let record = if whole { object(&self.record) } else { Err(Rejected::TooLarge) };
                return Ok(Some(Cut { line, bytes_read: self.source.end_record(), record }));
            }
        }
        if self.source.peek_solid()?.is_some() {
            return Err(self.source.broken("something follows the end of the document"));
        }
        if self.found {
            Ok(None)
        } else {
            Err(self.source.broken("the document has no array of users at the expected place"))
        }
    }
}
