//! The end of a JSON value by its brackets and quotes alone, whatever its size.

use std::io::BufRead;

use crate::formats::source::{Source, SourceError};

/// Skips one value, and keeps it as the record if it takes no more than `limit` bytes; false if it takes more.
pub(super) fn value<R: BufRead>(
    source: &mut Source<R>,
    record: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, SourceError> {
    record.clear();
    let line = source.line();
    let mut scan = Scan::default();
    let mut length = 0;
    loop {
        let chunk = source.chunk()?;
        if chunk.is_empty() {
            // A number at the very end is complete, but the document around it is not.
            return Err(SourceError::Frame { line, what: "the value that begins here does not end" });
        }
        let mut end = None;
        for (index, byte) in chunk.iter().enumerate() {
            match scan.step(*byte) {
                Step::More => {}
                Step::Last => end = Some(index + 1),
                Step::Before => end = Some(index),
                Step::Broken => return Err(SourceError::Frame { line, what: "brackets do not match" }),
            }
            if end.is_some() {
                break;
            }
        }
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length += part.len();
        if length <= limit {
            record.extend_from_slice(part);
        } else {
            record.clear();
        }
        let count = part.len();
        source.consume(count);
        if end.is_some() {
            return Ok(length <= limit);
        }
    }
}

/// The effect of a byte on the end of a value.
enum Step {
    More,
    /// The value ends with this byte.
    Last,
    /// The value ended before this byte.
    Before,
    Broken,
}

/// Brackets and quotes of one value. The kinds of the outer brackets are kept, as deep as records may be nested. Deeper
/// ones are only counted, and serde_json rejects them.
#[derive(Default)]
struct Scan {
    depth: u64,
    /// A bit for each of the outer 128: whether it is an object.
    objects: u128,
    string: bool,
    escaped: bool,
    /// Inside of a bare number, `true`, `false` or `null`.
    bare: bool,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.string = false;
                    return if self.depth == 0 { Step::Last } else { Step::More };
                }
                _ => {}
            }
            return Step::More;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' if self.bare => return Step::Before,
            _ if self.bare => {}
            b'"' => self.string = true,
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => return self.close(byte == b'}'),
            b',' | b':' if self.depth == 0 => return Step::Broken,
            _ if self.depth == 0 => self.bare = true,
            _ => {}
        }
        Step::More
    }

    fn open(&mut self, object: bool) {
        if self.depth < 128 {
            let bit = 1 << self.depth;
            self.objects = if object { self.objects | bit } else { self.objects & !bit };
        }
        self.depth += 1;
    }

    fn close(&mut self, object: bool) -> Step {
        let Some(depth) = self.depth.checked_sub(1) else { return Step::Broken };
        self.depth = depth;
        if depth < 128 && (self.objects >> depth & 1 == 1) != object {
            return Step::Broken;
        }
        if depth == 0 { Step::Last } else { Step::More }
    }
}
