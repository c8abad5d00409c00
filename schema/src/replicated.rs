//! The list of replicated tables. A table gets its stream, replication, retries, anti-entropy, backfill, thaw, digest and
//! erasure from its entry in [`ALL`]: everything that does one of these goes through the list, and decides by an entry's
//! [`Rule`] and not by its name.
//!
//! A region works with the list that its ports carry (`umoja_store::RegionPorts::tables`), so that tests can add a table.

use crate::Log;
use crate::names::{attribute, table};

/// A replicated table. Its partition key is the user ([`attribute::ID`]).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replicated {
    /// The name, without the deployment's prefix.
    pub name: &'static str,
    /// The attribute that is the sort key.
    pub sort_key: &'static str,
    /// Which of two copies of an item every region keeps.
    pub rule: Rule,
    /// What shows that an item is as a region of the deployment wrote it.
    pub proof: Proof,
    /// What an erasure does with the user's items.
    pub erasure: Erasure,
}

/// Which of two copies of an item every region keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Parts of users: the newest version, and of one version the union of the wrapped keys. Claims and pointers are derived
    /// from them.
    Parts,
    /// Rows of a log: the one that a region holds already. Rows of one key record one event.
    PutIfAbsent(Log),
    /// Versioned items: the newest version.
    NewestWins,
}

/// What shows that an item is as a region of the deployment wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The envelope's authentication tag.
    Envelope,
    /// A MAC over the row and the row before in its chain: two rows of one key have to be equal.
    Chain,
    /// Nothing yet.
    None,
}

/// What an erasure does with the user's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Erasure {
    /// A tombstone replaces each of them.
    Tombstone,
    /// They stay: they hold nothing that says who the user was.
    Kept,
    /// They are deleted in each region once that holds the tombstone of the user's profile, and not taken after it.
    Deleted,
}

impl Rule {
    /// What `names.json` calls it.
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
    proof: Proof::Envelope,
    erasure: Erasure::Tombstone,
};

/// Conflicts.
pub static JOURNAL: Replicated = rows(table::JOURNAL, Log::Journal, Proof::None);

/// Erasures and their confirmations.
pub static RECEIPTS: Replicated = rows(table::RECEIPTS, Log::Receipts, Proof::None);

/// Security events.
pub static AUDIT: Replicated = rows(table::AUDIT, Log::Audit, Proof::Chain);

/// Every replicated table of a deployment. Passes go through it in this order: users first, because their tombstones decide
/// about the rest.
pub static ALL: [&Replicated; 4] = [&USERS, &JOURNAL, &RECEIPTS, &AUDIT];

const fn rows(name: &'static str, log: Log, proof: Proof) -> Replicated {
    Replicated { name, sort_key: attribute::KEY, rule: Rule::PutIfAbsent(log), proof, erasure: Erasure::Kept }
}

impl Log {
    /// The table's entry in the list.
    pub fn entry(self) -> &'static Replicated {
        match self {
            Self::Journal => &JOURNAL,
            Self::Receipts => &RECEIPTS,
            Self::Audit => &AUDIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_has_a_name_of_its_own_and_every_log_an_entry() {
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
