//! The rows of the table `due` as deliveries use them: a ring says that an account has to be brought up to date, and a
//! lease says which process does it.
//!
//! A ring counts up, so that one that comes during a delivery is seen at its end, and the delivery is made again.

use serde_json::{Map, Value};
use umoja_schema::{Millis, Target, TargetId, UserId};
use umoja_store::ports::{Due, DueRow, StoreError};

use crate::retry::NEVER;

/// How long a delivery belongs to the process that began it, in milliseconds: longer than its calls can take.
const LEASE_MS: u64 = 60_000;

/// How often a row is read again that others write.
const ROUNDS: usize = 16;

/// The rows of a page.
const PAGE: usize = 500;

const RINGS: &str = "rings";
const AGAIN: &str = "again";
const LEASED: &str = "leased";

/// What a row says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ring {
    /// How often it was rung for.
    rings: u64,
    /// To send even what the target has or rejected.
    again: bool,
    /// Until when it belongs to the process that delivers it.
    leased: Option<Millis>,
}

impl Ring {
    fn of(row: &DueRow) -> Self {
        let member = |name| row.members.as_ref().and_then(|members| members.get(name));
        Self {
            rings: member(RINGS).and_then(Value::as_u64).unwrap_or_default(),
            again: member(AGAIN).and_then(Value::as_bool).unwrap_or_default(),
            leased: member(LEASED).and_then(Value::as_u64).map(Millis),
        }
    }

    fn members(self) -> Map<String, Value> {
        let members =
            [(RINGS, self.rings.into()), (AGAIN, self.again.into()), (LEASED, self.leased.map(|until| until.0).into())];
        members.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
    }
}

/// A delivery that belongs to this process.
#[derive(Debug)]
pub(crate) struct Lease {
    name: String,
    user: UserId,
    ring: Ring,
}

/// The name of a target in the table.
pub(crate) fn name(target: &TargetId) -> String {
    Target::setting(target)
}

/// What waits for a target in its home.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// The accounts that have to be brought up to date, now or later.
    pub accounts: u64,
    /// When the first of them is due.
    pub first: Option<Millis>,
}

/// Counts what waits for a target.
///
/// # Errors
/// If the table `due` fails.
pub async fn waits(due: &dyn Due, target: &TargetId) -> Result<Waits, StoreError> {
    let (name, mut waits, mut after) = (name(target), Waits::default(), None);
    loop {
        let page = due.due_page(&name, NEVER, after, PAGE).await?;
        waits.accounts += page.rows.len() as u64;
        waits.first = waits.first.into_iter().chain(page.rows.iter().map(|(_, row)| row.at)).min();
        after = page.next;
        if after.is_none() {
            return Ok(waits);
        }
    }
}

/// Says that the account of a user has to be brought up to date.
pub(crate) async fn ring(
    due: &dyn Due,
    target: &TargetId,
    user: UserId,
    again: bool,
    now: Millis,
) -> Result<(), StoreError> {
    let name = name(target);
    for _ in 0..ROUNDS {
        let stored = due.due_row(&name, user).await?;
        let before = stored.as_ref().map(Ring::of).unwrap_or_default();
        let after = Ring { rings: before.rings + 1, again: before.again || again, leased: before.leased };
        // Who delivers sees the ring. A lease that ends makes the row due.
        let at = match &stored {
            Some(row) if before.leased.is_some() => row.at,
            _ => now,
        };
        let etag = stored.as_ref().map(|row| &row.etag);
        if due.replace_due(&name, user, etag, Some((at, &after.members()))).await? {
            return Ok(());
        }
    }
    Err(StoreError::Throttled("a delivery that is rung for very often".to_owned()))
}

impl Lease {
    /// Takes a row that is due. `None` if another process was earlier. If a process had it whose lease has ended, it
    /// is not known what that one has sent: so everything is sent again, whatever the digest says.
    pub(crate) async fn take(
        due: &dyn Due,
        target: &TargetId,
        (user, row): (UserId, &DueRow),
        now: Millis,
    ) -> Result<Option<Self>, StoreError> {
        let (name, before, until) = (name(target), Ring::of(row), now.plus(LEASE_MS));
        let ring = Ring { leased: Some(until), again: before.again || before.leased.is_some(), ..before };
        let is_taken = due.replace_due(&name, user, Some(&row.etag), Some((until, &ring.members()))).await?;
        Ok(is_taken.then_some(Self { name, user, ring }))
    }

    /// True if even what the target has or rejected is sent.
    pub(crate) const fn again(&self) -> bool {
        self.ring.again
    }

    /// Ends the delivery: the row is removed, or is due at this time, and with `again` everything is sent then. If it was
    /// rung for meanwhile, it is due at once.
    pub(crate) async fn end(
        &self,
        due: &dyn Due,
        (next_at, again): (Option<Millis>, bool),
        now: Millis,
    ) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let Some(stored) = due.due_row(&self.name, self.user).await? else { return Ok(()) };
            let ring = Ring::of(&stored);
            // The lease has ended meanwhile, and the row belongs to another process or is a new one.
            if ring.leased != self.ring.leased {
                return Ok(());
            }
            let is_rung = ring.rings != self.ring.rings;
            let at = if is_rung { Some(now) } else { next_at };
            let after = Ring { leased: None, again: ring.again || again, ..ring }.members();
            if due.replace_due(&self.name, self.user, Some(&stored.etag), at.map(|at| (at, &after))).await? {
                return Ok(());
            }
        }
        Err(StoreError::Throttled("a delivery that is rung for very often".to_owned()))
    }
}
