//! One transaction on people. This is the only module that builds [`Writes`].
//!
//! Its types require everything that is easily forgotten. A part comes with the stored part, which is its condition
//! ([`Replacement`]), and with what it changes, by names, for the feed ([`Noticed`]). A profile part comes with the
//! ownerships that change with it ([`OwnershipPlan`]); its pointers and the journal rows about conflicts are derived
//! here. The rows of the audit trail come first, or the reason why there are none ([`Recorded`]).

use std::collections::BTreeMap;

use umoja_schema::{Actor, BlindIndex, IdentifierItem, Log, LogRow, Noticed, Ownership, PartRecord, UserId, Version};
use umoja_store::Home;
use umoja_store::apply::{
    IDENTIFIER_CONFLICT, OwnershipChange, commit_own, conflicts, plan_linked_accounts, plan_ownerships_of,
};
use umoja_store::audit::{Events, Recorder};
use umoja_store::ports::{
    Commit, Condition, IdentifierWrite, ItemWrite, MAX_WRITES, PartWrite, StoreError, Users, Writes,
};

/// A part, and the stored part that it replaces.
#[derive(Clone)]
pub struct Replacement<'a> {
    stored: Option<&'a PartRecord>,
    record: PartRecord,
}

impl<'a> Replacement<'a> {
    /// A part that is not stored yet.
    pub fn new(mut record: PartRecord, noticed: &Noticed) -> Self {
        noticed.put(&mut record);
        Self { stored: None, record }
    }

    /// A part that replaces the stored one. It is written only if that part is still stored.
    pub fn of(stored: &'a PartRecord, mut record: PartRecord, noticed: &Noticed) -> Self {
        noticed.put(&mut record);
        Self { stored: Some(stored), record }
    }

    /// A tombstone that replaces the stored part, if there is one. Its receipt has what the feed needs.
    pub const fn erasing(stored: Option<&'a PartRecord>, tombstone: PartRecord) -> Self {
        Self { stored, record: tombstone }
    }

    fn write(&self) -> PartWrite {
        let condition = self.stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
        PartWrite { record: self.record.clone(), condition }
    }
}

/// The ownerships that change when profile parts are written, each conditional on the owners that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnershipPlan(Vec<IdentifierWrite>);

impl OwnershipPlan {
    /// Reads the owners of the identifiers that change.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read(users: &dyn Users, changes: &[OwnershipChange<'_>]) -> Result<Self, StoreError> {
        plan_ownerships_of(users, changes).await.map(Self)
    }

    /// The ownerships of a new user.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of_new(
        users: &dyn Users,
        id: UserId,
        ownerships: &BTreeMap<BlindIndex, Ownership>,
    ) -> Result<Self, StoreError> {
        Self::read(users, &[OwnershipChange { id, before: &BTreeMap::new(), after: ownerships }]).await
    }

    /// The ownerships of a new user, on the condition that no user owns the identifiers.
    pub fn of_unowned(id: UserId, ownerships: &BTreeMap<BlindIndex, Ownership>) -> Self {
        let write = |(index, ownership): (&BlindIndex, &Ownership)| {
            let before = IdentifierItem::unowned(*index);
            let after = before.with(id, Some(ownership))?;
            Some(IdentifierWrite { before, after })
        };
        Self(ownerships.iter().filter_map(write).collect())
    }

    /// The writes.
    pub fn writes(&self) -> &[IdentifierWrite] {
        &self.0
    }

    /// The plan with other ownerships of one user on the same identifiers.
    #[must_use]
    pub fn with_ownerships_of(&self, id: UserId, ownerships: &BTreeMap<BlindIndex, Ownership>) -> Self {
        let replaced = |write: &IdentifierWrite| {
            let after = write.before.with(id, ownerships.get(&write.before.index));
            IdentifierWrite { before: write.before.clone(), after: after.unwrap_or_else(|| write.before.clone()) }
        };
        Self(self.0.iter().map(replaced).collect())
    }
}

/// The rows of the audit trail that go with a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded(Vec<(Log, LogRow)>);

/// Why a transaction has no row in the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrecorded {
    /// The stored hash of the same password is replaced by a new one.
    PasswordUpgrade,
    /// Neither user changes: the journal records that their conflict is dismissed.
    Dismissal,
    /// No data changes: a part is re-encrypted because keys were rotated.
    KeyRotation,
}

impl Recorded {
    /// The rows about these events.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn events(recorder: Recorder<'_>, actor: &Actor, events: &Events) -> Result<Self, StoreError> {
        recorder.rows(actor, events).await.map(Self)
    }

    /// The rows about a new user. The first round assumes that the region has no rows about the id yet. Later rounds
    /// read them, because there may be rows of an earlier round, or of a user that is no longer here.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of_new(
        recorder: Recorder<'_>,
        actor: &Actor,
        events: &Events,
        is_first: bool,
    ) -> Result<Self, StoreError> {
        if is_first {
            recorder.first_rows(actor, events).map(Self)
        } else {
            Self::events(recorder, actor, events).await
        }
    }

    /// No rows, for this reason.
    pub const fn none(_why: Unrecorded) -> Self {
        Self(Vec::new())
    }
}

/// A transaction that is being built.
#[must_use]
pub struct Transaction<'a> {
    home: &'a Home,
    writes: Writes,
}

impl<'a> Transaction<'a> {
    /// An empty transaction in a region.
    pub fn new(home: &'a Home, recorded: Recorded) -> Self {
        Self { home, writes: Writes { new_rows: recorded.0, ..Writes::default() } }
    }

    /// Writes profile parts with their ownerships and pointers, and journals the conflicts that the ownerships make.
    /// `same` is true for users of the same person as the written ones, which are no rivals.
    pub fn profiles(
        mut self,
        parts: &[Replacement<'_>],
        ownerships: OwnershipPlan,
        same: impl Fn(UserId) -> bool,
    ) -> Self {
        self.writes.ownerships.extend(ownerships.0);
        for part in parts {
            let Replacement { stored, record } = part;
            self.writes.linked_accounts.extend(plan_linked_accounts(*stored, record));
            let origin = &self.home.own.name;
            self.writes.rows.extend(conflicts(record.id, &record.version, &self.writes.ownerships, origin, &same));
            self.writes.parts.push(part.write());
        }
        self
    }

    /// Writes a credentials part.
    pub fn credentials(mut self, part: &Replacement<'_>) -> Self {
        self.writes.parts.push(part.write());
        self
    }

    /// Adds versioned items of users that it writes.
    pub fn items(mut self, items: Vec<ItemWrite>) -> Self {
        self.writes.items.extend(items);
        self
    }

    /// Adds append-only rows.
    pub fn rows(mut self, rows: impl IntoIterator<Item = (Log, LogRow)>) -> Self {
        self.writes.rows.extend(rows);
        self
    }

    /// Requires that these profile parts are stored in these versions.
    pub fn unchanged(mut self, others: impl IntoIterator<Item = (UserId, Version)>) -> Self {
        self.writes.unchanged.extend(others);
        self
    }

    /// [`Transaction::unchanged`], if the transaction has room for all of them. A person with more users than a merge
    /// allows is written without this condition, which is better than not at all.
    pub fn unchanged_if_they_fit(self, others: Vec<(UserId, Version)>) -> Self {
        if self.writes.count() + others.len() <= MAX_WRITES { self.unchanged(others) } else { self }
    }

    /// True if the writes fit into one transaction.
    pub fn fits(&self) -> bool {
        self.writes.count() <= MAX_WRITES
    }

    /// True if the written user owns an identifier that another user owns too.
    pub fn is_in_conflict(&self) -> bool {
        self.writes.rows.iter().any(|(_, row)| row.kind == IDENTIFIER_CONFLICT)
    }

    /// Commits all writes or none. It is an error if the writes may have been committed and were then overtaken.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn commit(self) -> Result<Commit, StoreError> {
        commit_own(&*self.home.own.users, &self.writes).await
    }

    /// Commits all writes or none. True if they were committed, false if another write got in between.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn is_done(self) -> Result<bool, StoreError> {
        Ok(self.commit().await? == Commit::Done)
    }
}
