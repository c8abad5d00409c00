//! The list of replicated tables. A table gets its stream, replication, retries, anti-entropy, backfill, thaw, digest
//! and erasure from its entry in [`ALL`]: the code of each of these goes through the list, and decides by an entry's
//! [`Rule`] and not by its name.
//!
//! A region works with the list in its ports (`umoja_store::RegionPorts::tables`), so that tests can add a table.

use crate::Log;
use crate::names::{attribute, table};

/// A replicated table. Its partition key is the user ([`attribute::ID`]).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replicated {
    /// The name, without the deployment's prefix.
    pub name: &'static str,
    /// The attribute that is the sort key. Its values are at most 160 letters and digits of ASCII, `#`, `-` and `_`: no
    /// others are shown in messages, and a quarantined item is found again by its message.
    pub sort_key: &'static str,
    /// The rule by which regions choose between two copies of an item.
    pub rule: Rule,
    /// Whether a user's rows link in chains, so that two regions must hold the same row under a key.
    pub chained: bool,
    /// The effect of an erasure on the user's items.
    pub erasure: Erasure,
    /// The attribute that says when an item expires (Unix seconds), in tables whose items do.
    pub ttl: Option<&'static str>,
    /// Whether an item can be ended: its version is that of a tombstone, so that it beats every live one. Only for
    /// [`Rule::NewestWins`].
    pub ends: bool,
}

/// The rule by which regions choose between two copies of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Parts of users: the newest version, and of one version the union of the wrapped keys. Ownerships and pointers
    /// are derived from them.
    Parts,
    /// Rows of a log: the row that a region already has. Rows with one key record one event.
    PutIfAbsent(Log),
    /// Versioned items: the newest version.
    NewestWins,
}

/// The effect of an erasure on the user's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Erasure {
    /// A tombstone replaces each of them.
    Tombstone,
    /// They are kept: they contain no data that identifies the user.
    Kept,
    /// Each region deletes them once it has the tombstone of the user's profile, and does not accept them after it.
    Deleted,
}

impl Rule {
    /// The name in `names.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parts => "parts",
            Self::PutIfAbsent(_) => "put_if_absent",
            Self::NewestWins => "newest_wins",
        }
    }
}

/// Parts of users.
pub static USERS: Replicated = Replicated {
    name: table::USERS,
    sort_key: attribute::PART,
    rule: Rule::Parts,
    chained: false,
    erasure: Erasure::Tombstone,
    ttl: None,
    ends: false,
};

/// Conflicts.
pub static JOURNAL: Replicated = rows(table::JOURNAL, Log::Journal, false);

/// Erasures and their confirmations.
pub static RECEIPTS: Replicated = rows(table::RECEIPTS, Log::Receipts, false);

/// Security events.
pub static AUDIT: Replicated = rows(table::AUDIT, Log::Audit, true);

/// Events for companies. Their partition key is not a user but a block of a company's events
/// (`umoja_store::events::block_id`), except for the rows that say which changes already have events.
pub static EVENTS: Replicated =
    Replicated { ttl: Some(attribute::EXPIRES_AT), ..rows(table::EVENTS, Log::Events, false) };

/// The accounts that targets have for users. A row outlives its user, because it says that an account may still have to be
/// deleted. It has nothing that identifies the user: the id at the target is sealed, and is dropped once the account is
/// deleted. Requests are here too, with their parameters sealed until the user is erased.
pub static TARGET_ACCOUNTS: Replicated = Replicated {
    name: table::TARGET_ACCOUNTS,
    sort_key: attribute::TARGET,
    rule: Rule::NewestWins,
    chained: false,
    erasure: Erasure::Kept,
    ttl: None,
    ends: false,
};

/// What persons and their clients may do: sessions, consents, subjects, families of refresh tokens and factors
/// ([`crate::access`]). They go with the user.
pub static ACCESS: Replicated = Replicated {
    name: table::ACCESS,
    sort_key: attribute::KEY,
    rule: Rule::NewestWins,
    chained: false,
    erasure: Erasure::Deleted,
    ttl: Some(attribute::EXPIRES_AT),
    ends: true,
};

/// Every replicated table of a deployment. Passes go through it in this order: users first, because their tombstones
/// decide about the other tables.
pub static ALL: [&Replicated; 7] = [&USERS, &JOURNAL, &RECEIPTS, &AUDIT, &EVENTS, &TARGET_ACCOUNTS, &ACCESS];

const fn rows(name: &'static str, log: Log, chained: bool) -> Replicated {
    let (rule, erasure) = (Rule::PutIfAbsent(log), Erasure::Kept);
    Replicated { name, sort_key: attribute::KEY, rule, chained, erasure, ttl: None, ends: false }
}

impl Log {
    /// The table's entry in the list.
    pub fn entry(self) -> &'static Replicated {
        match self {
            Self::Journal => &JOURNAL,
            Self::Receipts => &RECEIPTS,
            Self::Audit => &AUDIT,
            Self::Events => &EVENTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_has_a_unique_name_and_every_log_an_entry() {
        let names: BTreeSet<_> = ALL.iter().map(|table| table.name).collect();
        assert_eq!(names.len(), ALL.len());
        for log in Log::ALL {
            let entry = ALL.iter().find(|table| table.rule == Rule::PutIfAbsent(log));
            assert_eq!(entry, Some(&log.entry()));
            assert_eq!(entry.map(|table| table.name), Some(log.table()));
        }
    }

    #[test]
    fn users_come_first() {
        assert_eq!(ALL[0], &USERS);
    }
}
