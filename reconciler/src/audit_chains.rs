//! Passes over a region's audit trail: verifying its chains, and dropping rows past their retention.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::audit::place;
use umoja_schema::{Log, LogRow, Millis, UserId};
use umoja_store::RegionPorts;
use umoja_store::audit::{AuditKey, Check, Flaw};
use umoja_store::ports::StoreError;

use crate::CONCURRENT;

/// How many rows one step examines.
const PAGE: usize = 500;

/// A user whose chains are broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The user.
    pub user: UserId,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

/// The rows of a region's audit trail, grouped by user. Memory grows only with the rows of one user.
pub(crate) struct Users<'a> {
    region: &'a RegionPorts,
    after: Option<String>,
    ended: bool,
    /// The rows of the user whose rows may continue on the next page.
    open: Vec<LogRow>,
    rows: u64,
    unreadable: u64,
}

impl<'a> Users<'a> {
    pub(crate) const fn new(region: &'a RegionPorts) -> Self {
        Self { region, after: None, ended: false, open: Vec::new(), rows: 0, unreadable: 0 }
    }

    /// The rows of the next users; `None` at the end.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<Vec<LogRow>>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.region.logs.scan_rows(Log::Audit, self.after.clone(), PAGE).await?;
        self.rows += page.rows.len() as u64;
        self.unreadable += page.unreadable.len() as u64;
        self.ended = page.next.is_none();
        self.after = page.next;
        let mut users = Vec::new();
        for row in page.rows {
            if self.open.first().is_some_and(|open| open.user != row.user) {
                users.push(std::mem::take(&mut self.open));
            }
            self.open.push(row);
        }
        if self.ended && !self.open.is_empty() {
            users.push(std::mem::take(&mut self.open));
        }
        Ok(Some(users))
    }
}

/// Verifies the audit trail of a region: the region's own chains are complete, and no row is forged.
pub struct AuditCheck<'a> {
    users: Users<'a>,
    check: Check<'a>,
    /// Rows that were written before this time should have been dropped.
    overdue_before: Millis,
    overdue: u64,
}

impl<'a> AuditCheck<'a> {
    /// Begins at the start. Without `key`, forged rows are accepted as genuine.
    pub const fn new(region: &'a RegionPorts, key: Option<&'a AuditKey>, dropped_before: Millis) -> Self {
        let check = Check { key, region: Some(&region.name), dropped_before };
        Self { users: Users::new(region), check, overdue_before: Millis(0), overdue: 0 }
    }

    /// Also counts the rows from before a time that [`AuditDrop`] would drop.
    #[must_use]
    pub const fn counting_old(mut self, before: Millis) -> Self {
        self.overdue_before = before;
        self
    }

    /// How many of those there are.
    pub const fn overdue(&self) -> u64 {
        self.overdue
    }

    /// How many rows were examined so far.
    pub const fn rows(&self) -> u64 {
        self.users.rows
    }

    /// How many rows could not be read.
    pub const fn unreadable(&self) -> u64 {
        self.users.unreadable
    }

    /// The broken chains of the next page; `None` at the end. After an error, the same page is read again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn page(&mut self) -> Result<Option<Vec<Broken>>, StoreError> {
        let Some(users) = self.users.page().await? else { return Ok(None) };
        let mut broken = Vec::new();
        for rows in users {
            let Some(user) = rows.first().map(|row| row.user) else { continue };
            let is_flawed = !self.check.of(&rows).is_empty();
            self.overdue += old(rows, self.overdue_before).len() as u64;
            if !is_flawed {
                continue;
            }
            // A scan is not a snapshot, so a flaw counts only if it is also there when the user's rows are read on
            // their own.
            let flaws = self.check.of(&self.users.region.logs.rows(Log::Audit, user).await?);
            if !flaws.is_empty() {
                broken.push(Broken { user, flaws });
            }
        }
        Ok(Some(broken))
    }
}

/// Drops rows of a region's audit trail that were written before a time. The last row of each chain stays, because the
/// number of the next row follows from it. The rows of a chain are dropped from the first on, so that an interrupted
/// pass leaves no other gap.
pub struct AuditDrop<'a> {
    users: Users<'a>,
    /// The users of a page whose old rows are not dropped yet.
    open: Vec<Vec<LogRow>>,
    before: Millis,
    dropped: u64,
}

impl<'a> AuditDrop<'a> {
    /// Begins at the start. The settings of every region must first say that rows before this time may be missing.
    pub const fn new(region: &'a RegionPorts, before: Millis) -> Self {
        Self { users: Users::new(region), open: Vec::new(), before, dropped: 0 }
    }

    /// How many rows were dropped so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops the old rows of the next page; false at the end. After an error, the same page is read again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn page(&mut self) -> Result<bool, StoreError> {
        if self.open.is_empty() {
            let Some(users) = self.users.page().await? else { return Ok(false) };
            self.open = users;
        }
        let (region, before) = (self.users.region, self.before);
        let dropping: Vec<_> = self.open.iter().map(|rows| drop_old(region, old(rows.clone(), before))).collect();
        let dropped: Vec<u64> = stream::iter(dropping).buffer_unordered(CONCURRENT).try_collect().await?;
        self.open.clear();
        self.dropped += dropped.into_iter().sum::<u64>();
        Ok(true)
    }
}

async fn drop_old(region: &RegionPorts, rows: Vec<LogRow>) -> Result<u64, StoreError> {
    for row in &rows {
        region.logs.drop_row(Log::Audit, row.user, &row.key).await?;
    }
    Ok(rows.len() as u64)
}

/// The old rows of one user, except the last of each chain, first rows first.
fn old(mut rows: Vec<LogRow>, before: Millis) -> Vec<LogRow> {
    rows.retain(|row| place(&row.key).is_some());
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    let follows = |one: &LogRow, other: &LogRow| one.origin == other.origin;
    let is_followed: Vec<bool> =
        (0..rows.len()).map(|n| rows.get(n + 1).is_some_and(|next| follows(&rows[n], next))).collect();
    let old = rows.into_iter().zip(is_followed).filter(|(row, followed)| *followed && row.at.millis() < before);
    old.map(|(row, _)| row).collect()
}
