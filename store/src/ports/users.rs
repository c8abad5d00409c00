use async_trait::async_trait;
use umoja_schema::{
    BlindIndex, ClaimItem, ItemError, Log, LogRow, Part, PartRecord, RecordVersion, Region, UserId, Version,
    VersionedItem,
};

use super::StoreError;

/// The users of one region, the claims on their identifiers, and who is merged into whom (tables `users`, `identifiers`
/// and `members`).
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

    /// The users that point at a user (`merged_into`), in the order of their ids. Derived: whether one of them does is
    /// said by its own part.
    async fn members(&self, id: UserId) -> Result<Vec<UserId>, StoreError>;

    /// Does all writes, or none of them if a condition does not hold. A single part or item and nothing else is a plain
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

    /// Removes one region's wrapped key from a live part if the stored version is exactly `version`. Never changes the
    /// version. For a region that was removed from the deployment, and for nothing else: within one version the wrapped
    /// keys of listed regions only grow.
    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError>;

    /// Parts in the order of the adapter, from after `after` on; a user's two parts may be on different pages.
    /// What cannot be read is counted, and does not hide what comes after it.
    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError>;

    /// Items of `identifiers` in the order of the adapter, from after `after` on. One that is written meanwhile may be
    /// left out; one that cannot be read is counted.
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

    /// Whose parts they are, if there is any.
    pub fn id(&self) -> Option<UserId> {
        self.profile.as_ref().or(self.credentials.as_ref()).map(|part| part.id)
    }

    /// True if both parts are tombstones.
    pub fn is_erased(&self) -> bool {
        Part::ALL.into_iter().all(|part| self.get(part).is_some_and(|record| record.version.erased))
    }

    /// True once both parts have arrived, and while both are live.
    pub fn is_live(&self) -> bool {
        let live = |part: &Option<PartRecord>| part.as_ref().is_some_and(|part| part.live().is_some());
        live(&self.profile) && live(&self.credentials)
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
    /// Pointers of the parts, for those who look for them from the other end; at most one per (root, member). Without
    /// a condition of their own: the member's part, which is written with them, has one.
    pub members: Vec<MemberWrite>,
    /// Profile parts that have to be stored in exactly this version: otherwise nothing is done. None of them is among
    /// [`Writes::parts`]; at most one per user.
    pub unchanged: Vec<(UserId, Version)>,
    /// Versioned items, each with its condition; at most one per key.
    pub items: Vec<ItemWrite>,
    /// Append-only rows. Their keys name the event, so writing one again changes nothing.
    pub rows: Vec<(Log, LogRow)>,
    /// Append-only rows whose keys have to be absent: otherwise nothing is done. At most one per key, and none of
    /// [`Writes::rows`].
    pub new_rows: Vec<(Log, LogRow)>,
}

/// A conditional write of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartWrite {
    /// What to store.
    pub record: PartRecord,
    /// When to store it.
    pub condition: Condition,
}

/// A conditional write of one versioned item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemWrite {
    /// What to store.
    pub item: VersionedItem,
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

/// A write of one pointer between users, as seen from the user that is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberWrite {
    /// The user that is pointed at.
    pub root: UserId,
    /// The user that points.
    pub member: UserId,
    /// Whether it does from now on.
    pub present: bool,
}

impl Writes {
    /// How many writes and checks they are in one transaction, of which it takes [`MAX_WRITES`].
    pub fn count(&self) -> usize {
        self.parts.len()
            + self.claims.len()
            + self.members.len()
            + self.unchanged.len()
            + self.items.len()
            + self.rows.len()
            + self.new_rows.len()
    }
}

/// The most writes and checks in one transaction (DynamoDB's limit).
pub const MAX_WRITES: usize = 100;

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

/// What became of removing a wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRemoved {
    /// It was removed.
    Removed,
    /// The region had none.
    Absent,
    /// Another version is stored, or none.
    OtherVersion(Option<Version>),
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The parts.
    pub records: Vec<PartRecord>,
    /// Whose parts were left out because they cannot be read: damaged ones, or those of newer software; nothing where the
    /// key cannot be read either.
    pub unreadable: Vec<Option<UserId>>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

impl Page {
    /// The page, for those who must not leave anything out.
    ///
    /// # Errors
    /// If something of it cannot be read.
    pub fn whole(self) -> Result<Self, StoreError> {
        if self.unreadable.is_empty() { Ok(self) } else { Err(ItemError::new("item").into()) }
    }
}

/// A page of a scan of claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPage {
    /// The claims on each identifier.
    pub items: Vec<ClaimItem>,
    /// How many were left out because they cannot be read.
    pub unreadable: u64,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}
