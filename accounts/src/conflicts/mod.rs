//! Two users who claim one identifier, which two regions can accept at once: which conflicts are open, and resolving
//! them. An operator's.
//!
//! The journal says where to look. Whether a conflict is open is what the two profile parts say now: both live, not one
//! person, both with a claim on the same identifier, made after the last time that somebody dismissed the pair. Parts
//! are not opened for that: enough for what nobody's access depends on. [`Resolution`] opens them.

mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::names::attribute;
use umoja_schema::{ClaimItem, CompanyId, IdentifierKind, Log, LogRow, Millis, PartRecord, UserId};
use umoja_store::RegionPorts;
use umoja_store::apply::IDENTIFIER_CONFLICT;
use umoja_store::group::is_same_person;
use umoja_store::ports::{Parts, StoreError};

pub use resolve::{Resolution, ResolveError, Resolved, Way};

/// The kind of a journal row about a conflict that an operator lets stand.
pub const CONFLICT_DISMISSED: &str = "conflict_dismissed";

/// The kind of a journal row about identifiers that a user lost to another.
pub const CONFLICT_GIVEN_UP: &str = "conflict_given_up";

/// In a row about a conflict that was resolved: on whose behalf.
pub const BY: &str = "by";

/// How many pairs are looked at at the same time.
const CONCURRENT: usize = 16;

/// How many rows are read at a time.
const PAGE: usize = 200;

/// What a conflict is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Both users claim the same identifier.
    Open,
    /// They do, and an operator lets that stand.
    Dismissed,
    /// They do, and are one person.
    OnePerson,
    /// They claim no identifier in common.
    Settled,
    /// One of them is erased, or has not arrived here.
    Gone,
}

/// An identifier that two users claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contested {
    /// What kind of identifier it is.
    pub kind: IdentifierKind,
    /// The company that it belongs to; only for external ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
    /// The one of the two whom look-ups find.
    pub winner: UserId,
    /// When the later of the two claimed it.
    #[serde(rename = "since_ms")]
    pub since: Millis,
    /// Whose claims are verified.
    pub verified: Vec<UserId>,
}

/// What a region holds on two users who claim one identifier, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The two, as they were asked for.
    pub users: [UserId; 2],
    /// What is stored of each.
    pub parts: [Parts; 2],
    /// What the conflict is now.
    pub state: State,
    /// What both claim. If the conflict is open, what is not dismissed of it.
    pub contested: Vec<Contested>,
}

/// Looks at two users.
///
/// # Errors
/// If the store fails.
pub async fn look(region: &RegionPorts, one: UserId, other: UserId) -> Result<Conflict, StoreError> {
    let (first, second) = try_join(region.users.parts(one), region.users.parts(other)).await?;
    let conflict = |state, parts, contested| Conflict { users: [one, other], parts, state, contested };
    let (Some(its), Some(theirs)) = (live(&first), live(&second)) else {
        return Ok(conflict(State::Gone, [first, second], Vec::new()));
    };
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

/// What two users both claim. An identifier has an index for each live key, and is one all the same.
fn contested(one: &PartRecord, other: &PartRecord) -> Vec<Contested> {
    let mut found = BTreeMap::new();
    for (index, claim) in one.claims() {
        let Some(rival) = other.claims().get(index) else { continue };
        let claimants = BTreeMap::from([(one.id, claim.clone()), (other.id, rival.clone())]);
        let verified = claimants.iter().filter(|(_, claim)| claim.verified).map(|(id, _)| *id).collect();
        let item = ClaimItem { index: *index, claimants };
        let Some((winner, _)) = item.winner() else { continue };
        let (kind, company) = (claim.kind, claim.company.clone());
        let since = claim.claimed_at.max(rival.claimed_at);
        found.entry((kind, company.clone())).or_insert(Contested { kind, company, winner, since, verified });
    }
    found.into_values().collect()
}

/// When somebody last dismissed a pair, as its rows say. The stamp of that is after both parts as they were then.
fn dismissed(rows: &[LogRow]) -> Option<Millis> {
    rows.iter().filter(|row| row.kind == CONFLICT_DISMISSED).map(|row| row.at.millis()).max()
}

/// What the journal says about a user and others who claimed the same or were merged with it: the rows for each of them,
/// oldest first.
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

/// The open conflicts of a region, a page of its journal at a time, in the order of the adapter; each pair once. What it
/// remembers is the pairs of the conflicts that are open, and nothing of all the others.
pub struct OpenConflicts<'a> {
    region: &'a RegionPorts,
    seen: BTreeSet<[UserId; 2]>,
    after: Option<String>,
    ended: bool,
    rows: u64,
    unreadable: u64,
}

impl<'a> OpenConflicts<'a> {
    /// From the beginning.
    pub fn new(region: &'a RegionPorts) -> Self {
        Self { region, seen: BTreeSet::new(), after: None, ended: false, rows: 0, unreadable: 0 }
    }

    /// How many rows were looked at so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them cannot be read, and may hide a conflict.
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The open conflicts of the next page; nothing at the end. After an error, the same page comes again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn page(&mut self) -> Result<Option<Vec<Conflict>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.region.logs.scan_rows(Log::Journal, self.after.clone(), PAGE).await?;
        // Each conflict has a row for either user.
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
