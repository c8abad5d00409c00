//! What came of rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umoja_crypto::legacy::Cost;

use super::error::Reason;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new user.
    Created,
    /// Somebody whom another company had registered.
    Matched,
    /// A new user, with an identifier that somebody has.
    InConflict,
    /// Nothing was new.
    AlreadyThere,
}

/// A row that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What became of it.
    pub outcome: Outcome,
    /// Its password hash.
    pub hash: Option<HashReport>,
    /// Whether a password was left out because it was hashed with a pepper of another deployment.
    pub peppered: bool,
}

/// What there is to say of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashReport {
    /// Its family.
    pub family: &'static str,
    /// Whether it is a fast one, which argon2id is put around.
    pub wrapped: bool,
    /// What the first login will cost, where that is known: of fast ones only once they are wrapped.
    pub cost: Option<Cost>,
}

/// All of them counted. No personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// New users.
    pub created: u64,
    /// Rows of somebody whom another company had registered: linked, and blanks filled.
    pub matched: u64,
    /// New users with an identifier that somebody has: `umoja conflicts` lists them.
    pub in_conflict: u64,
    /// Rows of which nothing was new.
    pub already_there: u64,
    /// Rows that were not imported.
    pub refused: u64,
    /// The same by reason.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Hashes by family, of the rows that were not refused.
    pub hashes: BTreeMap<String, u64>,
    /// Rows without a hash: their users reset their passwords, or have none.
    pub without_hash: u64,
    /// Users of an export whose passwords are of no use here: hashed with a pepper of their deployment.
    #[serde(default)]
    pub peppered: u64,
    /// Fast hashes, each of which costs an argon2id now.
    pub wrapped: u64,
    /// The hash whose first login costs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costliest: Option<Costliest>,
    /// Hash keys that rows need and the deployment does not have, with how many rows.
    pub missing_keys: BTreeMap<String, u64>,
}

/// An expensive hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costliest {
    /// Its family.
    pub family: String,
    /// Microseconds of one core, as estimated.
    pub micros: u64,
    /// Memory in KiB.
    pub memory_kib: u32,
}

impl Report {
    /// Counts a row.
    pub fn add(&mut self, outcome: &Result<Done, Reason>) {
        self.rows += 1;
        match outcome {
            Ok(done) => self.add_done(done),
            Err(reason) => {
                self.refused += 1;
                *self.refused_by_reason.entry(reason.to_string()).or_default() += 1;
                if let Reason::MissingKey(id) = reason {
                    *self.missing_keys.entry(id.clone()).or_default() += 1;
                }
            }
        }
    }

    fn add_done(&mut self, Done { outcome, hash, peppered }: &Done) {
        self.peppered += u64::from(*peppered);
        *match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Matched => &mut self.matched,
            Outcome::InConflict => &mut self.in_conflict,
            Outcome::AlreadyThere => &mut self.already_there,
        } += 1;
        let Some(HashReport { family, wrapped, cost }) = hash else {
            self.without_hash += 1;
            return;
        };
        *self.hashes.entry((*family).to_owned()).or_default() += 1;
        self.wrapped += u64::from(*wrapped);
        if let Some(Cost { micros, memory_kib }) = *cost
            && self.costliest.as_ref().is_none_or(|most| micros > most.micros)
        {
            self.costliest = Some(Costliest { family: (*family).to_owned(), micros, memory_kib });
        }
    }
}
