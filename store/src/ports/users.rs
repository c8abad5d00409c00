use async_trait::async_trait;
use umoja_schema::{BlindIndex, ClaimItem, Log, LogRow, Part, PartRecord, RecordVersion, Region, UserId, Version};

use super::StoreError;

/// The users of one region and the claims on their identifiers (tables `users` and `identifiers`).
///
/// Every read is strongly consistent: it sees every write that was acknowledged before it began.
#[async_trait]
pub trait Users: Send + Sync {
    /// One part of a user.
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError>;

    /// Both parts of a user, in one read.
    async fn parts(&self, id: UserId) -> Result<Parts, StoreError>;

    /// The claims on identifiers, in the order asked for; [`ClaimItem::unclaimed`] where there is none.
    async fn claims(&self, indexes: &[BlindIndex]) -> Result<Vec<ClaimItem>, StoreError>;

    /// Does all writes, or none of them if a condition does not hold. A single part without claims or rows is a plain
    /// conditional write (half the cost of a transaction on DynamoDB). Parts that were written appear in the region's
    /// stream in the order of their writes.
    ///
    /// [`StoreError::Unavailable`] means that the writes may have been done: the caller repeats them and compares
    /// what is stored with its own write.
    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError>;

    /// Does writes that hold no parts, if the user's profile part is of exactly this version, or absent if that is said:
    /// what is derived from a part is written without writing the part. True if they were done.
    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError>;

    /// Adds one region's wrapped key to a live part if the stored version is exactly `version` and the region has no
    /// entry. Never changes the version. The change appears in the stream.
    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError>;

    /// Parts in the order of the adapter, from after `after` on; a user's two parts may be on different pages.
    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError>;

    /// Items of `identifiers` in the order of the adapter, from after `after` on. One that is written meanwhile may be
    /// left out.
    async fn scan_claims(&self, after: Option<String>, limit: usize) -> Result<ClaimPage, StoreError>;

    /// Asks for an answer, as cheaply as possible: a peer that is down is left alone until this succeeds.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// Both parts of a user, as far as they are in this region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The profile part.
    pub profile: Option<PartRecord>,
    /// The credentials part.
    pub credentials: Option<PartRecord>,
}

impl Parts {
    /// Puts a part where it belongs.
    pub fn set(&mut self, record: PartRecord) {
        match record.part {
            Part::Profile => self.profile = Some(record),
            Part::Credentials => self.credentials = Some(record),
        }
    }

    /// One of the parts.
    pub fn get(&self, part: Part) -> Option<&PartRecord> {
        match part {
            Part::Profile => self.profile.as_ref(),
            Part::Credentials => self.credentials.as_ref(),
        }
    }

    /// The version over both parts, once both have arrived.
    pub fn version(&self) -> Option<RecordVersion> {
        let (profile, credentials) = (self.profile.as_ref()?, self.credentials.as_ref()?);
        let (id, profile, credentials) = (profile.id, profile.version.clone(), credentials.version.clone());
        Some(RecordVersion { id, profile, credentials })
    }
}

/// What is written together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// Parts, each with its condition; at most one per (user, part).
    pub parts: Vec<PartWrite>,
    /// Claims, each conditional on what was read; at most one per identifier.
    pub claims: Vec<ClaimWrite>,
    /// Append-only rows. Their keys name the event, so writing one again changes nothing.
    pub rows: Vec<(Log, LogRow)>,
}

/// A conditional write of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartWrite {
    /// What to store.
    pub record: PartRecord,
    /// When to store it.
    pub condition: Condition,
}

/// What has to be stored for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Absent,
    /// Exactly this version.
    VersionIs(Version),
    /// Nothing, or an older version than the one being written.
    Older,
}

/// A conditional write of the claims on one identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimWrite {
    /// What was read: the write happens only if the claimants are still exactly these.
    pub before: ClaimItem,
    /// What to store; the item is deleted if nobody claims it any more.
    pub after: ClaimItem,
}

/// What became of the writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// All were done.
    Done,
    /// None was done.
    Conflict {
        /// What is stored, for each of [`Writes::parts`] in order.
        stored: Vec<Option<PartRecord>>,
    },
}

/// What became of a wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAdded {
    /// It was added.
    Added,
    /// The region already had one.
    Present,
    /// Another version is stored, or none.
    OtherVersion(Option<Version>),
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The parts.
    pub records: Vec<PartRecord>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

/// A page of a scan of claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPage {
    /// The claims on each identifier.
    pub items: Vec<ClaimItem>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}
