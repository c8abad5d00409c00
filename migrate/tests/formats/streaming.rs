//! Sources of any size, in memory of one record; and what is around the records being broken.

use std::io::{BufReader, Read};

use umoja_migrate::Refused;
use umoja_migrate::formats::{Format, MAX_RECORD, Options, SourceError, read};

use crate::login::all;

/// A source that is made while it is read: a beginning, a record so many times, an end.
struct Generated {
    parts: Box<dyn Iterator<Item = Vec<u8>> + Send>,
    part: std::io::Cursor<Vec<u8>>,
}

impl Generated {
    fn new(start: &str, record: &str, between: &str, times: usize, end: &str) -> Self {
        let (record, next) = (record.as_bytes().to_vec(), [between.as_bytes(), record.as_bytes()].concat());
        let records = std::iter::once(record).chain(std::iter::repeat_n(next, times - 1));
        let parts = std::iter::once(start.as_bytes().to_vec()).chain(records).chain([end.as_bytes().to_vec()]);
        Self { parts: Box::new(parts), part: std::io::Cursor::default() }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.part.read(buffer)? {
                0 => match self.parts.next() {
                    Some(part) => self.part = std::io::Cursor::new(part),
                    None => return Ok(0),
                },
                count => return Ok(count),
            }
        }
    }
}

#[test]
fn a_hundred_thousand_users_in_one_line_are_read_one_by_one() {
    let source = Generated::new("[", r#"{"email":"a@example.com","user_id":"x"}"#, ",", 100_000, "]");
    let options = Options::default();
    let mut count = 0;
    let mut before = 0;
    // A buffer of a few bytes: no reader may count on seeing a record as a whole.
    for entry in read(Format::Auth0, BufReader::with_capacity(16, source), &options).unwrap() {
        let entry = entry.unwrap();
        assert!(entry.bytes_read > before && entry.row.is_ok());
        before = entry.bytes_read;
        count += 1;
    }
    assert_eq!((count, before), (100_000, 100_000 * 40));
}

#[test]
fn a_record_that_is_too_large_is_skipped_and_the_next_one_read() {
    let large = format!(r#"{{"email":"{}"}}"#, "x".repeat(4 * MAX_RECORD));
    for (start, between, end) in [("[", ",", "]"), ("", "\n", "\n")] {
        let small = r#"{"email":"a"}"#;
        let source = format!("{start}{small}{between}{large}{between}{small}{end}");
        let rows: Vec<_> =
            all(Format::Auth0, source.as_bytes(), &Options::default()).into_iter().map(|e| e.unwrap().row).collect();
        assert!(rows[0].is_ok() && rows[2].is_ok() && rows.len() == 3);
        assert_eq!(rows[1].as_ref().err(), Some(&Refused::TooLarge));
    }
}

#[test]
fn a_broken_frame_ends_the_stream_with_the_line() {
    for (source, line, whole) in [
        ("[{\"email\":\"a\"},\n{\"email\":\"b\"}", 2, 1),
        ("[{\"email\":\"a\"},\n{\"email\":\"b\"", 2, 0),
        ("[{\"email\":\"a\"}\n{\"email\":\"b\"}]", 2, 0),
        ("[{\"email\":\"a\"},\n\n]", 3, 0),
        ("[{\"email\":\"a\"},\n{\"email\":\"b\"},\"name\":\"c\"}]", 2, 1),
        ("[\n{\"email\":[\"a\"}]", 2, 0),
        ("[{\"email\":\"a\"}]\nx", 2, 0),
        ("[\n", 2, 0),
    ] {
        let mut items = all(Format::Auth0, source.as_bytes(), &Options::default());
        match items.pop() {
            Some(Err(SourceError::Frame { line: found, .. })) => assert_eq!(found, line, "{source}"),
            other => panic!("{source}: {other:?}"),
        }
        assert_eq!(items.len(), whole, "{source}");
        assert!(items.iter().all(Result::is_ok), "{source}");
    }
}

#[test]
fn an_empty_source_has_no_users() {
    for source in ["", "\n\n", "[]", " [ ]\n", "\u{feff}[]", "\u{feff}"] {
        assert!(all(Format::Auth0, source.as_bytes(), &Options::default()).is_empty(), "{source:?}");
    }
}
