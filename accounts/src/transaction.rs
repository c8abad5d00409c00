//! One transaction on people: the only place that puts [`Writes`] together.
//!
//! What is easily forgotten cannot be left out. A part comes with what is stored of it, which is its condition
//! ([`Replacement`]). A profile part comes with the claims that change with it ([`ClaimPlan`]); its pointers and the
//! journal rows about conflicts are worked out here. The rows of the audit trail are given first, or why there are none
//! ([`Recorded`]).

use std::collections::BTreeMap;

use umoja_schema::{Actor, BlindIndex, Claim, Log, LogRow, PartRecord, UserId, Version};
use umoja_store::Home;
use umoja_store::apply::{ClaimChange, IDENTIFIER_CONFLICT, commit_own, conflicts, plan_claims_of, plan_members};
use umoja_store::audit::{Events, Recorder};
use umoja_store::ports::{ClaimWrite, Commit, Condition, MAX_WRITES, PartWrite, StoreError, Users, Writes};

/// A part over what is stored in its place.
#[derive(Clone)]
pub struct Replacement<'a> {
    stored: Option<&'a PartRecord>,
    record: PartRecord,
}

impl<'a> Replacement<'a> {
    /// A part of which nothing is stored yet.
    pub const fn new(record: PartRecord) -> Self {
        Self { stored: None, record }
    }

    /// A part over the stored one: written only while that is what is stored.
    pub const fn of(stored: &'a PartRecord, record: PartRecord) -> Self {
        Self { stored: Some(stored), record }
    }

    /// A part over what is stored, if there is anything.
    pub const fn over(stored: Option<&'a PartRecord>, record: PartRecord) -> Self {
        Self { stored, record }
    }

    fn write(&self) -> PartWrite {
        let condition = self.stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
        PartWrite { record: self.record.clone(), condition }
    }
}

/// The claims that change when profile parts are written, each conditional on the claimants that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimPlan(Vec<ClaimWrite>);

impl ClaimPlan {
    /// Reads who claims what these changes are about.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read(users: &dyn Users, changes: &[ClaimChange<'_>]) -> Result<Self, StoreError> {
        plan_claims_of(users, changes).await.map(Self)
    }

    /// The claims of a user that is new.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of_new(
        users: &dyn Users,
        id: UserId,
        claims: &BTreeMap<BlindIndex, Claim>,
    ) -> Result<Self, StoreError> {
        Self::read(users, &[ClaimChange { id, before: &BTreeMap::new(), after: claims }]).await
    }

    /// The writes.
    pub fn writes(&self) -> &[ClaimWrite] {
        &self.0
    }

    /// The same with other claims of one user, on the same identifiers.
    #[must_use]
    pub fn with_claims_of(&self, id: UserId, claims: &BTreeMap<BlindIndex, Claim>) -> Self {
        let again = |write: &ClaimWrite| {
            let after = write.before.with(id, claims.get(&write.before.index));
            ClaimWrite { before: write.before.clone(), after: after.unwrap_or_else(|| write.before.clone()) }
        };
        Self(self.0.iter().map(again).collect())
    }
}

/// The rows of the audit trail that go with a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded(Vec<(Log, LogRow)>);

/// Why a transaction has no row in the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrecorded {
    /// A stored hash is made anew of the same password.
    PasswordUpgrade,
    /// Nothing of either user changes: the journal says that their conflict may stand.
    Dismissal,
    /// Nothing is said anew: a part is written again for keys that were rotated.
    KeyRotation,
}

impl Recorded {
    /// What is done to whom.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn events(recorder: Recorder<'_>, actor: &Actor, events: &Events) -> Result<Self, StoreError> {
        recorder.rows(actor, events).await.map(Self)
    }

    /// The same about a new user. The first round takes it that the region has recorded nothing about the id yet; there may
    /// be rows of an earlier round, or of a user who is not here any more.
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

    /// There is nothing to record.
    pub const fn none(_why: Unrecorded) -> Self {
        Self(Vec::new())
    }
}

/// A transaction that is being put together.
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

    /// Writes profile parts with their claims and pointers, and journals the conflicts that the claims make. `same` says
    /// which users are the same person as those who are written, and so no rivals.
    pub fn profiles(mut self, parts: &[Replacement<'_>], claims: ClaimPlan, same: impl Fn(UserId) -> bool) -> Self {
        self.writes.claims.extend(claims.0);
        for part in parts {
            let Replacement { stored, record } = part;
            self.writes.members.extend(plan_members(*stored, record));
            let origin = &self.home.own.name;
            self.writes.rows.extend(conflicts(record.id, &record.version, &self.writes.claims, origin, &same));
            self.writes.parts.push(part.write());
        }
        self
    }

    /// Writes a credentials part.
    pub fn credentials(mut self, part: &Replacement<'_>) -> Self {
        self.writes.parts.push(part.write());
        self
    }

    /// Adds append-only rows.
    pub fn rows(mut self, rows: impl IntoIterator<Item = (Log, LogRow)>) -> Self {
        self.writes.rows.extend(rows);
        self
    }

    /// Only while these profile parts are stored in these versions.
    pub fn unchanged(mut self, others: impl IntoIterator<Item = (UserId, Version)>) -> Self {
        self.writes.unchanged.extend(others);
        self
    }

    /// The same if the transaction takes them all. A person of more users than a merge brings together is written without:
    /// better than not at all.
    pub fn unchanged_if_they_fit(self, others: Vec<(UserId, Version)>) -> Self {
        if self.writes.count() + others.len() <= MAX_WRITES { self.unchanged(others) } else { self }
    }

    /// True if one transaction takes it.
    pub fn fits(&self) -> bool {
        self.writes.count() <= MAX_WRITES
    }

    /// True if somebody else claims an identifier that it claims.
    pub fn is_in_conflict(&self) -> bool {
        self.writes.rows.iter().any(|(_, row)| row.kind == IDENTIFIER_CONFLICT)
    }

    /// Commits it: all of it or nothing. A write that may have been done and was overtaken is an error.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn commit(self) -> Result<Commit, StoreError> {
        commit_own(&*self.home.own.users, &self.writes).await
    }

    /// The same; true if it was done, false if somebody got in between.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn is_done(self) -> Result<bool, StoreError> {
        Ok(self.commit().await? == Commit::Done)
    }
}
