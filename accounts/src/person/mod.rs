//! Who is one person: users that are merged, opened, and what callers see of them.

mod read;
mod user;
mod view;

use std::collections::BTreeMap;

use umoja_schema::{CompanyId, Identity, PartRecord, PersonVersion, ProfileFacts, UserId, Version};
use umoja_store::group::{GroupParts, Pointer, TooLarge, arrange};
use umoja_store::ports::Parts;

use crate::Error;

pub use read::Reader;
pub(crate) use read::unreadable;
pub use user::Stored;

/// The users of one person: for a user that is not merged with anybody, that user. Every profile part was opened, so
/// what the parts say about each other is true.
#[derive(Clone)]
pub struct Person {
    /// The one whose values, credentials and status count.
    pub root: Stored,
    /// The others, in the order in which they were registered.
    pub members: Vec<Stored>,
}

/// What one user of a person is to be.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) id: UserId,
    pub(crate) identity: Identity,
    pub(crate) facts: ProfileFacts,
}

impl Person {
    /// One user by itself.
    pub fn of(root: Stored) -> Self {
        Self { root, members: Vec::new() }
    }

    /// The root and then the others.
    pub fn users(&self) -> impl Iterator<Item = &Stored> {
        std::iter::once(&self.root).chain(&self.members)
    }

    /// One of the users.
    pub fn get(&self, id: UserId) -> Option<&Stored> {
        self.users().find(|user| user.id() == id)
    }

    /// True if the user is one of them.
    pub fn holds(&self, id: UserId) -> bool {
        self.get(id).is_some()
    }

    /// The version over everybody: what callers see depends on all of them.
    pub fn version(&self) -> PersonVersion {
        PersonVersion::of(self.root.version(), self.members.iter().map(Stored::version))
    }

    /// Everybody's profile version as it was read, but that of some.
    pub(crate) fn profiles_without(&self, some: &[UserId]) -> Vec<(UserId, Version)> {
        let others = self.users().filter(|user| !some.contains(&user.id()));
        others.map(|user| (user.id(), user.profile.version.clone())).collect()
    }

    /// True if any of the users is linked to the company.
    pub fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.users().any(|user| user.is_linked_to(company))
    }

    /// The same with a profile part written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        let user = std::iter::once(&mut self.root).chain(&mut self.members).find(|user| user.id() == profile.id)?;
        *user = user.clone().with_profile(profile, identity)?;
        Some(self)
    }

    /// The same with a credentials part written.
    pub(crate) fn with_credentials(mut self, credentials: PartRecord) -> Self {
        let mut users = std::iter::once(&mut self.root).chain(&mut self.members);
        if let Some(user) = users.find(|user| user.id() == credentials.id) {
            user.credentials = credentials;
        }
        self
    }

    /// What is stored of everybody.
    pub(crate) fn parts(&self) -> GroupParts {
        let parts =
            |user: &Stored| Parts { profile: Some(user.profile.clone()), credentials: Some(user.credentials.clone()) };
        let members = self.members.iter().map(parts).collect();
        GroupParts { start: self.root.id(), root: parts(&self.root), members }
    }

    /// The person of a user among the users of this person and another, once its pointer is `merged_into`.
    pub(crate) fn pointed(
        &self,
        other: Option<&Self>,
        id: UserId,
        merged_into: Option<UserId>,
    ) -> Result<Option<Self>, TooLarge> {
        let both = self.users().chain(other.into_iter().flat_map(Self::users));
        let mut all: BTreeMap<UserId, Stored> = both.map(|user| (user.id(), user.clone())).collect();
        if let Some(user) = all.get_mut(&id) {
            user.facts.merged_into = merged_into;
        }
        let pointers = all.values().map(Stored::pointer).collect();
        let Some(group) = arrange(id, &pointers)? else { return Ok(None) };
        let root = all.remove(&group.root);
        let members = group.members.iter().filter_map(|member| all.remove(member)).collect();
        Ok(root.map(|root| Self { root, members }))
    }

    /// Who points at whom.
    pub(crate) fn pointers(&self) -> BTreeMap<UserId, Pointer> {
        self.users().map(Stored::pointer).collect()
    }

    /// A user of the person with its pointer changed, and nothing else.
    pub(crate) fn pointing(&self, id: UserId, merged_into: Option<UserId>) -> Result<Change, Error> {
        let user = self.get(id).ok_or(Error::Broken("a user of a person is in it"))?;
        Ok(Change { id, identity: user.identity.clone(), facts: ProfileFacts { merged_into, ..user.facts.clone() } })
    }
}
