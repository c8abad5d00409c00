//! A list of breached passwords in a file: built once from the public list of Pwned Passwords, checked whenever a
//! password is set, and never sent anywhere.
//!
//! The file starts with 16 bytes that name the format. For each of the 65,536 prefixes of a SHA-1 hash (its first two
//! bytes), and once more for the end, it gives the number of entries before it (64 bits, big-endian). Then come the
//! entries in order: bytes 3 to 6 of each hash. So 48 bits of each hash are kept: a list of 10^9 passwords takes 4 GB,
//! and a password outside the list is rejected in 4 cases of a million. A filter would take half of that, but all of it
//! in memory. This format keeps 512 KB in memory and reads one range of the file (60 KB of such a list) for each
//! password. It is built in one pass over the list, in constant memory.

use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const FORM: &[u8; 16] = b"umoja-breached-1";
const BEGINNINGS: usize = 1 << 16;
const INDEX_BYTES: usize = (BEGINNINGS + 1) * 8;
const ENTRY: usize = 4;

/// Longer than any line of the public list.
const MAX_LINE: u64 = 128;

/// Why a list cannot be built or used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file has another format or is incomplete.
    #[error("it is not a list of breached passwords, or it is incomplete; `umoja passwords build` makes one")]
    Form,
    /// A line has another form.
    #[error("line {0} is not `SHA1:count`: take the SHA-1 list of Pwned Passwords, in one file")]
    Line(u64),
    /// The lines are not in the order of their hashes.
    #[error("line {0} is out of order: take the list that is ordered by hash")]
    Order(u64),
}

/// An opened list.
#[derive(Debug)]
pub struct BreachedList {
    file: File,
    /// The number of entries before each prefix.
    index: Vec<u64>,
}

impl BreachedList {
    /// Opens a list that [`build`] made, and checks that it is complete.
    ///
    /// # Errors
    /// If it cannot be read, or has another format.
    pub fn open(path: &Path) -> Result<Self, BreachedError> {
        let mut file = File::open(path)?;
        let mut head = vec![0; FORM.len() + INDEX_BYTES];
        let is_long_enough = file.metadata()?.len() >= head.len() as u64;
        if !is_long_enough {
            return Err(BreachedError::Form);
        }
        file.read_exact(&mut head)?;
        let index: Vec<u64> =
            head[FORM.len()..].as_chunks().0.iter().map(|bytes: &[u8; 8]| u64::from_be_bytes(*bytes)).collect();
        let entries = index.last().copied().unwrap_or_default();
        let length = entries.checked_mul(ENTRY as u64).and_then(|bytes| bytes.checked_add(head.len() as u64));
        let is_whole = head.starts_with(FORM) && index.is_sorted() && length == Some(file.metadata()?.len());
        if is_whole { Ok(Self { file, index }) } else { Err(BreachedError::Form) }
    }

    /// The number of entries.
    pub fn entries(&self) -> u64 {
        self.index.last().copied().unwrap_or_default()
    }

    /// Whether the list contains a password with this SHA-1. Reads the file, so it must not run on an async worker.
    ///
    /// # Errors
    /// If the file can no longer be read.
    pub fn contains(&self, sha1: &[u8; 20]) -> io::Result<bool> {
        let beginning = usize::from(u16::from_be_bytes([sha1[0], sha1[1]]));
        let (from, to) = (self.index[beginning], self.index[beginning + 1]);
        let size = usize::try_from(to - from).map_err(io::Error::other)? * ENTRY;
        let mut entries = vec![0; size];
        let start = (FORM.len() + INDEX_BYTES) as u64 + from * ENTRY as u64;
        self.file.read_exact_at(&mut entries, start)?;
        let (entries, _) = entries.as_chunks::<ENTRY>();
        Ok(entries.binary_search_by(|entry| entry[..].cmp(&sha1[2..2 + ENTRY])).is_ok())
    }
}

/// The result of building a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Lines of the public list.
    pub lines: u64,
    /// Entries that were kept.
    pub entries: u64,
}

/// Builds a list from the public one: lines `SHA1:count` in the order of their hashes. Passwords that were seen fewer
/// than `min_count` times are left out. Needs one pass and constant memory.
///
/// # Errors
/// If reading or writing fails, or a line has another form or is out of order.
pub fn build(mut lines: impl BufRead, mut out: impl Write + Seek, min_count: u64) -> Result<Built, BreachedError> {
    out.write_all(FORM)?;
    out.write_all(&vec![0; INDEX_BYTES])?;
    let mut index = vec![0u64; BEGINNINGS + 1];
    let mut built = Built { lines: 0, entries: 0 };
    let (mut line, mut last, mut kept) = (Vec::new(), [0; 20], None);
    while read_line(&mut lines, &mut line)? {
        built.lines += 1;
        let (sha1, count) = parse(&line).ok_or(BreachedError::Line(built.lines))?;
        if sha1 < last {
            return Err(BreachedError::Order(built.lines));
        }
        last = sha1;
        let (beginning, entry) = ([sha1[0], sha1[1]], [sha1[2], sha1[3], sha1[4], sha1[5]]);
        if count < min_count || kept == Some((beginning, entry)) {
            continue;
        }
        kept = Some((beginning, entry));
        out.write_all(&entry)?;
        built.entries += 1;
        index[usize::from(u16::from_be_bytes(beginning)) + 1] = built.entries;
    }
    // A prefix without entries ends where the previous one does.
    for at in 1..index.len() {
        index[at] = index[at].max(index[at - 1]);
    }
    out.seek(SeekFrom::Start(FORM.len() as u64))?;
    for before in index {
        out.write_all(&before.to_be_bytes())?;
    }
    out.flush()?;
    Ok(built)
}

/// The next non-empty line, of a bounded length.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        line.clear();
        if lines.by_ref().take(MAX_LINE).read_until(b'\n', line)? == 0 {
            return Ok(false);
        }
        line.truncate(line.trim_ascii_end().len());
        if !line.is_empty() {
            return Ok(true);
        }
    }
}

fn parse(line: &[u8]) -> Option<([u8; 20], u64)> {
    let (sha1, count) = line.split_at_checked(40)?;
    let count = std::str::from_utf8(count.strip_prefix(b":")?).ok()?.parse().ok()?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(sha1, &mut bytes).ok()?;
    Some((bytes, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use umoja_crypto::Password;

    fn sha1(password: &str) -> [u8; 20] {
        Password::attempt(password).breach_hashes()[0]
    }

    fn lines(passwords: &[(&str, u64)]) -> String {
        let mut lines: Vec<String> =
            passwords.iter().map(|(text, count)| format!("{}:{count}", hex::encode_upper(sha1(text)))).collect();
        lines.sort();
        lines.join("\r\n")
    }

    fn listed(text: &str, min_count: u64) -> (tempfile::TempDir, BreachedList, Built) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let built = build(Cursor::new(text), File::create(&path).unwrap(), min_count).unwrap();
        (dir, BreachedList::open(&path).unwrap(), built)
    }

    #[test]
    fn the_list_matches_the_public_list_exactly() {
        let many: Vec<String> = (0..5_000).map(|n| format!("breached {n}")).collect();
        let (_dir, list, built) = listed(&lines(&many.iter().map(|text| (text.as_str(), 1)).collect::<Vec<_>>()), 1);
        assert_eq!(built, Built { lines: 5_000, entries: 5_000 });
        assert_eq!(list.entries(), 5_000);
        assert!(many.iter().all(|text| list.contains(&sha1(text)).unwrap()));
        assert!((0..5_000).all(|n| !list.contains(&sha1(&format!("fine {n}"))).unwrap()));
    }

    #[test]
    fn boundary_hashes_are_found_and_48_bit_duplicates_are_merged() {
        let zeros = "0".repeat(40);
        let text = format!("{zeros}:3\n{}1:2\n\n{}:1\n", "0".repeat(39), "f".repeat(40));
        let (_dir, list, built) = listed(&text, 1);
        assert_eq!(built, Built { lines: 3, entries: 2 });
        assert!(list.contains(&[0; 20]).unwrap() && list.contains(&[255; 20]).unwrap());
        assert!(!list.contains(&[1; 20]).unwrap());
        let (_dir, empty, _) = listed("", 1);
        assert!(!empty.contains(&[0; 20]).unwrap() && !empty.contains(&[255; 20]).unwrap());
    }

    #[test]
    fn rarely_seen_passwords_are_left_out() {
        let (_dir, list, built) = listed(&lines(&[("seldom", 9), ("often", 10)]), 10);
        assert_eq!(built, Built { lines: 2, entries: 1 });
        assert!(list.contains(&sha1("often")).unwrap() && !list.contains(&sha1("seldom")).unwrap());
    }

    #[test]
    fn invalid_lines_are_rejected_with_their_number() {
        let good = format!("{}:1\n", "a".repeat(40));
        let fails = |text: String| build(Cursor::new(text), Cursor::new(Vec::new()), 1).unwrap_err().to_string();
        for bad in ["x".repeat(43), "b".repeat(32) + ":1", "b".repeat(40), "b".repeat(40) + ":x", "c".repeat(100_000)] {
            assert!(fails(format!("{good}{bad}")).starts_with("line 2 is not"), "{}", bad.len());
        }
        assert!(fails(format!("{good}{}:1", "9".repeat(40))).starts_with("line 2 is out of order"));
    }

    #[test]
    fn damaged_files_are_rejected() {
        let mut whole = Cursor::new(Vec::new());
        build(Cursor::new(lines(&[("one", 1), ("two", 1)])), &mut whole, 1).unwrap();
        let whole = whole.into_inner();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let opens = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            BreachedList::open(&path)
        };
        assert!(opens(&whole).is_ok());
        for damaged in [&[][..], &whole[..10], &whole[..whole.len() - 1], &[&whole[..], &[0]].concat()] {
            assert!(matches!(opens(damaged), Err(BreachedError::Form)));
        }
        let mut other = whole.clone();
        other[0] ^= 1;
        assert!(matches!(opens(&other), Err(BreachedError::Form)));
        let mut unsorted = whole;
        unsorted[FORM.len()] = 255;
        assert!(matches!(opens(&unsorted), Err(BreachedError::Form)));
    }
}
