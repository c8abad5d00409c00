//! How far a sweep has come, what it found, and how that is kept.

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Part, Region, UserId, Version};
use umoja_store::digest::Buckets;

/// How long a write may be on its way, in milliseconds.
pub const ON_ITS_WAY_MS: u64 = 60_000;

/// The form in which a state is kept.
const FORMAT: u32 = 1;

/// What a pass has looked at, found and mended so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// What the region holds, as far as it was looked at: parts and rows, or parts.
    pub own: u64,
    /// What the peer holds, or identifiers.
    pub other: u64,
    /// Buckets that were compared, over all tables.
    pub buckets: u64,
    /// Those that differed.
    pub differing: u64,
    /// Differences that were found in them.
    pub found: u64,
    /// Differences that are younger than a minute: they were left alone.
    pub young: u64,
    /// Items that were too young to be compared, whether they differ or not.
    #[serde(default)]
    pub passed_over: u64,
    /// Items that cannot be read: damaged, or of newer software. They were not compared.
    #[serde(default)]
    pub unreadable: u64,
    /// Differences that a region refused to have mended, or whose other side cannot be read.
    #[serde(default)]
    pub failed: u64,
    /// Parts that the peer lacked and took.
    pub pushed: u64,
    /// Parts that the region lacked and took.
    pub pulled: u64,
    /// Rows and versioned items that the peer lacked and took.
    pub rows_pushed: u64,
    /// Rows and versioned items that the region lacked and took.
    pub rows_pulled: u64,
    /// Claims that were missing, and are there now.
    pub claims_added: u64,
    /// Claims that nobody makes, and are gone now.
    pub claims_removed: u64,
    /// Merged users that the table of members lacked, and has now.
    #[serde(default)]
    pub members_added: u64,
    /// Tombstones that nobody had confirmed, and that are confirmed now.
    #[serde(default)]
    pub confirmed: u64,
    /// Pairs of users whose merge was asked for, because verified claims of both meet in an identifier.
    #[serde(default)]
    pub merges_asked: u64,
    /// Parts that lack a wrapped key.
    pub missing_keys: u64,
    /// Of those, how many could not be listed for repair.
    pub unlisted: u64,
}

impl SweepReport {
    /// Counts something else too.
    pub const fn add(&mut self, other: &Self) {
        self.own += other.own;
        self.other += other.other;
        self.buckets += other.buckets;
        self.differing += other.differing;
        self.found += other.found;
        self.young += other.young;
        self.passed_over += other.passed_over;
        self.unreadable += other.unreadable;
        self.failed += other.failed;
        self.pushed += other.pushed;
        self.pulled += other.pulled;
        self.rows_pushed += other.rows_pushed;
        self.rows_pulled += other.rows_pulled;
        self.claims_added += other.claims_added;
        self.claims_removed += other.claims_removed;
        self.members_added += other.members_added;
        self.confirmed += other.confirmed;
        self.merges_asked += other.merges_asked;
        self.missing_keys += other.missing_keys;
        self.unlisted += other.unlisted;
    }

    /// What was written.
    pub const fn mended(&self) -> u64 {
        let exchanged = self.pushed + self.pulled + self.rows_pushed + self.rows_pulled;
        exchanged + self.claims_added + self.claims_removed + self.members_added + self.confirmed
    }

    /// What could not be compared or mended, and needs somebody to look at it.
    pub const fn unhandled(&self) -> u64 {
        self.unreadable + self.failed
    }
}

/// Something that two regions, or a region's tables, disagree about. No personal data: not even a blind index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// Of one part the regions hold different versions, or different wrapped keys of one version.
    Part {
        /// The user.
        id: UserId,
        /// Which part.
        part: Part,
        /// The version that the region holds.
        own: Option<Version>,
        /// The version that the peer holds.
        peer: Option<Version>,
        /// When the newer version was written.
        since: Millis,
    },
    /// Of one versioned item the regions hold different versions.
    Item {
        /// In which table.
        table: &'static str,
        /// The user that it is about.
        user: UserId,
        /// The key.
        key: String,
        /// The version that the region holds.
        own: Option<Version>,
        /// The version that the peer holds.
        peer: Option<Version>,
        /// When the newer version was written.
        since: Millis,
    },
    /// The regions hold different rows of one key.
    OtherRow {
        /// Of which log: the name of its table.
        log: &'static str,
        /// The user that it is about.
        user: UserId,
        /// The key.
        key: String,
        /// When the region's own was written.
        since: Millis,
    },
    /// A region lacks a row that the other has.
    Row {
        /// Of which log: the name of its table.
        log: &'static str,
        /// About whom.
        user: UserId,
        /// The region that lacks it.
        lacking: Region,
        /// When it was recorded.
        since: Millis,
    },
    /// A user's claims and the table of claims disagree.
    Claims {
        /// The user.
        id: UserId,
        /// The version of the user's profile part; nothing if there is none.
        version: Option<Version>,
        /// Claims that the table lacks.
        missing: usize,
        /// Claims that the user does not make.
        superfluous: usize,
    },
    /// A user is merged into another, and the table of members does not say so.
    Member {
        /// The user.
        id: UserId,
        /// The other.
        root: UserId,
        /// When the part was written that says so.
        since: Millis,
    },
}

/// The last pass that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSweep {
    /// When it began.
    pub began: Millis,
    /// When it ended.
    pub ended: Millis,
    /// What it did.
    pub report: SweepReport,
}

impl LastSweep {
    /// Since when the two sides are known to have been equal: all that was written until then is in both. Nothing if the
    /// pass found differences, mended ones too, or could not look at everything. What was too young to be compared counts
    /// as that: an older version that it stands over may never have arrived.
    pub fn converged_as_of(&self) -> Option<Millis> {
        let SweepReport { found, young, passed_over, .. } = self.report;
        (found + young + passed_over + self.report.unhandled() == 0).then(|| settled(self.began))
    }
}

/// What a pass does with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Adds up both sides.
    Digest,
    /// Looks again at the buckets that differ.
    Mend,
    /// There is no other table.
    Done,
}

/// How far a scan has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cursor {
    After(Option<String>),
    End,
}

impl Cursor {
    pub(super) fn is_end(&self) -> bool {
        *self == Self::End
    }
}

/// Where a pass is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) began: Millis,
    /// What was written after this is on its way.
    pub(super) settled: Millis,
    /// Which of the replicated tables, in the order of their list.
    pub(super) table: usize,
    pub(super) phase: Phase,
    pub(super) own: Cursor,
    pub(super) other: Cursor,
    pub(super) report: SweepReport,
}

impl Progress {
    pub(super) fn new(now: Millis) -> Self {
        let start = || Cursor::After(None);
        let (phase, report) = (Phase::Digest, SweepReport::default());
        Self { began: now, settled: settled(now), table: 0, phase, own: start(), other: start(), report }
    }

    pub(super) fn cursor(&mut self, own: bool) -> &mut Cursor {
        if own { &mut self.own } else { &mut self.other }
    }

    pub(super) fn at_end(&self) -> bool {
        self.own.is_end() && self.other.is_end()
    }

    /// Begins a phase, from the start of both sides.
    pub(super) fn turn(&mut self, phase: Phase) {
        (self.phase, self.own, self.other) = (phase, Cursor::After(None), Cursor::After(None));
    }
}

/// What is kept of sweeps: where one is, and how the last one ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kept {
    pub(super) open: Option<(Progress, Buckets)>,
    pub(super) last: Option<LastSweep>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    progress: Option<Progress>,
    last: Option<LastSweep>,
}

impl Kept {
    /// The length of a head, the head as JSON, the buckets.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let progress = self.open.as_ref().map(|(progress, _)| progress.clone());
        let head = serde_json::to_vec(&Head { format: FORMAT, progress, last: self.last }).unwrap_or_default();
        let mut bytes = u32::try_from(head.len()).unwrap_or(0).to_be_bytes().to_vec();
        bytes.extend(head);
        bytes.extend(self.open.iter().flat_map(|(_, buckets)| buckets.to_bytes()));
        bytes
    }

    /// What was kept; of what cannot be read, nothing: then a sweep starts over.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (head, buckets) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        if head.format != FORMAT {
            return None;
        }
        let open = match head.progress {
            Some(progress) => Buckets::from_bytes(buckets).map(|buckets| (progress, buckets)),
            None => None,
        };
        Some(Self { open, last: head.last })
    }
}

/// What was written until then has arrived, if all is well.
pub(super) const fn settled(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(ON_ITS_WAY_MS))
}
