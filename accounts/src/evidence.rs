//! Whether users who share a verified identifier may be one person. Every caller that joins people asks this rule:
//! `register`, imports, automatic merges and the merges of operators.
//!
//! A shared verified identifier is evidence that two users are one person, and no proof: families share a telephone
//! number, and providers give a number to the next customer. What contradicts it is a company that has given the two
//! different external ids, two different e-mail addresses, or two user names where only the number is common. Then the users stay two, both own the identifier, and
//! the journal has the conflict.
//!
//! The rule compares two persons, each with all of its users, because a chain of merges must not join what one merge
//! may not. It is symmetric, and depends only on what the users own and on no order of arrival, so every region
//! decides alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use umoja_schema::{BlindIndex, CompanyId, IdentifierKind, ProfileFacts};

/// What a person owns that can contradict that another one is the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The external ids that each company has given to users of the person.
    external_ids: BTreeMap<CompanyId, BTreeSet<BlindIndex>>,
    /// The e-mail addresses, and whether each is verified.
    emails: BTreeMap<BlindIndex, bool>,
    /// The user names.
    usernames: BTreeSet<BlindIndex>,
}

/// What becomes common to two persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// The record alone: no password of one opens the account of the other.
    Records,
    /// The password too. It is not joined with an account that has another e-mail address, verified or not, or that
    /// has another user name and nothing but a telephone number in common.
    Passwords,
}

/// What says that two persons are not one. The order is that in which callers name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Contradiction {
    /// A company knows them by different external ids.
    ExternalId {
        /// The company.
        company: CompanyId,
    },
    /// Their e-mail addresses differ.
    Email {
        /// Whether both are verified.
        verified: bool,
    },
    /// Their user names differ, and they have neither an address nor an external id in common.
    Username,
}

impl Contradiction {
    /// The kind of identifier in which they differ.
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::ExternalId { .. } => IdentifierKind::ExternalId,
            Self::Email { .. } => IdentifierKind::Email,
            Self::Username => IdentifierKind::Username,
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExternalId { company } => write!(f, "different external ids of {company}"),
            Self::Email { verified: true } => f.write_str("different verified e-mail addresses"),
            Self::Email { verified: false } => f.write_str("different e-mail addresses"),
            Self::Username => f.write_str("different user names"),
        }
    }
}

impl Evidence {
    /// What these users own, which are one person.
    pub fn of<'a>(users: impl IntoIterator<Item = &'a ProfileFacts>) -> Self {
        let mut evidence = Self::default();
        for (index, ownership) in users.into_iter().flat_map(|facts| &facts.ownerships) {
            match (ownership.kind, &ownership.company) {
                (IdentifierKind::Email, _) => evidence = evidence.with_email(*index, ownership.verified),
                (IdentifierKind::ExternalId, Some(company)) => evidence = evidence.with_external_id(company, *index),
                (IdentifierKind::Username, _) => evidence = evidence.with_username(*index),
                (IdentifierKind::PhoneNumber | IdentifierKind::ExternalId, _) => {}
            }
        }
        evidence
    }

    /// The evidence with a user name.
    #[must_use]
    pub fn with_username(mut self, index: BlindIndex) -> Self {
        self.usernames.insert(index);
        self
    }

    /// The evidence with an e-mail address.
    #[must_use]
    pub fn with_email(mut self, index: BlindIndex, verified: bool) -> Self {
        *self.emails.entry(index).or_default() |= verified;
        self
    }

    /// The evidence with an external id of a company.
    #[must_use]
    pub fn with_external_id(mut self, company: &CompanyId, index: BlindIndex) -> Self {
        self.external_ids.entry(company.clone()).or_default().insert(index);
        self
    }

    /// What says that the two are not one person, although they share a verified identifier. Empty if they may be one.
    ///
    /// A value that is missing on one side contradicts no value on the other. Of several values on one side, one in
    /// common is enough: a person may have had several addresses. While an index key is rotated, a value has an index
    /// under each live key, and two owners of it have one of them in common.
    pub fn contradictions(&self, other: &Self, joins: Joins) -> Vec<Contradiction> {
        let differ = |company: &&CompanyId| {
            let theirs = other.external_ids.get(*company);
            theirs.is_some_and(|theirs| self.external_ids[*company].is_disjoint(theirs))
        };
        let companies = self.external_ids.keys().filter(differ);
        let mut found: Vec<_> =
            companies.map(|company| Contradiction::ExternalId { company: company.clone() }).collect();
        if are_different(&self.emails(true), &other.emails(true)) {
            found.push(Contradiction::Email { verified: true });
        } else if joins == Joins::Passwords && are_different(&self.emails(false), &other.emails(false)) {
            found.push(Contradiction::Email { verified: false });
        }
        if joins == Joins::Passwords && !self.has_in_common(other) && are_different(&self.usernames, &other.usernames) {
            found.push(Contradiction::Username);
        }
        found
    }

    /// True if the two share more than a telephone number.
    fn has_in_common(&self, other: &Self) -> bool {
        let shares = |(company, ids): (&CompanyId, &BTreeSet<BlindIndex>)| {
            other.external_ids.get(company).is_some_and(|theirs| !ids.is_disjoint(theirs))
        };
        self.external_ids.iter().any(shares) || self.emails.keys().any(|email| other.emails.contains_key(email))
    }

    fn emails(&self, only_verified: bool) -> BTreeSet<BlindIndex> {
        self.emails.iter().filter(|(_, verified)| **verified || !only_verified).map(|(index, _)| *index).collect()
    }
}

/// True if both have values, and none in common.
fn are_different(one: &BTreeSet<BlindIndex>, other: &BTreeSet<BlindIndex>) -> bool {
    !one.is_empty() && !other.is_empty() && one.is_disjoint(other)
}

#[cfg(test)]
mod tests;
