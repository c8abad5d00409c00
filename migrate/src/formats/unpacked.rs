//! The bytes of a source as UTF-8: gzip is unpacked, UTF-16 is converted, and other packed or binary files are named.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

/// A reader of any kind.
pub(super) type Bytes<'a> = Box<dyn BufRead + Send + 'a>;

/// The most bytes that gzip may unpack to for each byte of its own, after the first [`FREE`]. Lists of users pack to
/// about a tenth; the format allows a thousandth.
const MAX_RATIO: u64 = 200;

/// Bytes that are unpacked without looking at the ratio.
const FREE: u64 = 16 << 20;

/// How many bytes of the beginning are looked at.
const LOOK: u64 = 512;

/// Files that are not read, by their first bytes.
const OTHERS: [(&[u8], &str); 17] = [
    (b"PK\x03\x04", "the file is a zip archive or a workbook; unpack or export it, and import the file inside"),
    (b"BZh", "the file is packed by bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "the file is packed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "the file is packed by zstd; unpack it first"),
    (b"7z\xbc\xaf", "the file is a 7z archive; unpack it, and import the file inside"),
    (b"\xd0\xcf\x11\xe0", "the file is a workbook of Excel; export it as CSV"),
    (b"SQLite format 3\0", "the file is a database of SQLite; export its table as CSV"),
    (b"PGDMP", "the file is a dump of pg_dump; export the table with COPY ... WITH (FORMAT csv, HEADER)"),
    (b"%PDF", "the file is a PDF"),
    (b"age-encryption.org/", "the file is encrypted by age; decrypt it first"),
    (b"-----BEGIN ", "the file is encrypted, or a key"),
    (b"<", "the file is XML or HTML, which no format reads"),
    (b"-- MySQL dump", "the file is an SQL dump; export the table as docs/migrate.md says"),
    (b"-- MariaDB dump", "the file is an SQL dump; export the table as docs/migrate.md says"),
    (b"--\n-- PostgreSQL", "the file is an SQL dump; export the table with COPY ... WITH (FORMAT csv, HEADER)"),
    (b"INSERT INTO ", "the file is an SQL dump; export the table as docs/migrate.md says"),
    (b"\0\0\0\0", "the file is binary; it begins with zeros"),
];

/// The order of the two bytes of a UTF-16 unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    LittleEndian,
    BigEndian,
}

/// The kind of a file that is not read, and what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread(pub(super) &'static str);

/// Looks at the beginning of a source, and unpacks and converts it. True if it was UTF-16, which spreadsheets write.
pub(super) fn unpacked(source: Bytes<'_>) -> Result<(Bytes<'_>, bool), Unread> {
    let (mut beginning, mut source) = with_beginning(source, LOOK);
    if beginning.starts_with(b"\x1f\x8b") {
        (beginning, source) = with_beginning(Box::new(BufReader::new(Gzip::new(source))), LOOK);
    }
    let is_utf32 = beginning.starts_with(b"\xff\xfe\0\0") || beginning.starts_with(b"\0\0\xfe\xff");
    let other = OTHERS.iter().find(|(start, _)| beginning.starts_with(start)).map(|(_, what)| *what);
    if let Some(what) = other.or(is_utf32.then_some("the file is UTF-32; convert it to UTF-8")) {
        return Err(Unread(what));
    }
    Ok(match order(&beginning) {
        Some(order) => (Box::new(BufReader::new(Utf16::new(source, order))), true),
        None => (source, false),
    })
}

/// UTF-16 has a byte order mark, or begins with two ASCII characters.
fn order(beginning: &[u8]) -> Option<Order> {
    match beginning {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some(Order::LittleEndian),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(Order::BigEndian),
        _ => None,
    }
}

/// The first bytes of a source, and the source from its beginning. An error comes up where it happened.
pub(super) fn with_beginning(mut source: Bytes<'_>, look: u64) -> (Vec<u8>, Bytes<'_>) {
    let mut beginning = Vec::new();
    let failed = source.by_ref().take(look).read_to_end(&mut beginning).err();
    let again = Cursor::new(beginning.clone()).chain(Failed(failed)).chain(source);
    (beginning, Box::new(again))
}

/// An error that a reader had, once.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl BufRead for Failed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.take().map_or(Ok(&[]), Err)
    }

    fn consume(&mut self, _: usize) {}
}

/// Unpacks gzip, up to [`MAX_RATIO`].
struct Gzip<'a> {
    decoder: MultiGzDecoder<Counted<'a>>,
    written: u64,
}

/// Counts the packed bytes.
struct Counted<'a> {
    source: Bytes<'a>,
    read: u64,
}

impl<'a> Gzip<'a> {
    fn new(source: Bytes<'a>) -> Self {
        Self { decoder: MultiGzDecoder::new(Counted { source, read: 0 }), written: 0 }
    }
}

impl Read for Gzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.written += count as u64;
        if self.written > FREE.max(self.decoder.get_ref().read.saturating_mul(MAX_RATIO)) {
            return Err(io::Error::new(ErrorKind::InvalidData, "gzip unpacks to more than 200 times its size"));
        }
        Ok(count)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.read += count as u64;
        self.source.consume(count);
    }
}

/// Converts UTF-16 to UTF-8. Half a character becomes U+FFFD.
struct Utf16<'a> {
    source: Bytes<'a>,
    order: Order,
    /// The first byte of a unit whose second one is not read yet.
    byte: Option<u8>,
    /// The first half of a character whose second one is not read yet.
    half: Option<u16>,
    text: String,
    /// How many bytes of the text are read.
    given: usize,
    is_over: bool,
}

impl<'a> Utf16<'a> {
    fn new(source: Bytes<'a>, order: Order) -> Self {
        Self { source, order, byte: None, half: None, text: String::new(), given: 0, is_over: false }
    }

    /// Converts what the source has ready.
    fn convert(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        let chunk = self.source.fill_buf()?;
        let count = chunk.len();
        let mut units = Vec::with_capacity(count / 2 + 1);
        for byte in chunk {
            match self.byte.take() {
                None => self.byte = Some(*byte),
                Some(first) => units.push(match self.order {
                    Order::LittleEndian => u16::from_le_bytes([first, *byte]),
                    Order::BigEndian => u16::from_be_bytes([first, *byte]),
                }),
            }
        }
        self.source.consume(count);
        self.is_over = count == 0;
        let mut units: Vec<u16> = self.half.take().into_iter().chain(units).collect();
        if !self.is_over && matches!(units.last(), Some(0xd800..=0xdbff)) {
            self.half = units.pop();
        }
        let characters = char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.text.extend(characters);
        if self.is_over && self.byte.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        Ok(())
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.is_over {
            self.convert()?;
        }
        let mut rest = &self.text.as_bytes()[self.given..];
        let count = rest.read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<String> {
        // A byte at a time: no reader may rely on getting a unit as a whole.
        let source = BufReader::with_capacity(1, bytes);
        let (mut source, _) = unpacked(Box::new(source)).map_err(|Unread(what)| io::Error::other(what))?;
        let mut text = String::new();
        source.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn utf16(text: &str, order: Order) -> Vec<u8> {
        let bytes = |unit: u16| if order == Order::LittleEndian { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn packed_and_converted_files_are_the_same_text() {
        let text = "id\temail\n1\tä😀@example.com\n";
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(&gzip(text.as_bytes())).unwrap(), text);
        // Packers write several members one after the other.
        assert_eq!(read(&[gzip(text.as_bytes()), gzip(b"more")].concat()).unwrap(), format!("{text}more"));
        for order in [Order::LittleEndian, Order::BigEndian] {
            assert_eq!(read(&utf16(text, order)).unwrap(), text);
            let marked = format!("\u{feff}{text}");
            assert_eq!(read(&utf16(&marked, order)).unwrap(), marked);
            assert_eq!(read(&gzip(&utf16(&marked, order))).unwrap(), marked);
        }
    }

    #[test]
    fn half_a_character_of_utf_16_is_replaced() {
        let halves = [b"\xff\xfea\0".to_vec(), b"\x3d\xd8b\0\0\xde".to_vec(), b"\x3d\xd8".to_vec(), b"x".to_vec()];
        assert_eq!(read(&halves.concat()).unwrap(), "\u{feff}a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, named) in [
            (&b"PK\x03\x04rest"[..], "zip"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
            (b"\0\0\0\0\0", "binary"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"-- MySQL dump 10.13", "SQL dump"),
            (&gzip(b"PK\x03\x04"), "zip"),
        ] {
            let said = read(bytes).unwrap_err().to_string();
            assert!(said.contains(named), "{said}");
        }
        let whole = gzip(&[b'x'; 100]);
        assert!(read(&whole[..whole.len() - 4]).is_err(), "a cut file");
    }

    #[test]
    fn gzip_that_unpacks_without_end_is_an_error() {
        let said = read(&gzip(&vec![b' '; 40 << 20])).unwrap_err().to_string();
        assert!(said.contains("200 times"), "{said}");
    }
}
