//! The audit trail: chains of security events, one for each user and region.
//!
//! A row holds the MAC of the previous row and its own, under a key that every region derives from a secret of the
//! deployment. An attacker who can write the table but lacks the key can neither make, nor change, nor move a row, and
//! a deleted row leaves a gap. Only deleting the last rows of a chain leaves no gap, and then the other regions still
//! have them.
//!
//! A row is written in the transaction of the event that it records, on the condition that its number is free. So there
//! is no fork and no gap, and no row records an event that was not done.

mod key;
mod retention;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future::try_join_all;
use serde::Serialize;
use umoja_schema::audit::{Actor, AuditEvent, field, key, place, prefix};
use umoja_schema::{Attribute, Attributes, Hlc, ItemError, Log, LogRow, Millis, Region, UserId};

use crate::Home;
use crate::apply::MAX_ROUNDS;
use crate::ports::StoreError;

pub use key::AuditKey;
pub use retention::{Retention, is_dropped};

/// Events with their users.
pub type Events = [(UserId, AuditEvent)];

/// Records events in a region.
#[derive(Clone, Copy)]
pub struct Recorder<'a> {
    home: &'a Home,
    key: &'a AuditKey,
}

impl<'a> Recorder<'a> {
    /// A recorder for the region of `home`.
    pub const fn new(home: &'a Home, key: &'a AuditKey) -> Self {
        Self { home, key }
    }

    /// The rows of events, each after the last row of its user's chain in this region. They are meant for
    /// [`Writes::new_rows`](crate::ports::Writes::new_rows). If another event is recorded first, they have to be made
    /// again.
    ///
    /// # Errors
    /// If the store fails, or the last row of a chain is malformed.
    pub async fn rows(&self, actor: &Actor, events: &Events) -> Result<Vec<(Log, LogRow)>, StoreError> {
        let users: BTreeSet<UserId> = events.iter().map(|(user, _)| *user).collect();
        let prefix = prefix(&self.home.own.name);
        let last = users.into_iter().map(async |user| {
            let last = self.home.own.logs.last_row(Log::Audit, user, &prefix).await?;
            Ok::<_, StoreError>(last.map(|last| (user, last)))
        });
        self.after(try_join_all(last).await?.into_iter().flatten().collect(), actor, events)
    }

    /// Like [`Recorder::rows`], without a read, for users that have no row in this region yet.
    ///
    /// # Errors
    /// As [`Recorder::rows`].
    pub fn first_rows(&self, actor: &Actor, events: &Events) -> Result<Vec<(Log, LogRow)>, StoreError> {
        self.after(BTreeMap::new(), actor, events)
    }

    /// Records an event on its own: one that changes no data of the user.
    ///
    /// # Errors
    /// If the store fails. The event may have been recorded.
    pub async fn append(&self, actor: &Actor, user: UserId, event: AuditEvent) -> Result<(), StoreError> {
        let events = [(user, event)];
        let logs = &self.home.own.logs;
        for _ in 0..MAX_ROUNDS {
            for (log, row) in self.rows(actor, &events).await? {
                let appended = match logs.append(log, &row).await {
                    Ok(true) => return Ok(()),
                    // The answer was lost, so the row may have been written.
                    Ok(false) | Err(StoreError::Unavailable(_)) => logs.row(log, user, &row.key).await?,
                    Err(error) => return Err(error),
                };
                if appended.as_ref() == Some(&row) {
                    return Ok(());
                }
            }
        }
        Err(StoreError::Throttled("an audit trail that is written very often".to_owned()))
    }

    fn after(
        &self,
        mut last: BTreeMap<UserId, LogRow>,
        actor: &Actor,
        events: &Events,
    ) -> Result<Vec<(Log, LogRow)>, StoreError> {
        let mut rows = Vec::new();
        for (user, event) in events {
            let (region, now, nonce) = (&self.home.own.name, self.home.clock.now(), self.home.entropy.array());
            let place = Place { region, user: *user, last: last.get(user) };
            let row = place.row(self.key, actor, event, now, nonce)?;
            last.insert(*user, row.clone());
            rows.push((Log::Audit, row));
        }
        Ok(rows)
    }
}

/// The position of a new row.
struct Place<'a> {
    region: &'a Region,
    user: UserId,
    /// The previous row of the chain.
    last: Option<&'a LogRow>,
}

impl Place<'_> {
    fn row(
        &self,
        mac_key: &AuditKey,
        actor: &Actor,
        event: &AuditEvent,
        now: Millis,
        nonce: [u8; 8],
    ) -> Result<LogRow, StoreError> {
        let (mut fields, mut number, mut at) = (actor.fields(), Some(1), Hlc::at(now));
        fields.extend(event.fields());
        fields.insert(field::NONCE.into(), Attribute::B(nonce.to_vec()));
        if let Some(last) = self.last {
            number = place(&last.key).and_then(|(_, number)| number.checked_add(1));
            fields.insert(field::PREVIOUS.into(), Attribute::B(mac(last).unwrap_or_default().to_vec()));
            fields.insert(field::PREVIOUS_AT.into(), last.at.to_string().into());
            // If the clock was set back, the time stays that of the last row. Numbers decide the order, and no request
            // is rejected for it.
            at = at.max(last.at);
        }
        let key = key(self.region, number.ok_or(StoreError::Unreadable(ItemError::new("key")))?);
        let (user, origin, kind) = (self.user, self.region.clone(), event.name().to_owned());
        let mut row = LogRow { user, key, at, origin, kind, fields, unknown: Attributes::new() };
        let tag = tag(&row, |parts| mac_key.tag(parts));
        row.fields.insert(field::MAC.into(), Attribute::B(tag.to_vec()));
        Ok(row)
    }
}

/// A flaw in a user's chains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
pub enum Flaw {
    /// A row that belongs to no chain.
    Foreign {
        /// Its key.
        key: String,
    },
    /// A row that was not made by a region of this deployment, or was changed later.
    Forged {
        /// Its key.
        key: String,
    },
    /// Rows are missing.
    Gap {
        /// The region of the chain.
        region: Region,
        /// The number of the last row before the gap; 0 if the first rows are missing.
        after: u64,
        /// The number of the first row after the gap.
        before: u64,
    },
    /// A row that does not follow the previous one: the region continued from an older state of its table.
    Unlinked {
        /// Its key.
        key: String,
    },
    /// Two regions hold different rows with the same key.
    Differs {
        /// The key.
        key: String,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { key } => write!(f, "row {key} belongs to no chain"),
            Self::Forged { key } => write!(f, "row {key} was not written by Umoja, or was changed"),
            Self::Gap { region, after, before } => {
                write!(f, "rows of {region} are missing between number {after} and number {before}")
            }
            Self::Unlinked { key } => write!(f, "row {key} does not follow the one before it"),
            Self::Differs { key } => write!(f, "regions hold different rows {key}"),
        }
    }
}

/// The criteria for checking the rows of a user.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The key to check that a region of the deployment made a row. Without it, only numbers and links are checked.
    pub key: Option<&'a AuditKey>,
    /// The region whose chain must be complete; `None` for every region. Rows of other regions may still be on their
    /// way.
    pub region: Option<&'a Region>,
    /// Rows from before this time may be missing, because they were past the retention period.
    pub dropped_before: Millis,
}

impl Check<'_> {
    /// The flaws in the rows of one user, which may be in any order.
    pub fn of(&self, rows: &[LogRow]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut chains: BTreeMap<Region, BTreeMap<u64, &LogRow>> = BTreeMap::new();
        for row in rows {
            match place(&row.key).filter(|(region, _)| *region == row.origin) {
                Some((region, number)) => {
                    if self.key.is_some_and(|key| !is_genuine(row, key)) {
                        flaws.push(Flaw::Forged { key: row.key.clone() });
                    }
                    chains.entry(region).or_default().insert(number, row);
                }
                None => flaws.push(Flaw::Foreign { key: row.key.clone() }),
            }
        }
        for (region, chain) in &chains {
            let has_to_be_whole = self.region.is_none_or(|wanted| wanted == region);
            flaws.extend(self.chain(region, chain).filter(|flaw| has_to_be_whole || !matches!(flaw, Flaw::Gap { .. })));
        }
        flaws
    }

    fn chain(&self, region: &Region, chain: &BTreeMap<u64, &LogRow>) -> impl Iterator<Item = Flaw> {
        let before = std::iter::once(None).chain(chain.iter().map(Some));
        before.zip(chain).filter_map(|(last, (number, row))| {
            let after = last.map_or(0, |(after, _)| *after);
            let gap = || Flaw::Gap { region: region.clone(), after, before: *number };
            match last {
                None if *number == 1 => None,
                // The next row says how old the youngest of the missing rows is.
                _ if after + 1 != *number => {
                    previous_at(row).is_none_or(|at| at.millis() >= self.dropped_before).then(gap)
                }
                None => None,
                Some((_, last)) => {
                    let previous = match row.fields.get(field::PREVIOUS) {
                        Some(Attribute::B(previous)) => Some(&previous[..]),
                        _ => None,
                    };
                    (previous.is_none() || previous != mac(last)).then(|| Flaw::Unlinked { key: row.key.clone() })
                }
            }
        })
    }
}

/// The time of the previous row, as stored in a row.
fn previous_at(row: &LogRow) -> Option<Hlc> {
    row.field(field::PREVIOUS_AT)?.parse().ok()
}

/// The stored MAC of a row.
fn mac(row: &LogRow) -> Option<&[u8]> {
    match row.fields.get(field::MAC) {
        Some(Attribute::B(mac)) => Some(mac),
        _ => None,
    }
}

fn is_genuine(row: &LogRow, key: &AuditKey) -> bool {
    mac(row).is_some_and(|mac| tag(row, |parts| key.is_tag(parts, mac)))
}

/// Computes over the whole row except its MAC, including fields of newer versions.
fn tag<T>(row: &LogRow, compute: impl Fn(&[&[u8]]) -> T) -> T {
    let fields: Attributes = row
        .fields
        .iter()
        .filter(|(name, _)| *name != field::MAC)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut bytes = Vec::new();
    Attribute::M(fields).encode(&mut bytes);
    let at = row.at.to_string();
    compute(&[
        b"umoja/1/audit-row",
        row.user.as_bytes(),
        row.key.as_bytes(),
        at.as_bytes(),
        row.origin.as_str().as_bytes(),
        row.kind.as_bytes(),
        &bytes,
    ])
}

#[cfg(test)]
mod tests;
