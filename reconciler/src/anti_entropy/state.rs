//! The progress and report of an anti-entropy pass, and the form of its checkpoint.

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Part, Region, UserId, Version};
use umoja_store::digest::Buckets;

/// How long a write may take to arrive at a peer, in milliseconds.
pub const ON_ITS_WAY_MS: u64 = 60_000;

/// The version of the checkpoint format.
const FORMAT: u32 = 1;

/// What a pass has examined, found and repaired so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AntiEntropyReport {
    /// Items of the region that were examined: parts and rows, or parts.
    pub own: u64,
    /// Items of the peer, or identifiers.
    pub other: u64,
    /// Buckets that were compared, over all tables.
    pub buckets: u64,
    /// Buckets that differed.
    pub differing: u64,
    /// Differences found in those buckets.
    pub found: u64,
    /// Of those, differences that were repaired. A difference may take more than one change.
    #[serde(default)]
    pub repaired: u64,
    /// Differences younger than a minute, which were left alone.
    pub young: u64,
    /// Items that were too young to be compared, whether they differ or not.
    #[serde(default)]
    pub passed_over: u64,
    /// Items that cannot be read, because they are damaged or of a newer version. They were not compared.
    #[serde(default)]
    pub unreadable: u64,
    /// Differences that could not be repaired: a region rejected the repair, or the other side cannot be read.
    #[serde(default)]
    pub failed: u64,
    /// Parts that the peer lacked and accepted.
    pub pushed: u64,
    /// Parts that the region lacked and accepted.
    pub pulled: u64,
    /// Rows and versioned items that the peer lacked and accepted.
    pub rows_pushed: u64,
    /// Rows and versioned items that the region lacked and accepted.
    pub rows_pulled: u64,
    /// Missing ownerships that were added.
    pub ownerships_added: u64,
    /// Superfluous ownerships that were removed.
    pub ownerships_removed: u64,
    /// Merged users that were added to the table of linked accounts.
    #[serde(default)]
    pub linked_accounts_added: u64,
    /// Superfluous entries of the table of linked accounts that were removed.
    #[serde(default)]
    pub linked_accounts_removed: u64,
    /// Tombstones whose missing confirmation was added.
    #[serde(default)]
    pub confirmed: u64,
    /// Pairs of users that were listed for a merge because verified ownerships of both meet in an identifier.
    #[serde(default)]
    pub merges_asked: u64,
    /// Parts that lack a wrapped key.
    pub missing_keys: u64,
    /// Of those, parts that could not be listed for repair.
    pub unlisted: u64,
}

impl AntiEntropyReport {
    /// Adds another report to this one.
    pub const fn add(&mut self, other: &Self) {
        self.own += other.own;
        self.other += other.other;
        self.buckets += other.buckets;
        self.differing += other.differing;
        self.found += other.found;
        self.repaired += other.repaired;
        self.young += other.young;
        self.passed_over += other.passed_over;
        self.unreadable += other.unreadable;
        self.failed += other.failed;
        self.pushed += other.pushed;
        self.pulled += other.pulled;
        self.rows_pushed += other.rows_pushed;
        self.rows_pulled += other.rows_pulled;
        self.ownerships_added += other.ownerships_added;
        self.ownerships_removed += other.ownerships_removed;
        self.linked_accounts_added += other.linked_accounts_added;
        self.linked_accounts_removed += other.linked_accounts_removed;
        self.confirmed += other.confirmed;
        self.merges_asked += other.merges_asked;
        self.missing_keys += other.missing_keys;
        self.unlisted += other.unlisted;
    }

    /// How many parts, rows, ownerships and other derived items the repairs wrote or removed.
    pub const fn changes(&self) -> u64 {
        let exchanged = self.pushed + self.pulled + self.rows_pushed + self.rows_pulled;
        let derived = self.ownerships_added + self.ownerships_removed;
        let linked_accounts = self.linked_accounts_added + self.linked_accounts_removed;
        exchanged + derived + linked_accounts + self.confirmed
    }

    /// How many items could not be compared or repaired, and need an operator.
    pub const fn unhandled(&self) -> u64 {
        self.unreadable + self.failed
    }
}

/// A difference between two regions or between a region's tables. It contains no personal data, not even a blind index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// The regions hold different versions of one part, or different wrapped keys of one version.
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
    /// The regions hold different versions of one versioned item.
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
        /// The name of the log's table.
        log: &'static str,
        /// The user that it is about.
        user: UserId,
        /// The key.
        key: String,
        /// When the region's own row was written.
        since: Millis,
    },
    /// A region lacks a row that the other has.
    Row {
        /// The name of the log's table.
        log: &'static str,
        /// The user that it is about.
        user: UserId,
        /// The region that lacks it.
        lacking: Region,
        /// When it was recorded.
        since: Millis,
    },
    /// A user's ownerships and the table of ownerships disagree.
    Ownerships {
        /// The user.
        id: UserId,
        /// The version of the user's profile part; `None` if there is none.
        version: Option<Version>,
        /// Ownerships that the table lacks.
        missing: usize,
        /// Ownerships in the table that the user does not have.
        superfluous: usize,
    },
    /// An item cannot be read, because it is damaged or of a newer version. It is counted as unreadable, not as found.
    Unreadable {
        /// In which table.
        table: &'static str,
        /// Which region holds it.
        region: Region,
        /// The user that it is about; `None` if its key cannot be read either, or names no user.
        user: Option<UserId>,
    },
    /// A user is merged into another, and the table of linked accounts lacks the pointer.
    LinkedAccount {
        /// The merged user.
        id: UserId,
        /// The primary account.
        primary: UserId,
        /// When the part with the pointer was written.
        since: Millis,
    },
    /// The table of linked accounts has a user who is not merged into that primary account.
    SuperfluousLinkedAccount {
        /// The user.
        id: UserId,
        /// The account in the table.
        primary: UserId,
    },
}

/// The last completed pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPass {
    /// When it began.
    pub began: Millis,
    /// When it ended.
    pub ended: Millis,
    /// What it did.
    pub report: AntiEntropyReport,
}

impl LastPass {
    /// Until when the two sides are known to be equal: everything written until then is in both. `None` if the pass
    /// found differences, even repaired ones, or could not examine everything. Items too young to be compared also
    /// count as not examined: an older version that a young item replaced may never have arrived.
    pub fn converged_as_of(&self) -> Option<Millis> {
        let AntiEntropyReport { found, young, passed_over, .. } = self.report;
        (found + young + passed_over + self.report.unhandled() == 0).then(|| settled(self.began))
    }
}

/// What a pass does with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// It digests both sides.
    Digest,
    /// It examines the items of the buckets that differ.
    Repair,
    /// It examines the table of linked accounts, which the buckets do not cover.
    LinkedAccounts,
    /// It has finished all tables.
    Done,
}

/// The position of a scan.
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

/// The position of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) began: Millis,
    /// Items written after this are on their way.
    pub(super) settled: Millis,
    /// The index of the table in the list of replicated tables.
    pub(super) table: usize,
    pub(super) phase: Phase,
    pub(super) own: Cursor,
    pub(super) other: Cursor,
    pub(super) report: AntiEntropyReport,
}

impl Progress {
    pub(super) fn new(now: Millis) -> Self {
        let start = || Cursor::After(None);
        let (phase, report) = (Phase::Digest, AntiEntropyReport::default());
        Self { began: now, settled: settled(now), table: 0, phase, own: start(), other: start(), report }
    }

    pub(super) fn cursor(&mut self, own: bool) -> &mut Cursor {
        if own { &mut self.own } else { &mut self.other }
    }

    pub(super) fn at_end(&self) -> bool {
        self.own.is_end() && self.other.is_end()
    }

    /// Begins a phase at the start of both sides.
    pub(super) fn turn(&mut self, phase: Phase) {
        (self.phase, self.own, self.other) = (phase, Cursor::After(None), Cursor::After(None));
    }
}

/// The checkpoint of a comparison: the position of the running pass, and the result of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kept {
    pub(super) open: Option<(Progress, Buckets)>,
    pub(super) last: Option<LastPass>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    progress: Option<Progress>,
    last: Option<LastPass>,
}

impl Kept {
    /// Encodes the length of the head, the head as JSON, and the buckets.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let progress = self.open.as_ref().map(|(progress, _)| progress.clone());
        let head = serde_json::to_vec(&Head { format: FORMAT, progress, last: self.last }).unwrap_or_default();
        let mut bytes = u32::try_from(head.len()).unwrap_or(0).to_be_bytes().to_vec();
        bytes.extend(head);
        bytes.extend(self.open.iter().flat_map(|(_, buckets)| buckets.to_bytes()));
        bytes
    }

    /// Decodes a checkpoint. An unreadable checkpoint is treated as absent: the pass starts from the beginning.
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

/// The time until which writes have arrived, unless replication failed.
pub(super) const fn settled(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(ON_ITS_WAY_MS))
}
