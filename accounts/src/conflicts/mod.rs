//! Conflicts: two users who own one identifier, because two regions accepted it at the same time or an import brought
//! it. Operators list and resolve them.
//!
//! The journal names the pairs, and the current profile parts decide. A conflict is open if both users are live, are
//! not one person, and own the same identifier since a time after the last dismissal of the pair. The parts are not
//! opened for that, because no user's access depends on it. [`Resolution`] opens them.

mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::names::attribute;
use umoja_schema::{CompanyId, IdentifierItem, IdentifierKind, Log, LogRow, Millis, PartRecord, UserId};
use umoja_store::RegionPorts;
use umoja_store::apply::IDENTIFIER_CONFLICT;
use umoja_store::person::is_same_person;
use umoja_store::ports::{Parts, StoreError};

use crate::evidence::{Contradiction, Evidence, Joins};

pub use resolve::{Resolution, ResolveError, Resolved, Way};

/// The kind of a journal row about a conflict that an operator dismissed.
pub const CONFLICT_DISMISSED: &str = "conflict_dismissed";

/// The kind of a journal row about identifiers that a user gave up to another one.
pub const CONFLICT_GIVEN_UP: &str = "conflict_given_up";

/// The field with the operator, in a row about a conflict that was resolved.
pub const BY: &str = "by";

/// The field with what differs between two users whom an operator merged all the same.
pub const DESPITE: &str = "despite";

/// The number of pairs that are read at the same time.
const CONCURRENT: usize = 16;

/// The number of rows in a page.
const PAGE: usize = 200;

/// The current state of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Both users own the same identifier.
    Open,
    /// Both users own the same identifier, and an operator has dismissed the conflict.
    Dismissed,
    /// Both users own the same identifier, and are one person.
    OnePerson,
    /// The users own no identifier in common.
    Settled,
    /// One of them is erased, or has not arrived here.
    Gone,
}

/// An identifier that two users own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contested {
    /// The kind of identifier.
    pub kind: IdentifierKind,
    /// The company of an external id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
    /// The one of the two that look-ups find.
    pub winner: UserId,
    /// The time of the later ownership.
    #[serde(rename = "since_ms")]
    pub since: Millis,
    /// The users whose ownerships are verified.
    pub verified: Vec<UserId>,
}

/// The data of a region about two users who own one identifier, or owned one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The two users, in the requested order.
    pub users: [UserId; 2],
    /// The stored parts of each user.
    pub parts: [Parts; 2],
    /// The current state.
    pub state: State,
    /// The identifiers that both own. If the conflict is open, only those that are not dismissed.
    pub contested: Vec<Contested>,
    /// What says that the two users are two people.
    pub contradictions: Vec<Contradiction>,
}

/// Reads the conflict of two users.
///
/// # Errors
/// If the store fails.
pub async fn look(region: &RegionPorts, one: UserId, other: UserId) -> Result<Conflict, StoreError> {
    let (first, second) = try_join(region.users.parts(one), region.users.parts(other)).await?;
    let (Some(its), Some(theirs)) = (live(&first), live(&second)) else {
        let (state, contested) = (State::Gone, Vec::new());
        let (users, parts) = ([one, other], [first, second]);
        return Ok(Conflict { users, parts, state, contested, contradictions: Vec::new() });
    };
    let [own, rival] = [its, theirs].map(|part| Evidence::of(part.profile_facts()));
    let contradictions = own.contradictions(&rival, Joins::Passwords);
    let conflict = |state, parts, contested| Conflict { users: [one, other], parts, state, contested, contradictions };
    let contested = contested(its, theirs);
    if contested.is_empty() {
        return Ok(conflict(State::Settled, [first, second], contested));
    }
    if is_same_person(&*region.users, its, other).await? {
        return Ok(conflict(State::OnePerson, [first, second], contested));
    }
    let dismissed = dismissed(&rivals(region, one).await?.remove(&other).unwrap_or_default());
    let open: Vec<_> =
        contested.iter().filter(|one| dismissed.is_none_or(|dismissed| dismissed < one.since)).cloned().collect();
    Ok(if open.is_empty() {
        conflict(State::Dismissed, [first, second], contested)
    } else {
        conflict(State::Open, [first, second], open)
    })
}

fn live(parts: &Parts) -> Option<&PartRecord> {
    parts.profile.as_ref().filter(|_| parts.is_live())
}

/// The identifiers that two users both own. An identifier has an index for each live key, and counts once.
fn contested(one: &PartRecord, other: &PartRecord) -> Vec<Contested> {
    let mut found = BTreeMap::new();
    for (index, ownership) in one.ownerships() {
        let Some(rival) = other.ownerships().get(index) else { continue };
        let owners = BTreeMap::from([(one.id, ownership.clone()), (other.id, rival.clone())]);
        let verified = owners.iter().filter(|(_, ownership)| ownership.verified).map(|(id, _)| *id).collect();
        let item = IdentifierItem { index: *index, owners };
        let Some((winner, _)) = item.winner() else { continue };
        let (kind, company) = (ownership.kind, ownership.company.clone());
        let since = ownership.owned_since.max(rival.owned_since);
        found.entry((kind, company.clone())).or_insert(Contested { kind, company, winner, since, verified });
    }
    found.into_values().collect()
}

/// The time of the last dismissal of a pair, from its rows. Its HLC timestamp is later than those of both parts at that
/// time.
fn dismissed(rows: &[LogRow]) -> Option<Millis> {
    rows.iter().filter(|row| row.kind == CONFLICT_DISMISSED).map(|row| row.at.millis()).max()
}

/// The journal rows about a user and each other user that owned the same identifier or was merged with it, oldest
/// first.
///
/// # Errors
/// If the store fails.
pub async fn rivals(region: &RegionPorts, id: UserId) -> Result<BTreeMap<UserId, Vec<LogRow>>, StoreError> {
    let mut found: BTreeMap<UserId, Vec<LogRow>> = BTreeMap::new();
    for row in region.logs.rows(Log::Journal, id).await? {
        if let Some(other) = other(&row) {
            found.entry(other).or_default().push(row);
        }
    }
    for rows in found.values_mut() {
        rows.sort_by_key(|row| row.at);
    }
    Ok(found)
}

/// The other user of a journal row.
fn other(row: &LogRow) -> Option<UserId> {
    let names = [attribute::RIVAL, attribute::SURVIVOR, attribute::DUPLICATE];
    names.iter().filter_map(|name| row.field(name)?.parse().ok()).find(|other| *other != row.user)
}

/// The open conflicts of a region, one page of its journal at a time, in the order of the adapter. It returns each pair
/// once, and keeps only the pairs of open conflicts in memory.
pub struct OpenConflicts<'a> {
    region: &'a RegionPorts,
    seen: BTreeSet<[UserId; 2]>,
    after: Option<String>,
    ended: bool,
    rows: u64,
    unreadable: u64,
}

impl<'a> OpenConflicts<'a> {
    /// Starts at the beginning of the journal.
    pub fn new(region: &'a RegionPorts) -> Self {
        Self { region, seen: BTreeSet::new(), after: None, ended: false, rows: 0, unreadable: 0 }
    }

    /// The number of rows that were read so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of unreadable rows so far, which may hide a conflict.
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The open conflicts of the next page. `None` at the end. After an error, the next call reads the same page.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn page(&mut self) -> Result<Option<Vec<Conflict>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.region.logs.scan_rows(Log::Journal, self.after.clone(), PAGE).await?;
        // Each conflict has a row for each of its users.
        let pair = |row: &LogRow| other(row).filter(|other| row.user < *other).map(|other| [row.user, other]);
        let rows = page.rows.iter().filter(|row| row.kind == IDENTIFIER_CONFLICT);
        let pairs: BTreeSet<_> = rows.filter_map(pair).filter(|pair| !self.seen.contains(pair)).collect();
        let looks: Vec<_> = pairs.into_iter().map(|[one, other]| look(self.region, one, other)).collect();
        let mut open: Vec<Conflict> = stream::iter(looks).buffered(CONCURRENT).try_collect().await?;
        open.retain(|conflict| conflict.state == State::Open);
        self.seen.extend(open.iter().map(|conflict| conflict.users));
        self.rows += page.rows.len() as u64;
        self.unreadable += page.unreadable.len() as u64;
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(Some(open))
    }
}
