//! Makes events for companies from a region's stream.
//!
//! # Guarantees
//!
//! - **One change, one event.** An event takes its number in the transaction that stores it, together with a row that says
//!   that the change has its event for the company. A record that is delivered again makes no second event, and a feed
//!   that is killed at any await leaves nothing half done.
//! - **No gap.** The numbers of a company's events have no gaps, so that a reader in another region sees that one of them
//!   has not arrived yet. A feed that may have lost rows continues in another epoch.
//! - **Only own writes.** The region that wrote a part makes its events; the others get them by replication. Each region
//!   reports an erasure also to the companies that it has informed of the user and that the receipt does not name.
//! - **Only linked companies.** A company gets events of users that it is linked to, and of those that are one person
//!   with them.

mod change;
mod sequence;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::events::{made, made_key};
use umoja_schema::{CompanyId, EventRow, Log, LogRow};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::events::{EventRetention, block_of, epoch};
use umoja_store::ports::{Commit, MAX_WRITES, StoreError, Writes};
use umoja_store::{Change, Home};

use change::{Found, Reported, Written};
use sequence::{Last, Next, Sequences};

/// How many reads run at the same time.
const CONCURRENT: usize = 16;
/// The most rows of one event: itself, the row that says that it is made, and the end of the day before.
const ROWS: usize = 3;

/// Makes events for companies from the changes of a region's stream.
pub struct Feed {
    home: Home,
    sequences: Sequences,
}

/// The result of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FeedOutcome {
    /// The lowest sequence that was not handled. It and all later records have to be delivered again. `None` if the
    /// whole batch was handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Records in the batch.
    pub records: usize,
    /// Events that were made.
    pub made: usize,
    /// The companies that they are for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub companies: BTreeSet<CompanyId>,
}

impl Feed {
    /// The feed of a region.
    pub fn new(home: Home) -> Self {
        Self { home, sequences: Sequences::default() }
    }

    /// Handles a batch in the order of the stream. The future may be dropped at any await: when the batch is delivered
    /// again, the completed work is not repeated.
    pub async fn handle(&self, changes: &[Change]) -> FeedOutcome {
        let mut outcome = FeedOutcome { records: changes.len(), ..FeedOutcome::default() };
        let (mut written, mut seen) = (Vec::new(), BTreeSet::new());
        for change in changes {
            match Written::read(&self.home, change).await {
                // A wrapped key that was added later makes another image of the same write.
                Ok(Some(one)) if seen.insert((one.user, one.change.clone(), one.follows_events())) => written.push(one),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "a change could not be verified and will be delivered again");
                    outcome.failed = Some(change.sequence.clone());
                    break;
                }
            }
        }
        for written in written.chunk_by(|_, next| !next.follows_events()) {
            if let Err(Stopped { at, error }) = self.make(written, &mut outcome).await {
                tracing::error!(%error, "events could not be made; their changes will be delivered again");
                outcome.failed = Some(at);
                break;
            }
        }
        outcome
    }

    async fn make(&self, written: &[Written], outcome: &mut FeedOutcome) -> Result<(), Stopped> {
        let Some(first) = written.first() else { return Ok(()) };
        let stopped = |error| Stopped { at: first.sequence.clone(), error };
        let retention = EventRetention::load(&*self.home.registry).await.map_err(stopped)?;
        let now = self.home.clock.now();
        let in_time = written.iter().filter(|one| now.since(one.version.hlc.millis()) < retention.keep_ms());
        let found: Vec<_> = in_time.map(|one| one.found(&self.home)).collect();
        let found: Vec<Found<'_>> = stream::iter(found).buffered(CONCURRENT).try_collect().await.map_err(stopped)?;
        let mut reported: Vec<Reported<'_>> = found.into_iter().flat_map(Found::reported).collect();
        let mut rounds = 0;
        while !reported.is_empty() {
            let at = reported[0].written.sequence.clone();
            let stopped = |error| Stopped { at: at.clone(), error };
            let batch = reported.len().min(MAX_WRITES / ROWS);
            let absent = self.absent(&reported[..batch]).await.map_err(stopped)?;
            let mut next: Vec<&Reported<'_>> = Vec::with_capacity(batch);
            for (one, absent) in reported[..batch].iter().zip(absent) {
                next.extend(absent.then_some(one));
            }
            if next.is_empty() || self.commit(&next, &retention, outcome).await.map_err(stopped)? {
                reported.drain(..batch);
                rounds = 0;
                continue;
            }
            rounds += 1;
            if rounds == MAX_ROUNDS {
                return Err(stopped(StoreError::Throttled(
                    "a sequence of events that is written very often".to_owned(),
                )));
            }
        }
        Ok(())
    }

    /// For each event to make, whether it has not been made yet.
    async fn absent(&self, reported: &[Reported<'_>]) -> Result<Vec<bool>, StoreError> {
        let rows = reported.iter().map(async |reported| {
            let Reported { written, company, .. } = reported;
            let key = made_key(&self.home.own.name, &written.change, company);
            match self.home.own.logs.row(Log::Events, written.user, &key).await {
                Ok(row) => Ok(row.is_none()),
                // Its key is taken, so there is or was an event.
                Err(StoreError::Unreadable(error)) => {
                    tracing::error!(user = %written.user, %error, "a row about a made event cannot be read");
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        });
        let rows: Vec<_> = rows.collect();
        stream::iter(rows).buffered(CONCURRENT).try_collect().await
    }

    /// Makes events in one transaction, in this order. False if another feed of the region made events of the same
    /// companies, or one of these, at the same moment.
    async fn commit(
        &self,
        reported: &[&Reported<'_>],
        retention: &EventRetention,
        outcome: &mut FeedOutcome,
    ) -> Result<bool, StoreError> {
        let home = &self.home;
        let companies: BTreeSet<CompanyId> = reported.iter().map(|one| one.company.clone()).collect();
        let mut last: BTreeMap<CompanyId, Option<Last>> = BTreeMap::new();
        for company in &companies {
            last.insert(company.clone(), self.sequences.last(home, company).await?);
        }
        let now = home.clock.now();
        let epoch = epoch(&*home.checkpoints, now, last.values().flatten().map(Last::epoch).max()).await?;
        let mut rows: Vec<LogRow> = Vec::new();
        let mut count = 0;
        for Reported { written, company, user, min_version, notices } in reported.iter().copied() {
            let next = Next::after(last.get(company).copied().flatten(), now, epoch)?;
            rows.extend(next.end(company, &home.own.name, retention));
            let event = EventRow {
                origin: home.own.name.clone(),
                place: next.place,
                previous: next.previous,
                at: next.at,
                user: *user,
                changed: written.user,
                part: written.part,
                version: written.version.clone(),
                min_version: min_version.clone(),
                notices: notices.clone(),
            };
            let expires_at = retention.expires_at(next.place);
            rows.push(event.to_row(block_of(company, next.place), expires_at));
            rows.push(made(written.user, &written.change, company, (&home.own.name, next.at), expires_at));
            last.insert(company.clone(), Some(next.taken()));
            count += 1;
        }
        let new_rows = rows.into_iter().map(|row| (Log::Events, row)).collect();
        // Whatever the outcome, the stored rows are read again if this is dropped or fails.
        self.sequences.forget(&companies);
        let writes = Writes { new_rows, ..Writes::default() };
        if home.own.users.commit(&writes).await? != Commit::Done {
            return Ok(false);
        }
        self.sequences.note(last);
        outcome.made += count;
        outcome.companies.extend(companies);
        Ok(true)
    }
}

/// Where a batch stopped, and why.
struct Stopped {
    at: String,
    error: StoreError,
}
