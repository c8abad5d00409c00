//! The report about imported rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umoja_crypto::legacy::Cost;
use umoja_schema::CompanyId;

use super::error::Reason;

/// The most fields that a report counts one by one.
const MAX_FIELDS: usize = 100;

/// The most reasons that a report counts one by one. A reason can name a member of the source.
const MAX_REASONS: usize = 200;

/// The most members of the source that a report counts one by one.
const MAX_NOT_TAKEN: usize = 200;

/// The most characters of a member's name in a report.
const MAX_NAME: usize = 100;

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new user.
    Created,
    /// A user that another company had registered.
    Matched,
    /// A new user with an identifier that another user has.
    InConflict,
    /// The row had no new data.
    AlreadyThere,
}

/// A row that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The outcome.
    pub outcome: Outcome,
    /// The report about its password hash.
    pub hash: Option<HashReport>,
    /// The kinds of the second factors that the user has from the row.
    pub factors: Vec<&'static str>,
    /// True if a password was left out because it was hashed with the pepper of another deployment.
    pub peppered: bool,
    /// The fields that were left out because the user cannot have their values, by name.
    pub left_out: Vec<String>,
    /// The members of the source that have no place in a user, by name.
    pub not_taken: Vec<String>,
    /// The companies that a user of an export is linked to.
    pub links: Vec<CompanyId>,
}

/// The report about a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashReport {
    /// Its family.
    pub family: &'static str,
    /// True if it is a fast hash, which argon2id is put around.
    pub wrapped: bool,
    /// The cost of the first login, if it is known. For a fast hash it is known only after argon2id was put around it.
    pub cost: Option<Cost>,
}

/// The counts of all rows. They contain no personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// New users.
    pub created: u64,
    /// Rows of users that another company had registered, which were linked and their blanks filled.
    pub matched: u64,
    /// New users with an identifier that another user has. `umoja conflicts` lists them.
    pub in_conflict: u64,
    /// Rows without new data.
    pub already_there: u64,
    /// Rows that were not imported.
    pub rejected: u64,
    /// Rows that were not imported, by reason. A row with several reasons counts under each.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// Values that were left out or kept under `custom`, by field, of the rows that were not rejected.
    #[serde(default)]
    pub left_out: BTreeMap<String, u64>,
    /// Members of the source that have no place in a user, by name, of the rows that were not rejected.
    #[serde(default)]
    pub not_taken: BTreeMap<String, u64>,
    /// The links of the users of an export, by company.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<CompanyId, u64>,
    /// Hashes by family, of the rows that were not rejected.
    pub hashes: BTreeMap<String, u64>,
    /// Rows without a hash. Their users reset their passwords, or have none.
    pub without_hash: u64,
    /// Second factors by kind, of the rows that were not rejected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub factors: BTreeMap<String, u64>,
    /// Users of an export whose passwords cannot be verified here, because they were hashed with the pepper of another
    /// deployment.
    #[serde(default)]
    pub peppered: u64,
    /// Fast hashes, each of which costs an argon2id computation during the import.
    pub wrapped: u64,
    /// The hash whose first login costs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costliest: Option<Costliest>,
    /// Hash keys that rows need and the deployment does not have, with the number of rows.
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
                self.rejected += 1;
                for reason in reason.each() {
                    count(&mut self.rejected_by_reason, &reason.to_string(), MAX_REASONS, "other reasons");
                    if let Reason::MissingKey(id) = reason {
                        *self.missing_keys.entry(id.clone()).or_default() += 1;
                    }
                }
            }
        }
    }

    fn add_done(&mut self, Done { outcome, hash, factors, peppered, left_out, not_taken, links }: &Done) {
        for field in left_out {
            count(&mut self.left_out, field, MAX_FIELDS, "other fields");
        }
        for name in not_taken {
            let name: String = name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect();
            count(&mut self.not_taken, &name, MAX_NOT_TAKEN, "others");
        }
        for company in links {
            *self.links.entry(company.clone()).or_default() += 1;
        }
        for kind in factors {
            *self.factors.entry((*kind).to_owned()).or_default() += 1;
        }
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

/// Counts a name. The source chooses the names and the report is kept in memory, so after `most` names all others count
/// together.
fn count(counts: &mut BTreeMap<String, u64>, name: &str, most: usize, others: &str) {
    let is_known = counts.contains_key(name) || counts.len() < most;
    *counts.entry(if is_known { name } else { others }.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_taken_are_counted_by_a_bounded_number_of_short_names() {
        let mut report = Report::default();
        let names = (0..MAX_NOT_TAKEN + 5).map(|n| format!("{n}\u{1b}{}", "x".repeat(1000)));
        let done = Done {
            outcome: Outcome::Created,
            hash: None,
            factors: Vec::new(),
            peppered: false,
            left_out: Vec::new(),
            not_taken: names.chain(["0".to_owned()]).collect(),
            links: Vec::new(),
        };
        report.add(&Ok(done));
        assert_eq!(report.not_taken.len(), MAX_NOT_TAKEN + 1);
        assert_eq!(report.not_taken["others"], 6);
        assert!(report.not_taken.keys().all(|name| name.len() <= MAX_NAME && !name.contains('\u{1b}')));
    }
}
