//! Reading the events of a company from a position in the sequences of all regions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::events::{EVENT, expires_at, previous};
use umoja_schema::{CompanyId, EventRow, Log, LogRow, Millis, Place, Region};

use super::{MAX_KEEP_DAYS, block_id, end_of};
use crate::Home;
use crate::ports::StoreError;

/// How far a reader is in the sequences of all regions. It is valid in every region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Events from before this time are left out.
    pub from: Millis,
    /// The last event of each region that was read. A region that is not listed is read from the beginning.
    pub read: BTreeMap<Region, Place>,
}

/// Some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events, those of each region in the order of their places.
    pub events: Vec<EventRow>,
    /// The position after them.
    pub position: Position,
    /// True if there may be more events here.
    pub more: bool,
}

/// Which days a reader looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All of which something may be left to read.
    Whole,
    /// Yesterday and today: what has just been made. Events that arrive late from another region are not seen.
    Recent,
}

/// Why no events could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Events after the position have expired, or the region has lost events that were read: it continues behind others.
    #[error("events after the position have expired")]
    Expired,
}

/// How many days are read at the same time at most. A call begins with one day and doubles their number, so that it reads hardly
/// more than it needs, and passes over days without events fast.
const MAX_DAYS: usize = 16;
/// How many blocks after the first ones of each day one call reads.
const MAX_BLOCKS: usize = 64;
/// How old an event is when a gap before it is passed over, in milliseconds, if its region is no longer in the
/// deployment: then no region can fill the gap, and anti-entropy has brought what the other regions have.
const ABANDONED_MS: u64 = 2 * Millis::DAY_MS;

/// The events of a company after a position, with at most `limit` changes, or those of one write if these are more.
///
/// The events of a region are read in the order of their places. If one of them has not arrived here yet, the reader
/// stops in front of it, and continues with the other regions. So whatever region a reader continues in, it misses no
/// event and reads none twice.
///
/// # Errors
/// [`ReadError::Expired`] if events after the position were deleted before they were read, or if events that were read are lost.
pub async fn read(
    home: &Home,
    company: &CompanyId,
    position: &Position,
    limit: usize,
    window: Window,
) -> Result<Page, ReadError> {
    let now = home.clock.now();
    let today = Place::day_of(now);
    // The clock of another region may be ahead.
    let last = today.saturating_add(1);
    let begin = Place::day_of(position.from);
    let first = position.read.values().map(|place| place.day).fold(begin, u16::min);
    let first = first.max(match window {
        Window::Whole => today.saturating_sub(MAX_KEEP_DAYS + 1),
        Window::Recent => today.saturating_sub(1),
    });
    let mut reader = Reader {
        home,
        now,
        begin,
        stopped: BTreeSet::new(),
        position: position.clone(),
        limit,
        events: Vec::new(),
        changes: 0,
    };
    let (mut left, mut at_once) = (MAX_BLOCKS, 1);
    let mut ahead: VecDeque<Vec<LogRow>> = VecDeque::new();
    for day in first..=last {
        if ahead.is_empty() {
            if reader.changes >= limit {
                return Ok(reader.page(true));
            }
            let days = (day..=last).take(at_once);
            let blocks = days.map(|day| home.own.logs.rows(Log::Events, block_id(company, day, 0)));
            let blocks: Vec<_> = blocks.collect();
            ahead = stream::iter(blocks).buffered(MAX_DAYS).try_collect::<Vec<_>>().await?.into();
            at_once = (2 * at_once).min(MAX_DAYS);
        }
        let rows = ahead.pop_front();
        let mut wanted = BTreeSet::from([0]);
        let of_day = reader.position.read.values().filter(|place| place.day == day);
        wanted.extend(of_day.filter_map(|place| Some(place.next()?.block())));
        let mut first_block = rows;
        while let Some(block) = wanted.pop_first() {
            let rows = match first_block.take().filter(|_| block == 0) {
                Some(rows) => rows,
                None if left == 0 => return Ok(reader.page(true)),
                None => {
                    left -= 1;
                    home.own.logs.rows(Log::Events, block_id(company, day, block)).await?
                }
            };
            if !reader.block(day, block, rows)? {
                return Ok(reader.page(true));
            }
            let is_read = reader.position.read.values().any(|place| place.day == day && place.is_last_of(block));
            wanted.extend(is_read.then_some(block + 1));
        }
    }
    Ok(reader.page(false))
}

struct Reader<'a> {
    home: &'a Home,
    now: Millis,
    /// The day on which regions that are not in the position are begun to be read.
    begin: u16,
    /// The regions at whose gap the reader stopped.
    stopped: BTreeSet<Region>,
    position: Position,
    limit: usize,
    events: Vec<EventRow>,
    changes: usize,
}

/// How a row is related to what was read.
enum Follows {
    /// It is the next one.
    Next,
    /// A row before it has not arrived.
    Gap,
}

impl Reader<'_> {
    fn page(self, more: bool) -> Page {
        Page { events: self.events, position: self.position, more }
    }

    /// Reads the rows of a block. False if the page is full before their end.
    fn block(&mut self, day: u16, block: u32, rows: Vec<LogRow>) -> Result<bool, ReadError> {
        let placed = |row: LogRow| {
            let (origin, place) = Place::in_key(&row.key)?;
            let is_here = place.day == day && place.block() == block && origin == row.origin;
            let is_live = expires_at(&row).is_some_and(|at| at > self.now);
            (is_here && is_live).then_some((row.at, origin, place, row))
        };
        let mut rows: Vec<_> = rows.into_iter().filter_map(placed).collect();
        // The times of a region's events never decrease, so the order of each region stays.
        rows.sort_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
        for (at, origin, place, row) in rows {
            let read = self.position.read.get(&origin).copied();
            if self.stopped.contains(&origin) || read.is_some_and(|read| place <= read) {
                continue;
            }
            if matches!(self.follows(read, &origin, place, &row)?, Follows::Gap) {
                self.stopped.insert(origin);
                continue;
            }
            if row.kind == EVENT && at.millis() >= self.position.from {
                match EventRow::from_row(&row) {
                    Ok(event) => {
                        if !self.events.is_empty() && self.changes + event.notices.len() > self.limit {
                            return Ok(false);
                        }
                        self.changes += event.notices.len();
                        self.events.push(event);
                    }
                    Err(error) => tracing::error!(%origin, %place, %error, "an event cannot be read"),
                }
            }
            self.position.read.insert(origin, place);
        }
        Ok(true)
    }

    fn follows(&self, read: Option<Place>, origin: &Region, place: Place, row: &LogRow) -> Result<Follows, ReadError> {
        let before = match place.number.checked_sub(1) {
            Some(number) => Some(Place { number, ..place }),
            None => previous(row),
        };
        let Some(before) = before else { return Ok(Follows::Next) };
        // The first row of an epoch follows the last one that its region had. Who has read more has read what is lost.
        if before.epoch != place.epoch && read.is_some_and(|read| read.epoch == before.epoch && read > before) {
            return Err(ReadError::Expired);
        }
        let is_read = read.map_or(before.day < self.begin, |read| before <= read);
        if is_read {
            return Ok(Follows::Next);
        }
        // The rows of a day expire together, and the row before this one was kept for as long.
        let kept = expires_at(row).unwrap_or_default().since(end_of(place.day));
        if end_of(before.day).plus(kept) <= self.now {
            return if read.is_some() { Err(ReadError::Expired) } else { Ok(Follows::Next) };
        }
        let is_listed = self.home.region_names().any(|region| region == origin);
        let is_abandoned = !is_listed && !row.at.millis().is_within(ABANDONED_MS, self.now);
        Ok(if is_abandoned { Follows::Next } else { Follows::Gap })
    }
}
