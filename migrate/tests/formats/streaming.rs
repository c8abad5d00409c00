//! Sources of any size, in the memory of one record, and errors around the records.

use std::io::{BufReader, Read};

use umoja_migrate::Rejected;
use umoja_migrate::formats::{Entry, Format, MAX_RECORD, Mapping, Options, SourceError, keys, read};

use crate::broken::seen;
use crate::login::all;

/// A source that is generated while it is read: a beginning, a record repeated some number of times, an end.
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
fn users_in_one_long_line_are_read_one_by_one() {
    let source = Generated::new("[", r#"{"email":"a@example.com","user_id":"x"}"#, ",", 100_000, "]");
    let options = Options::default();
    let mut count = 0;
    let mut before = 0;
    // A buffer of a few bytes: no reader may rely on getting a record as a whole.
    for entry in read(Format::Auth0, BufReader::with_capacity(16, source), &options).unwrap() {
        let entry = entry.unwrap();
        assert!(entry.bytes_read > before && entry.row.is_ok());
        before = entry.bytes_read;
        count += 1;
    }
    assert_eq!((count, before), (100_000, 100_000 * 40));
}

#[test]
fn a_too_large_record_does_not_stop_reading() {
    let large = format!(r#"{{"email":"{}"}}"#, "x".repeat(4 * MAX_RECORD));
    for (start, between, end) in [("[", ",", "]"), ("", "\n", "\n")] {
        let small = r#"{"email":"a"}"#;
        let source = format!("{start}{small}{between}{large}{between}{small}{end}");
        let rows: Vec<_> =
            all(Format::Auth0, source.as_bytes(), &Options::default()).into_iter().map(|e| e.unwrap().row).collect();
        assert!(rows[0].is_ok() && rows[2].is_ok() && rows.len() == 3);
        assert_eq!(rows[1].as_ref().err(), Some(&Rejected::TooLarge));
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

/// The fixtures, each with its options.
fn fixtures() -> Vec<(Format, &'static [u8])> {
    vec![
        (Format::Auth0, include_bytes!("fixtures/auth0-import.json")),
        (Format::Auth0, include_bytes!("fixtures/auth0-export.ndjson")),
        (Format::Firebase, include_bytes!("fixtures/firebase.json")),
        (Format::Firebase, include_bytes!("fixtures/firebase.csv")),
        (Format::Keycloak, include_bytes!("fixtures/keycloak-realm.json")),
        (Format::Django, include_bytes!("fixtures/django.json")),
        (Format::WordPress, include_bytes!("fixtures/wordpress.csv")),
        (Format::Magento, include_bytes!("fixtures/magento.csv")),
        (Format::Drupal, include_bytes!("fixtures/drupal.csv")),
        (Format::Ldif, include_bytes!("fixtures/people.ldif")),
        (Format::Ndjson, include_bytes!("../../examples/zitadel.users.json")),
        (Format::Csv, include_bytes!("../../examples/prestashop.users.csv")),
        (Format::Django, b"\xef\xbb\xbf[{\"model\":\"auth.user\",\"pk\":1,\"fields\":{}}]"),
    ]
}

fn options_for(format: Format) -> Options {
    let mapping: Option<&[u8]> = match format {
        Format::Ndjson => Some(include_bytes!("../../examples/zitadel.json")),
        Format::Csv => Some(include_bytes!("../../examples/prestashop.json")),
        _ => None,
    };
    let keys = keys::parse(include_bytes!("../../examples/prestashop.keys.json")).unwrap();
    Options { mapping: mapping.map(|mapping| Mapping::parse(mapping).unwrap()), keys, ..Options::default() }
}

#[test]
fn records_do_not_depend_on_read_sizes() {
    for (format, source) in fixtures() {
        let options = options_for(format);
        let read = |capacity: usize| -> Vec<_> {
            let entries = read(format, BufReader::with_capacity(capacity, source), &options).unwrap();
            let entry = |entry: Result<Entry, SourceError>| {
                let Entry { line, bytes_read, row } = entry.unwrap();
                (line, bytes_read, row.map(|row| seen(&row)))
            };
            entries.map(entry).collect()
        };
        let whole = read(1 << 16);
        assert!(!whole.is_empty());
        for capacity in [1, 2, 3, 7, 64] {
            assert_eq!(read(capacity), whole, "{format:?} {capacity}");
        }
    }
}

#[test]
fn an_unending_record_takes_bounded_memory() {
    let large = "x".repeat(1 << 16);
    for (format, start, end) in [
        (Format::Django, "[{\"model\":\"", "\"}]"),
        (Format::Keycloak, "{\"x\":\"", "\",\"users\":[]}"),
        (Format::Auth0, "{\"email\":\"", "\"}\n"),
        (Format::Drupal, "uid,name,pass,mail\n1,\"", "\",,\n"),
        (Format::Ldif, "dn: a\nobjectClass: person\nuid: ", "\n"),
    ] {
        let source = Generated::new(start, &large, "", 128, end);
        let options = Options::default();
        for entry in read(format, BufReader::new(source), &options).unwrap() {
            assert_eq!(entry.unwrap().row.err(), Some(Rejected::TooLarge), "{format:?}");
        }
    }
    let columns = Generated::new("uid,name,pass,mail\n", ",", "", 100_000, "\n2,a,,\n");
    let rows: Vec<_> = read(Format::Drupal, BufReader::new(columns), &Options::default())
        .unwrap()
        .map(|entry| entry.unwrap().row.is_ok())
        .collect();
    assert_eq!(rows, [false, true]);
}

#[test]
fn a_failing_source_ends_the_stream_with_the_line() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    for (format, start) in [
        (Format::Auth0, "{\"email\":\"a\"}\n{\"ema"),
        (Format::Django, "[\n{\"model\":"),
        (Format::Drupal, "uid,name,pass,mail\n1,a"),
        (Format::Ldif, "dn: a\nobjectClass: per"),
    ] {
        let source = BufReader::new(start.as_bytes().chain(Broken));
        let options = Options::default();
        let last = read(format, source, &options).unwrap().last();
        assert!(matches!(last, Some(Err(SourceError::Io { line: 2, .. }))), "{format:?} {last:?}");
    }
}

#[test]
fn json_is_read_however_its_objects_are_arranged() {
    let pretty = "{\n  \"user_id\": \"1\"\n}\n{\n  \"user_id\": \"2\"\n}\n";
    let inside = "{\"start\": 0, \"users\": [{\"user_id\": \"1\"}, {\"user_id\": \"2\"}]}";
    let list = "Id,Email\n1,a@example.com\n2,b@example.com\n";
    for source in
        ["{\"user_id\":\"1\"}\n{\"user_id\":\"2\"}", "[{\"user_id\":\"1\"},{\"user_id\":\"2\"}]", pretty, inside, list]
    {
        let ids: Vec<_> = crate::login::rows(Format::Auth0, source, &Options::default())
            .into_iter()
            .filter_map(|row| row.external_id)
            .collect();
        assert_eq!(ids, ["1", "2"], "{source}");
    }
    let user = r#"{"model": "auth.user", "pk": 1, "fields": {}}"#;
    for source in [format!("{user}\n{user}"), user.replace(", ", ",\n").repeat(2), format!("[{user},{user}]")] {
        assert_eq!(crate::login::rows(Format::Django, &source, &Options::default()).len(), 2, "{source}");
    }
    let user = r#"{"username": "a", "id": "1"}"#;
    for source in [format!("{user}\n{user}"), format!("[{user},{user}]"), format!("{{\"users\": [{user}, {user}]}}")] {
        assert_eq!(crate::login::rows(Format::Keycloak, &source, &Options::default()).len(), 2, "{source}");
    }
    let mapping = Some(Mapping::parse(br#"{"external_id": "/id"}"#).unwrap());
    let options = Options { mapping, ..Options::default() };
    let items = all(Format::Ndjson, br#"{"Users": [{"id": 1}]}"#, &options);
    assert!(matches!(&items[..], [Err(SourceError::Frame { line: 1, what })] if what.contains("`records`")));
}

#[test]
fn a_source_without_end_ends_with_an_error() {
    let endless = |format: Format, start: &str, part: &str, most: Option<u64>| {
        let source = Generated::new(start, &part.repeat(10_000), &part.repeat(9_999), usize::MAX, "");
        let options = Options { most_records: most, ..Options::default() };
        read(format, BufReader::new(source), &options).map_or_else(Some, |entries| entries.last().unwrap().err())
    };
    let long = "x".repeat(100);
    for (format, start, part) in [
        (Format::Auth0, "{}\n", &*long),
        (Format::Keycloak, "{\"x\": [\"", &long),
        (Format::Drupal, "uid,name,pass,mail\n\"", &format!("{long}\n")),
        (Format::Ldif, "dn: a\n", &format!("a: {}\n", long.repeat(100))),
        (Format::Auth0, "{\"a\"}\n", "x\n"),
        (Format::Auth0, "", "\0\0\0\0"),
    ] {
        let error = endless(format, start, part, None);
        assert!(matches!(error, Some(SourceError::Frame { .. })), "{format:?} {start}: {error:?}");
    }
    let error = endless(Format::Auth0, "", "{\"user_id\":\"1\"}\n", Some(1000));
    assert!(matches!(error, Some(SourceError::TooMany { line: 1001, most: 1000 })), "{error:?}");
    let error = endless(Format::Ldif, "", "dn: ou=a\nobjectClass: top\n\n", Some(1000));
    assert!(matches!(error, Some(SourceError::TooMany { .. })), "entries that are not people count: {error:?}");
}
