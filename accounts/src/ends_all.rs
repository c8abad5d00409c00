//! Whose sessions all end with a write.

use umoja_schema::{UserId, Version};
use umoja_store::person::PersonParts;
use umoja_store::ports::Parts;

use crate::person::{Person, Stored};

/// The users of a person whose sessions all end with a write, and the credentials of each, as the region has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndsAll {
    /// Each user, and the version of its credentials.
    pub(crate) users: Vec<(UserId, Option<Version>)>,
}

impl From<&PersonParts> for EndsAll {
    fn from(person: &PersonParts) -> Self {
        let one = |parts: &Parts| Some((parts.id()?, parts.credentials.as_ref().map(|stored| stored.version.clone())));
        Self { users: person.users().filter_map(one).collect() }
    }
}

impl From<&Person> for EndsAll {
    fn from(person: &Person) -> Self {
        let one = |user: &Stored| (user.id(), Some(user.credentials.version.clone()));
        Self { users: person.users().map(one).collect() }
    }
}

impl EndsAll {
    /// The same, with the credentials of one user that are about to be written.
    #[must_use]
    pub(crate) fn with(mut self, user: UserId, credentials: &Version) -> Self {
        for (_, version) in self.users.iter_mut().filter(|(other, _)| *other == user) {
            *version = Some(credentials.clone());
        }
        self
    }
}
