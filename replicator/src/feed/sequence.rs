//! The sequence of a company's events: its last event, and the place of the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use umoja_schema::events::{BLOCK, END, end};
use umoja_schema::{CompanyId, Hlc, Log, LogRow, Millis, Place, Region};
use umoja_store::Home;
use umoja_store::events::{EventRetention, MAX_KEEP_DAYS, block_id, block_of};
use umoja_store::ports::StoreError;

/// The most companies whose last event is remembered.
const REMEMBERED: usize = 10_000;

/// The last events of companies, as this feed stored or found them. If another feed of the region has stored more, a
/// number that is taken already cannot be stored again, and the last event is read.
#[derive(Default)]
pub(super) struct Sequences(Mutex<BTreeMap<CompanyId, Last>>);

/// The last row of a sequence.
#[derive(Clone, Copy)]
pub(super) struct Last {
    place: Place,
    at: Hlc,
    /// True if it ends its day.
    is_end: bool,
}

/// The place of the next event.
pub(super) struct Next {
    pub(super) place: Place,
    /// The event before it.
    pub(super) previous: Option<Place>,
    /// When it is made. It never decreases.
    pub(super) at: Hlc,
    /// The end of an earlier day, which no event takes any more.
    ended: Option<Place>,
}

impl Sequences {
    fn all(&self) -> MutexGuard<'_, BTreeMap<CompanyId, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last row of a company's sequence; `None` if there is none that has not expired.
    pub(super) async fn last(&self, home: &Home, company: &CompanyId) -> Result<Option<Last>, StoreError> {
        let known = self.all().get(company).copied();
        match known {
            Some(last) => Ok(Some(last)),
            None => stored(home, company).await,
        }
    }

    pub(super) fn forget(&self, companies: &BTreeSet<CompanyId>) {
        let mut all = self.all();
        all.retain(|company, _| !companies.contains(company));
    }

    pub(super) fn note(&self, last: BTreeMap<CompanyId, Option<Last>>) {
        let mut all = self.all();
        if all.len() + last.len() > REMEMBERED {
            all.clear();
        }
        all.extend(last.into_iter().filter_map(|(company, last)| Some((company, last?))));
    }
}

impl Last {
    /// The epoch of the row.
    pub(super) const fn epoch(&self) -> u32 {
        self.place.epoch
    }
}

impl Next {
    /// The place after the last row, in an epoch that is not before the last row's.
    ///
    /// # Errors
    /// If a day has no more numbers.
    pub(super) fn after(last: Option<Last>, now: Millis, epoch: u32) -> Result<Self, StoreError> {
        let (today, at) = (Place::day_of(now), Hlc::at(now));
        let first = |day| Place { epoch, day, number: 0 };
        let Some(last) = last else {
            // Another feed whose clock is not past midnight may find no row either: it cannot begin at the end of its day.
            let ended = today.checked_sub(1).map(first);
            return Ok(Self { place: first(today), previous: None, at, ended });
        };
        // If the clock was set back, the day and the time stay those of the last event.
        let (day, at) = (today.max(last.place.day), at.max(last.at));
        if epoch != last.place.epoch {
            return Ok(Self { place: first(day), previous: Some(last.place), at, ended: None });
        }
        let next = || last.place.next().ok_or_else(|| StoreError::Rejected("a day with too many events".to_owned()));
        if day == last.place.day && !last.is_end {
            return Ok(Self { place: next()?, previous: Some(last.place), at, ended: None });
        }
        let day = if last.is_end { day.max(last.place.day.saturating_add(1)) } else { day };
        let ended = if last.is_end { None } else { Some(next()?) };
        Ok(Self { place: first(day), previous: Some(last.place), at, ended })
    }

    /// The last row once this event is stored.
    pub(super) const fn taken(&self) -> Last {
        Last { place: self.place, at: self.at, is_end: false }
    }

    /// The row that ends an earlier day. So a feed whose clock is behind does not continue that day.
    pub(super) fn end(&self, company: &CompanyId, origin: &Region, retention: &EventRetention) -> Option<LogRow> {
        let place = self.ended?;
        Some(end(block_of(company, place), place, (origin, self.at), retention.expires_at(place)))
    }
}

/// Finds the last row of a sequence: the last day that has any, and in it the last block.
async fn stored(home: &Home, company: &CompanyId) -> Result<Option<Last>, StoreError> {
    let today = Place::day_of(home.clock.now());
    // A clock that was set back may be a day behind.
    for day in (today.saturating_sub(MAX_KEEP_DAYS + 1)..=today.saturating_add(1)).rev() {
        let Some(first) = in_block(home, company, day, 0, None).await? else { continue };
        let epoch = Some(first.place.epoch);
        // Blocks are full up to the last one: the first empty one is searched by halves.
        let (mut full, mut step, mut last) = (0, 1, first);
        while let Some(found) = in_block(home, company, day, full + step, epoch).await? {
            (full, last, step) = (full + step, found, step * 2);
        }
        while step > 1 {
            step /= 2;
            if let Some(found) = in_block(home, company, day, full + step, epoch).await? {
                (full, last) = (full + step, found);
            }
        }
        return Ok(Some(last));
    }
    Ok(None)
}

/// The last own row of a block, of one epoch or of the last one.
async fn in_block(
    home: &Home,
    company: &CompanyId,
    day: u16,
    block: u32,
    epoch: Option<u32>,
) -> Result<Option<Last>, StoreError> {
    let rows = home.own.logs.rows(Log::Events, block_id(company, day, block)).await?;
    let own = rows.iter().filter_map(|row| {
        let (origin, place) = Place::in_key(&row.key)?;
        let is_here =
            place.day == day && place.number / BLOCK == block && epoch.is_none_or(|epoch| epoch == place.epoch);
        let last = Last { place, at: row.at, is_end: row.kind == END };
        (is_here && origin == home.own.name).then_some(last)
    });
    Ok(own.max_by_key(|last| last.place))
}
