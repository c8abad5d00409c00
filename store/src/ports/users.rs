use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{
    BlindIndex, IdentifierItem, Item, ItemError, Key, Log, LogRow, Part, PartRecord, RecordVersion, Region, UserId,
    Version, VersionedItem,
};

use super::StoreError;

/// The users of one region, their identifier ownerships and the pointers between them (tables `users`, `identifiers`
/// and `linked_accounts`).
///
/// Every read is strongly consistent: it sees every write that was acknowledged before it began.
#[async_trait]
pub trait Users: Send + Sync {
    /// One part of a user.
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError>;

    /// Both parts of a user, in one read.
    async fn parts(&self, id: UserId) -> Result<Parts, StoreError>;

    /// The ownerships of identifiers, in the order of `indexes`; [`IdentifierItem::unowned`] where there is none.
    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError>;

    /// The users whose pointer (`merged_into`) names a user, in the order of their ids. The table is derived: only the
    /// part of a user decides whether the pointer exists.
    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError>;

    /// [`Users::parts`] and [`Users::linked_accounts`] of a user, at the same time, or in one read where that costs less.
    async fn user(&self, id: UserId) -> Result<(Parts, Vec<UserId>), StoreError> {
        futures_util::future::try_join(self.parts(id), self.linked_accounts(id)).await
    }

    /// Any stored user, chosen by `seed`, for work that has to take as long as that for a user who exists. `None` if there is
    /// none, or if the adapter finds none without a search.
    async fn any_user(&self, seed: u64) -> Result<Option<UserId>, StoreError> {
        let _ = seed;
        Ok(None)
    }

    /// Does all writes, or none of them if a condition does not hold. A single part or item alone is a plain
    /// conditional write (half the cost of a transaction on DynamoDB). Written parts appear in the region's stream in
    /// the order of their writes.
    ///
    /// [`StoreError::Unavailable`] means that the writes may have been done. The caller has to repeat them and to
    /// compare the stored parts with its own.
    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError>;

    /// Does writes that contain no parts, if the user's profile part is of exactly this version (`None`: absent), and
    /// returns whether it did. So the data derived from a part is written without writing the part.
    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError>;

    /// Adds one region's wrapped key to a live part, if the stored version is exactly `version` and the region's stored
    /// wrapped key is exactly `replaced` (`None`: the region has none that verifies). It never changes the version. The
    /// change appears in the stream.
    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError>;

    /// Removes one region's wrapped key from a live part, if the stored version is exactly `version`. It never changes
    /// the version. Only for a region that was removed from the deployment: within one version, the set of wrapped keys
    /// of listed regions only grows.
    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError>;

    /// The entity tag of the item under a key of any replicated table, whether or not the item can be read. `None` if
    /// there is no item.
    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError>;

    /// Replaces the item under the same key of any replicated table if the entity tag of the stored one is still `etag`,
    /// and returns whether it did. It writes no ownerships and no pointers.
    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError>;

    /// Parts in the order of the adapter, starting after `after`. The two parts of a user may be on different pages.
    /// The page reports unreadable parts, and they do not hide the parts after them.
    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError>;

    /// Items of `identifiers` in the order of the adapter, starting after `after`. The page may omit an item that is
    /// written meanwhile, and reports unreadable ones.
    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError>;

    /// Pointers of `linked_accounts` in the order of the adapter, starting after `after`. The page may omit a pointer that
    /// is written meanwhile.
    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError>;

    /// Deletes the item of an identifier if it cannot be read, and returns whether it did. The table is derived, so the
    /// item can be made again from the owners' parts.
    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError>;

    /// Deletes pointers from `linked_accounts`, each if the profile part of its user is still as it was read, and returns
    /// how many.
    async fn drop_pointers(&self, superfluous: &[SuperfluousPointer]) -> Result<u64, StoreError> {
        let drop = async |pointer: &SuperfluousPointer| {
            let SuperfluousPointer { primary, linked, profile } = pointer;
            let linked_accounts = vec![LinkedAccountWrite { primary: *primary, linked: *linked, present: false }];
            let writes = Writes { linked_accounts, ..Writes::default() };
            self.derive(*linked, profile.as_ref(), &writes).await
        };
        let work: Vec<_> = superfluous.iter().map(drop).collect();
        let dropped: Vec<bool> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        Ok(dropped.into_iter().filter(|dropped| *dropped).count() as u64)
    }

    /// Deletes rows of a derived table that a scan reported as strays, and returns how many. No reader finds them.
    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError>;

    /// Checks whether the store answers, as cheaply as possible. A peer that is down gets no other call until this one
    /// succeeds.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// How many deletions of pointers run at the same time.
const CONCURRENT: usize = 32;

/// A pointer in `linked_accounts` that no part has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuperfluousPointer {
    /// The target of the pointer.
    pub primary: UserId,
    /// The user that the table lists.
    pub linked: UserId,
    /// The version of the user's profile part as it was read; `None` if there was none.
    pub profile: Option<Version>,
}

/// Rows of a derived table whose key is none that Umoja writes, by their positions in a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strays {
    /// Of `identifiers`.
    Identifiers(Vec<String>),
    /// Of `linked_accounts`.
    LinkedAccounts(Vec<String>),
}

/// Some pointers of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkedAccountPage {
    /// The target of each pointer, and the user with the pointer.
    pub pointers: Vec<(UserId, UserId)>,
    /// The positions of rows that are no pointers, for [`Users::drop_strays`].
    pub strays: Vec<String>,
    /// The position after which the next page starts; `None` at the end.
    pub next: Option<String>,
}

/// Both parts of a user, as far as this region has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The profile part.
    pub profile: Option<PartRecord>,
    /// The credentials part.
    pub credentials: Option<PartRecord>,
}

impl Parts {
    /// Sets the part of the record's kind.
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

    /// The id of the user, if there is any part.
    pub fn id(&self) -> Option<UserId> {
        self.profile.as_ref().or(self.credentials.as_ref()).map(|part| part.id)
    }

    /// True if both parts are tombstones.
    pub fn is_erased(&self) -> bool {
        Part::ALL.into_iter().all(|part| self.get(part).is_some_and(|record| record.version.erased))
    }

    /// True if both parts have arrived and are live.
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

/// Writes that are done together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// Parts with their conditions; at most one per (user, part).
    pub parts: Vec<PartWrite>,
    /// Ownerships, each on the condition that the item is unchanged since it was read; at most one per identifier.
    pub ownerships: Vec<IdentifierWrite>,
    /// Pointers of the parts, indexed by their target; at most one per (primary account, linked account). They have no
    /// condition of their own: the part of the linked account, which is written with them, has one.
    pub linked_accounts: Vec<LinkedAccountWrite>,
    /// Profile parts that must be stored in exactly this version; otherwise no write is done. None of them is among
    /// [`Writes::parts`]; at most one per user.
    pub unchanged: Vec<(UserId, Version)>,
    /// Versioned items with their conditions; at most one per key.
    pub items: Vec<ItemWrite>,
    /// Append-only rows. Their keys name the event, so writing a row a second time has no effect.
    pub rows: Vec<(Log, LogRow)>,
    /// Append-only rows whose keys must be absent; otherwise no write is done. At most one per key, and none of
    /// [`Writes::rows`].
    pub new_rows: Vec<(Log, LogRow)>,
}

/// A conditional write of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartWrite {
    /// The part to store.
    pub record: PartRecord,
    /// The condition of the write.
    pub condition: Condition,
}

/// A conditional write of one versioned item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemWrite {
    /// The item to store.
    pub item: VersionedItem,
    /// The condition of the write.
    pub condition: Condition,
}

/// The condition of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no item.
    Absent,
    /// The stored item has exactly this version.
    VersionIs(Version),
    /// There is no item, or one of an older version than the new one.
    Older,
    /// The stored item still has this entity tag: for items that cannot be read.
    EtagIs(Etag),
}

/// A value that changes with a stored item, in a form of the adapter's own (as RFC 9110 section 8.8.3). It identifies an
/// item that cannot be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Etag(pub Vec<u8>);

/// The value contains parts of an item, which must not get into logs.
impl std::fmt::Debug for Etag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Etag({})", self.0.len())
    }
}

/// A conditional write of the ownerships of one identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierWrite {
    /// The item that was read. The write is done only if its owners are unchanged.
    pub before: IdentifierItem,
    /// The item to store. It is deleted if it has no owners.
    pub after: IdentifierItem,
}

/// A write of one pointer between users, as seen from its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedAccountWrite {
    /// The target of the pointer.
    pub primary: UserId,
    /// The user with the pointer.
    pub linked: UserId,
    /// Whether the pointer exists after the write.
    pub present: bool,
}

impl Writes {
    /// The number of writes and checks in one transaction, at most [`MAX_WRITES`].
    pub fn count(&self) -> usize {
        self.parts.len()
            + self.ownerships.len()
            + self.linked_accounts.len()
            + self.unchanged.len()
            + self.items.len()
            + self.rows.len()
            + self.new_rows.len()
    }
}

/// The limit of DynamoDB for writes and checks in one transaction.
pub const MAX_WRITES: usize = 100;

/// The result of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// All writes were done.
    Done,
    /// No write was done.
    Conflict {
        /// The stored part for each of [`Writes::parts`], in order.
        stored: Vec<Option<PartRecord>>,
    },
}

/// The result of adding a wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAdded {
    /// It was added.
    Added,
    /// The region already had one, or another one than the replaced.
    Present,
    /// The stored part has another version, or there is none.
    OtherVersion(Option<Version>),
}

/// The result of removing a wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRemoved {
    /// It was removed.
    Removed,
    /// The region had no wrapped key.
    Absent,
    /// The stored part has another version, or there is none.
    OtherVersion(Option<Version>),
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The parts.
    pub records: Vec<PartRecord>,
    /// The users of the parts that are unreadable, because they are damaged or from newer software; `None` where the
    /// key is unreadable too.
    pub unreadable: Vec<Option<UserId>>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

impl Page {
    /// The page, for a caller that must not omit any part.
    ///
    /// # Errors
    /// If a part of the page is unreadable.
    pub fn whole(self) -> Result<Self, StoreError> {
        if self.unreadable.is_empty() { Ok(self) } else { Err(ItemError::new("item").into()) }
    }
}

/// A page of a scan of ownerships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierPage {
    /// The identifiers with their ownerships.
    pub items: Vec<IdentifierItem>,
    /// The identifiers of the items that are unreadable.
    pub unreadable: Vec<BlindIndex>,
    /// The positions of the items whose key is unreadable too, for [`Users::drop_strays`].
    pub strays: Vec<String>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}
