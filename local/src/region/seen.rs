//! Ids of seen requests: in memory, backed by two append-only files.
//!
//! Every request looks up and stores one id, which expires a minute later. A search tree on disk would cost more than
//! the rest of a look-up. A record is written to the operating system before the request is answered, so the end of the
//! process loses none; a loss of power may lose the records that the system had not written yet. The files take turns:
//! once all records in the older one have expired, it is emptied and written next.
//!
//! While the disk is full, ids are kept in memory only, so that look-ups are still answered. If the process ends then,
//! these ids are forgotten before they expire.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use umoja_schema::Millis;

use super::appended::Appended;

/// A hash, and its expiry in milliseconds, big-endian.
const RECORD: usize = 32 + 8;

/// The fewest records in a file before the other one may be emptied and used.
const TURN: usize = 4096;

/// The most ids for which memory is kept.
const KEPT_ROOM: usize = 1 << 16;

/// The ids of a region. Only the process that serves the region may use them.
pub(super) struct Seen {
    dir: Option<PathBuf>,
    /// Read at the first use: a process that only opens the store must neither read nor write the files.
    halves: Mutex<Option<[Half; 2]>>,
}

/// The content of one of the two files. The first one is written.
#[derive(Default)]
struct Half {
    file: Appended,
    /// The keys are keyed hashes, which no caller can choose, so the hasher needs no secret.
    expiries: HashMap<[u8; 32], Millis, BuildHasherDefault<DefaultHasher>>,
    latest: Option<Millis>,
    records: usize,
}

impl Seen {
    /// The ids in a directory.
    pub(super) fn open(dir: &Path) -> Self {
        Self { dir: Some(dir.to_owned()), halves: Mutex::default() }
    }

    /// Ids that are lost with the process.
    pub(super) fn in_memory() -> Self {
        Self { dir: None, halves: Mutex::default() }
    }

    /// True if the hash was not seen, or its record has expired. Records it in both cases.
    pub(super) fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> io::Result<bool> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let halves = match &mut *halves {
            Some(halves) => halves,
            unread => unread.insert(self.read()?),
        };
        if halves.iter().any(|half| half.expiries.get(hash).is_some_and(|expires_at| *expires_at > now)) {
            return Ok(false);
        }
        if halves[0].records >= TURN && halves[1].latest <= Some(now) {
            halves[1].empty()?;
            halves.swap(0, 1);
        }
        halves[0].add(hash, expires_at)?;
        Ok(true)
    }

    fn read(&self) -> io::Result<[Half; 2]> {
        let Some(dir) = &self.dir else { return Ok(Default::default()) };
        let mut halves = [Half::read(&dir.join("requests-0.log"))?, Half::read(&dir.join("requests-1.log"))?];
        if halves[0].latest < halves[1].latest {
            halves.swap(0, 1);
        }
        Ok(halves)
    }
}

impl Half {
    fn read(path: &Path) -> io::Result<Self> {
        let mut half = Self::default();
        half.file = Appended::read(path, |record: &[u8; RECORD]| {
            if let (Some(hash), Some(expires_at)) = (record.first_chunk(), record.last_chunk()) {
                half.remember(*hash, Millis(u64::from_be_bytes(*expires_at)));
            }
        })?;
        Ok(half)
    }

    fn add(&mut self, hash: &[u8; 32], expires_at: Millis) -> io::Result<()> {
        let mut record = [0; RECORD];
        record[..32].copy_from_slice(hash);
        record[32..].copy_from_slice(&expires_at.0.to_be_bytes());
        self.file.append(&record, "the ids of requests")?;
        self.remember(*hash, expires_at);
        Ok(())
    }

    fn remember(&mut self, hash: [u8; 32], expires_at: Millis) {
        self.expiries.insert(hash, expires_at);
        self.latest = self.latest.max(Some(expires_at));
        self.records += 1;
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.empty()?;
        self.expiries.clear();
        self.expiries.shrink_to(KEPT_ROOM);
        (self.latest, self.records) = (None, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::super::appended::is_full;
    use super::*;

    fn hash(n: u64) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        hash
    }

    fn length(dir: &Path) -> u64 {
        ["requests-0.log", "requests-1.log"].map(|name| std::fs::metadata(dir.join(name)).unwrap().len()).iter().sum()
    }

    #[test]
    fn seen_requests_survive_a_restart_and_an_incomplete_record() {
        let dir = tempfile::tempdir().unwrap();
        let seen = || Seen::open(dir.path());
        assert!(seen().first_use(&hash(1), Millis(0), Millis(60)).unwrap());
        let mut file = File::options().append(true).open(dir.path().join("requests-0.log")).unwrap();
        file.write_all(&[7; 13]).unwrap();
        assert!(!seen().first_use(&hash(1), Millis(59), Millis(90)).unwrap());
        assert!(seen().first_use(&hash(2), Millis(59), Millis(90)).unwrap());
        let later = seen();
        assert!(!later.first_use(&hash(2), Millis(89), Millis(99)).unwrap());
        assert!(later.first_use(&hash(1), Millis(60), Millis(99)).unwrap());
        assert_eq!(length(dir.path()), 3 * RECORD as u64);
    }

    #[test]
    fn files_and_memory_do_not_grow_with_the_number_of_requests() {
        let dir = tempfile::tempdir().unwrap();
        let seen = Seen::open(dir.path());
        let each = TURN as u64;
        for n in 0..each * 6 {
            assert!(seen.first_use(&hash(n), Millis(n), Millis(n + 100)).unwrap());
            assert!(!seen.first_use(&hash(n), Millis(n + 99), Millis(n + 200)).unwrap());
        }
        assert!(length(dir.path()) <= 2 * (each + 101) * RECORD as u64);
        let halves = seen.halves.lock().unwrap();
        assert!(halves.as_ref().unwrap().iter().map(|half| half.expiries.len()).sum::<usize>() <= 2 * (TURN + 101));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_keeps_ids_in_memory() {
        let full = || File::options().read(true).write(true).open("/dev/full").unwrap();
        let half = || Half { file: Appended::to(full()), ..Half::default() };
        let seen = Seen { dir: None, halves: Mutex::new(Some([half(), half()])) };
        assert!(is_full(&full().write_all(&[0]).unwrap_err()));
        assert!(seen.first_use(&hash(1), Millis(0), Millis(60)).unwrap());
        assert!(!seen.first_use(&hash(1), Millis(59), Millis(90)).unwrap());
    }

    proptest! {
        #[test]
        fn seen_requests_match_a_plain_list(
            uses in proptest::collection::vec((0u64..40, 0u64..30, 1u64..60, any::<bool>()), 1..80),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut seen = Seen::open(dir.path());
            let mut list = BTreeMap::new();
            let mut now = 0;
            for (n, passes, lasts, restarts) in uses {
                now += passes;
                if restarts {
                    seen = Seen::open(dir.path());
                }
                let is_first = list.get(&n).is_none_or(|expires_at| *expires_at <= now);
                prop_assert_eq!(seen.first_use(&hash(n), Millis(now), Millis(now + lasts)).unwrap(), is_first);
                if is_first {
                    list.insert(n, now + lasts);
                }
            }
        }
    }
}
