//! A list of breached passwords in a file: made once from the public list of Pwned Passwords, asked whenever a password is
//! set, and never sent anywhere.
//!
//! The file is 16 bytes that name the form; for each of the 65,536 beginnings of a SHA-1 hash (its first two bytes), and
//! once more for the end, how many entries come before it (64 bits, big-endian); and the entries in their order: bytes 3 to
//! 6 of each hash. So 48 bits of each hash are kept: of a list of 10^9 passwords that is 4 GB, and a password that is not in
//! it is refused in 4 cases of a million. A filter would take half of that, and all of it in memory, where this keeps
//! 512 KB and reads one piece of the file (60 KB of so long a list) for each password; and it is made in one pass over the
//! list without holding any of it.

use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const FORM: &[u8; 16] = b"umoja-breached-1";
const BEGINNINGS: usize = 1 << 16;
const INDEX_BYTES: usize = (BEGINNINGS + 1) * 8;
const ENTRY: usize = 4;

/// More than any line of the public list has.
const MAX_LINE: u64 = 128;

/// Why a list cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is of another form, or is not whole.
    #[error("it is no list of breached passwords, or not a whole one; `umoja passwords build` makes one")]
    Form,
    /// A line is of another form.
    #[error("line {0} is not `SHA1:count`: take the SHA-1 list of Pwned Passwords, in one file")]
    Line(u64),
    /// The lines are not in the order of their hashes.
    #[error("line {0} is out of order: take the list that is ordered by hash")]
    Order(u64),
}

/// A list that can be asked.
#[derive(Debug)]
pub struct BreachedList {
    file: File,
    /// How many entries come before each beginning.
    index: Vec<u64>,
}

impl BreachedList {
    /// Opens a list that [`build`] made, and checks that it is whole.
    ///
    /// # Errors
    /// If it cannot be read, or is of another form.
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

    /// How many passwords are in it.
    pub fn entries(&self) -> u64 {
        self.index.last().copied().unwrap_or_default()
    }

    /// Whether a password of this SHA-1 is in it. Reads the file: not for an async worker.
    ///
    /// # Errors
    /// If the file cannot be read any more.
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

/// What became of a public list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// The lines that were read.
    pub lines: u64,
    /// The entries that were kept.
    pub entries: u64,
}

/// Makes a list of the public one: lines `SHA1:count` in the order of their hashes. Those that were seen fewer than
/// `min_count` times are left out. One pass; what is in memory does not grow with the list.
///
/// # Errors
/// If reading or writing fails, or a line is of another form or out of order.
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
    // A beginning that nothing has ends where the one before it does.
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

/// The next line that is not empty, of a bounded length.
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
    fn what_is_in_the_public_list_is_in_ours_and_nothing_else() {
        let many: Vec<String> = (0..5_000).map(|n| format!("breached {n}")).collect();
        let (_dir, list, built) = listed(&lines(&many.iter().map(|text| (text.as_str(), 1)).collect::<Vec<_>>()), 1);
        assert_eq!(built, Built { lines: 5_000, entries: 5_000 });
        assert_eq!(list.entries(), 5_000);
        assert!(many.iter().all(|text| list.contains(&sha1(text)).unwrap()));
        assert!((0..5_000).all(|n| !list.contains(&sha1(&format!("fine {n}"))).unwrap()));
    }

    #[test]
    fn the_first_and_the_last_of_all_hashes_are_found_and_twins_of_48_bits_are_one_entry() {
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
    fn what_was_seen_too_seldom_is_left_out() {
        let (_dir, list, built) = listed(&lines(&[("seldom", 9), ("often", 10)]), 10);
        assert_eq!(built, Built { lines: 2, entries: 1 });
        assert!(list.contains(&sha1("often")).unwrap() && !list.contains(&sha1("seldom")).unwrap());
    }

    #[test]
    fn another_form_or_order_is_refused_with_its_line() {
        let good = format!("{}:1\n", "a".repeat(40));
        let fails = |text: String| build(Cursor::new(text), Cursor::new(Vec::new()), 1).unwrap_err().to_string();
        for bad in ["x".repeat(43), "b".repeat(32) + ":1", "b".repeat(40), "b".repeat(40) + ":x", "c".repeat(100_000)] {
            assert!(fails(format!("{good}{bad}")).starts_with("line 2 is not"), "{}", bad.len());
        }
        assert!(fails(format!("{good}{}:1", "9".repeat(40))).starts_with("line 2 is out of order"));
    }

    #[test]
    fn a_file_that_is_cut_or_is_another_is_not_opened() {
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
