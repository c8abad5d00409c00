//! The file of a backup: a tar archive. Its first entry says what it is, and its last one lists the others with their digests, so that
//! an archive that was cut, also between two entries, is no backup.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use umoja_schema::{Millis, Region};
use zeroize::Zeroizing;

use crate::files;

/// The format of the archive that this version writes and reads.
const FORMAT: u32 = 1;

/// The first entry.
const ABOUT: &str = "backup.json";

/// The last entry.
const LIST: &str = "files.json";

/// The most bytes of the first and the last entry.
const MOST: u64 = 1 << 20;

/// What a backup is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct About {
    /// The format of the archive.
    umoja_backup: u32,
    /// The version of the program that made it.
    version: String,
    /// The moment whose state it holds.
    pub(in crate::commands) taken_at: Millis,
    /// The regions.
    pub(in crate::commands) regions: Vec<Region>,
}

impl About {
    pub(super) fn new(taken_at: Millis, regions: Vec<Region>) -> Self {
        Self { umoja_backup: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), taken_at, regions }
    }
}

/// The digests of entries, by their names.
type Digests = BTreeMap<String, String>;

/// Writes an archive.
pub(super) struct Writer<W: Write> {
    tar: tar::Builder<W>,
    written: Digests,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W, about: &About) -> io::Result<Self> {
        let mut archive = Self { tar: tar::Builder::new(to), written: Digests::new() };
        archive.put(ABOUT, &serde_json::to_vec(about)?)?;
        Ok(archive)
    }

    /// Adds a small file.
    pub(super) fn put(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.add(name, content, content.len() as u64, |_| ())
    }

    /// Adds a file, of which `read` is called with the number of bytes after each part.
    pub(super) fn add(&mut self, name: &str, from: impl Read, bytes: u64, read: impl FnMut(u64)) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        let mut from = Digesting { from, digest: Sha256::new(), read };
        self.tar.append_data(&mut header, name, &mut from)?;
        self.written.insert(name.to_owned(), hex::encode(from.digest.finalize()));
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn end(mut self) -> io::Result<W> {
        let list = serde_json::to_vec(&self.written)?;
        self.put(LIST, &list)?;
        self.tar.into_inner()
    }
}

/// Reads an archive to its end, and writes its files into a directory. `wanted` says whether a name may be in it.
///
/// # Errors
/// If it is no archive, has another name in it, or is not whole.
pub(in crate::commands) fn unpack(
    from: impl Read,
    dir: &Path,
    is_wanted: impl Fn(&About, &str) -> bool,
    mut read: impl FnMut(u64),
) -> io::Result<About> {
    let mut tar = tar::Archive::new(from);
    let (mut about, mut found, mut list) = (None::<About>, Digests::new(), None::<Digests>);
    for entry in tar.entries()? {
        let entry = entry?;
        let name = entry.path()?.to_str().ok_or_else(|| wrong("it has a file whose name is no text"))?.to_owned();
        let mut from = Digesting { from: entry, digest: Sha256::new(), read: &mut read };
        match (name.as_str(), &about) {
            _ if list.is_some() => return Err(wrong("it has a file behind its end")),
            (ABOUT, None) => about = Some(parsed(&mut from)?),
            (LIST, Some(_)) => {
                list = Some(parsed(&mut from)?);
                continue;
            }
            (name, Some(about)) if is_wanted(about, name) && !found.contains_key(name) => {
                let path = dir.join(name);
                if let Some(parent) = path.parent() {
                    files::private_dir(parent)?;
                }
                let mut file = files::new_private(&path)?;
                io::copy(&mut from, &mut file)?;
                file.sync_all()?;
            }
            (_, None) => return Err(wrong("it is no backup")),
            (name, Some(_)) => return Err(wrong(&format!("it has a file that does not belong in it: {name}"))),
        }
        found.insert(name, hex::encode(from.digest.finalize()));
    }
    let (Some(about), Some(list)) = (about, list) else { return Err(wrong("its end is missing")) };
    if about.umoja_backup != FORMAT {
        return Err(wrong(&format!("version {} of umoja made it, in another format", about.version)));
    }
    if list == found { Ok(about) } else { Err(wrong("its content is damaged")) }
}

/// Reads an archive's entry of JSON.
fn parsed<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<T> {
    let mut text = Zeroizing::new(Vec::new());
    from.take(MOST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|_| wrong("it is no backup"))
}

/// A reader that computes the digest of what is read.
struct Digesting<R, F> {
    from: R,
    digest: Sha256,
    read: F,
}

impl<R: Read, F: FnMut(u64)> Read for Digesting<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.digest.update(&buffer[..read]);
        (self.read)(read as u64);
        Ok(read)
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// True if a file begins as `age` writes one.
pub(in crate::commands) fn is_encrypted(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(22).read_to_end(&mut begin)?;
    Ok(begin == b"age-encryption.org/v1\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About::new(Millis(7), vec!["eu-west-1".parse().unwrap()])
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &about()).unwrap();
        for (name, content) in files {
            writer.put(name, content).unwrap();
        }
        writer.end().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> io::Result<About> {
        unpack(bytes, tempfile::tempdir().unwrap().path(), |_, name| name.starts_with('a'), |_| ())
    }

    #[test]
    fn an_archive_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(&[("a/b", b"one"), ("a/c", &[7; 5000])]);
        let about = unpack(&*bytes, dir.path(), |_, _| true, |_| ()).unwrap();
        assert_eq!((about.taken_at, about.regions.len()), (Millis(7), 1));
        assert_eq!(std::fs::read(dir.path().join("a/b")).unwrap(), b"one");
        assert_eq!(std::fs::read(dir.path().join("a/c")).unwrap(), [7; 5000]);
    }

    #[test]
    fn an_archive_that_was_cut_is_rejected_wherever_that_was() {
        let whole = archive(&[("a", b"one"), ("ab", b"two")]);
        unpacked(&whole).unwrap();
        let last = whole.windows(LIST.len()).rposition(|some| some == LIST.as_bytes()).unwrap();
        for end in (0..=last + 512).step_by(256) {
            assert!(unpacked(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_does_not_belong_in_an_archive_is_rejected() {
        for name in ["b", "deployment.json"] {
            assert!(unpacked(&archive(&[(name, b"x")])).unwrap_err().to_string().contains("does not belong"), "{name}");
        }
        assert!(unpacked(&archive(&[("a", b"x"), ("a", b"y")])).is_err(), "twice");
        let mut changed = archive(&[("a", b"content")]);
        let at = changed.windows(7).position(|some| some == b"content").unwrap();
        changed[at] = b'k';
        assert!(unpacked(&changed).unwrap_err().to_string().contains("damaged"));
    }
}
