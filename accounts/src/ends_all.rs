//! Whose sessions all end with a write.

use std::collections::BTreeMap;

use umoja_schema::access::Factor;
use umoja_schema::{UserId, Version};
use umoja_store::person::PersonParts;
use umoja_store::ports::Parts;

use crate::person::{Person, Stored};

/// The users of a person whose sessions all end with a write.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndsAll {
    pub(crate) users: Vec<EndsAllOf>,
}

/// A user whose sessions all end, and what the region has of it: what begins in a region that has less does not know the end.
#[derive(Debug, Clone)]
pub(crate) struct EndsAllOf {
    pub(crate) user: UserId,
    /// The version of its credentials.
    pub(crate) credentials: Option<Version>,
    /// Its factors, where they are read or change with the end: true of those that end.
    pub(crate) factors: BTreeMap<String, bool>,
    /// After which end of everything of this region it may come.
    pub(crate) after: After,
}

/// After which end of everything of a region another one may be written.
#[derive(Debug, Clone)]
pub(crate) enum After {
    /// Any.
    Any,
    /// The one of this version, or none: it was read before it was decided what to write, and has to be stored still. So two writes that each
    /// depend on what the person has come one after the other.
    Read(Option<Version>),
}

impl From<&PersonParts> for EndsAll {
    fn from(person: &PersonParts) -> Self {
        let credentials = |parts: &Parts| parts.credentials.as_ref().map(|stored| stored.version.clone());
        let one = |parts: &Parts| {
            let (user, factors) = (parts.id()?, BTreeMap::new());
            Some(EndsAllOf { user, credentials: credentials(parts), factors, after: After::Any })
        };
        Self { users: person.users().filter_map(one).collect() }
    }
}

impl From<&Person> for EndsAll {
    fn from(person: &Person) -> Self {
        let one = |user: &Stored| {
            let credentials = Some(user.credentials.version.clone());
            EndsAllOf { user: user.id(), credentials, factors: BTreeMap::new(), after: After::Any }
        };
        Self { users: person.users().map(one).collect() }
    }
}

impl EndsAll {
    /// The same, with the credentials of one user that are about to be written.
    #[must_use]
    pub(crate) fn with(mut self, user: UserId, credentials: &Version) -> Self {
        for one in self.users.iter_mut().filter(|one| one.user == user) {
            one.credentials = Some(credentials.clone());
        }
        self
    }

    /// The same, with factors of the users, each with whether it ends.
    #[must_use]
    pub(crate) fn with_factors<'a>(mut self, factors: impl IntoIterator<Item = (&'a Factor, bool)>) -> Self {
        for (factor, ends) in factors {
            for one in self.users.iter_mut().filter(|one| one.user == factor.user) {
                one.factors.insert(factor.id.clone(), ends);
            }
        }
        self
    }
}
