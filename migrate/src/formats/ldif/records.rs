//! The entries of an LDIF file.
//!
//! No maintained library reads LDIF, and its grammar (RFC 2849) is a page.

use std::collections::BTreeSet;
use std::io::BufRead;

use umoja_crypto::legacy::TextEncoding;

use super::{Attributes, is_read};
use crate::Rejected;
use crate::formats::source::{Cut, Cutter, MAX_RECORD, Source, SourceError};

pub(in crate::formats) struct Records<R> {
    source: Source<R>,
    line: Vec<u8>,
}

/// The lines of one entry, while they are collected.
#[derive(Default)]
struct Entry {
    /// Unfolded lines.
    lines: Vec<Vec<u8>>,
    /// Whether the last line was a comment or an attribute that is not read, whose continuation is one too.
    skipped: bool,
    /// The names of the attributes that are not read.
    unread: BTreeSet<String>,
    is_begun: bool,
    size: usize,
    rejected: Option<Rejected>,
}

impl<R: BufRead> Records<R> {
    pub(in crate::formats) fn new(source: Source<R>) -> Self {
        Self { source, line: Vec::new() }
    }
}

/// The most attributes of an entry that are not read and are named.
const MAX_NAMED: usize = 200;

/// The name of the attribute that a line begins, if it is not read.
fn unread(line: &[u8]) -> Option<&str> {
    let end = line.iter().position(|byte| matches!(byte, b':' | b';')).filter(|end| *end > 0);
    let name = end.and_then(|end| std::str::from_utf8(&line[..end]).ok());
    name.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !is_read(name))
}

fn is_version(line: &[u8]) -> bool {
    line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"version:"))
}

impl Entry {
    /// True if the line was not a comment.
    fn add(&mut self, line: &[u8]) -> bool {
        let continuation = line.strip_prefix(b" ");
        match (continuation, line.first()) {
            (Some(_), _) if self.skipped => return false,
            (None, Some(b'#')) => {
                self.skipped = true;
                return false;
            }
            _ => self.skipped = false,
        }
        if let Some(name) = unread(line).filter(|_| self.is_begun && continuation.is_none()) {
            self.skipped = true;
            if self.unread.len() < MAX_NAMED {
                self.unread.insert(name.to_owned());
            }
            return true;
        }
        self.is_begun = true;
        self.size += line.len() + 1;
        if self.size > MAX_RECORD {
            self.lines.clear();
            self.rejected = Some(Rejected::TooLarge);
        }
        if self.rejected.is_some() {
            return true;
        }
        match (continuation, self.lines.last_mut()) {
            (Some(rest), Some(last)) => last.extend_from_slice(rest),
            (Some(_), None) => self.rejected = Some(Rejected::Form("a folded line has no line before it")),
            (None, _) => self.lines.push(line.to_vec()),
        }
        true
    }

    fn read(self) -> Result<Attributes, Rejected> {
        if let Some(rejected) = self.rejected {
            return Err(rejected);
        }
        let mut lines = self.lines.iter().map(|line| attribute(line)).peekable();
        let mut attributes = Attributes::new();
        let is = |name: &str, line: Option<&Result<(String, Vec<u8>), Rejected>>| matches!(line, Some(Ok((found, _))) if found == name);
        if is("version", lines.peek()) {
            lines.next();
        }
        if !is("dn", lines.peek()) {
            return Err(Rejected::Form("an entry begins with `dn`"));
        }
        let dn = lines.next().transpose()?.map(|(_, value)| value);
        if is("control", lines.peek()) || is("changetype", lines.peek()) {
            match lines.next() {
                Some(Ok((name, value))) if name == "changetype" && value.eq_ignore_ascii_case(b"add") => {}
                _ => return Err(Rejected::Form("a change record and not an entry")),
            }
        }
        attributes.insert("dn".to_owned(), dn.into_iter().collect());
        for line in lines {
            let (name, value) = line?;
            let has_options = name.contains(';');
            let values = attributes.entry(name).or_default();
            if !has_options {
                values.push(value);
            }
        }
        attributes.extend(self.unread.into_iter().map(|name| (name, Vec::new())));
        Ok(attributes)
    }
}

/// The name in lower case, and the value. After one colon the value is plain, after two it is base64, after `:<` it is
/// the name of a file, which is never opened.
fn attribute(line: &[u8]) -> Result<(String, Vec<u8>), Rejected> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Rejected::Form("a line has no colon"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b';' | b'.');
    if name.is_empty() || !name.iter().all(known) {
        return Err(Rejected::Form("a line has no name of an attribute"));
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let filled =
        |value: &[u8]| value.iter().position(|byte| *byte != b' ').map_or(Vec::new(), |at| value[at..].to_vec());
    let value = match value.first() {
        Some(b':') => {
            let text = String::from_utf8(filled(&value[1..])).map_err(|_| Rejected::Field(name.clone()))?;
            TextEncoding::Base64.decode(text.trim_end()).ok_or_else(|| Rejected::Field(name.clone()))?.to_vec()
        }
        Some(b'<') => return Err(Rejected::Form("a value is in another file")),
        _ => filled(value),
    };
    if value.len() > MAX_RECORD { Err(Rejected::TooLarge) } else { Ok((name, value)) }
}

impl<R: BufRead> Cutter for Records<R> {
    type Record = Attributes;

    fn cut(&mut self) -> Result<Option<Cut<Attributes>>, SourceError> {
        let mut entry = Entry::default();
        let mut begin = None;
        loop {
            let line = self.source.line();
            let more = self.source.next_line(&mut self.line, MAX_RECORD)?;
            if more && !self.line.is_empty() {
                // An entry begins at its first line that is not a comment.
                if entry.add(&self.line) {
                    begin = begin.or(Some(line));
                }
                continue;
            }
            entry.skipped = false;
            // `version: 1` may be alone before a blank line.
            let only_version = matches!(&entry.lines[..], [one] if is_version(one)) && entry.rejected.is_none();
            if let Some(line) = begin.filter(|_| !only_version) {
                return Ok(Some(Cut { line, bytes_read: self.source.end_record(), record: entry.read() }));
            }
            if !more {
                return Ok(None);
            }
            (entry, begin) = (Entry::default(), None);
        }
    }
}
