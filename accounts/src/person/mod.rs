//! A person: the merged users, opened, and what callers see of them.

mod read;
mod user;
mod view;

use std::collections::BTreeMap;

use umoja_schema::{CompanyId, Identity, PartRecord, PersonVersion, ProfileFacts, UserId, Version};
use umoja_store::person::{PersonParts, Pointer, TooLarge, arrange};
use umoja_store::ports::Parts;

use crate::Error;
use crate::evidence::Evidence;

pub use read::Reader;
pub(crate) use read::unreadable;
pub use user::Stored;

/// The users of one person. The person of a user that is not merged is that user alone. Every profile part was opened,
/// so the pointers between the users are genuine.
#[derive(Clone)]
pub struct Person {
    /// The user whose values, credentials and status count.
    pub primary: Stored,
    /// The other users, in the order in which they were registered.
    pub linked_accounts: Vec<Stored>,
}

/// The new content of one user of a person.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) id: UserId,
    pub(crate) identity: Identity,
    pub(crate) facts: ProfileFacts,
}

impl Person {
    /// The person of a single user.
    pub fn of(primary: Stored) -> Self {
        Self { primary, linked_accounts: Vec::new() }
    }

    /// The primary account, followed by the linked accounts.
    pub fn users(&self) -> impl Iterator<Item = &Stored> {
        std::iter::once(&self.primary).chain(&self.linked_accounts)
    }

    /// The user with this id.
    pub fn get(&self, id: UserId) -> Option<&Stored> {
        self.users().find(|user| user.id() == id)
    }

    /// True if the user belongs to this person.
    pub fn holds(&self, id: UserId) -> bool {
        self.get(id).is_some()
    }

    /// What can contradict that this person and another one are the same.
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::of(self.users().map(|user| &user.facts))
    }

    /// The version over all users, because what callers see depends on all of them.
    pub fn version(&self) -> PersonVersion {
        PersonVersion::of(self.primary.version(), self.linked_accounts.iter().map(Stored::version))
    }

    /// The profile versions of all users as they were read, except those of `some`.
    pub(crate) fn profiles_without(&self, some: &[UserId]) -> Vec<(UserId, Version)> {
        let others = self.users().filter(|user| !some.contains(&user.id()));
        others.map(|user| (user.id(), user.profile.version.clone())).collect()
    }

    /// True if any of the users is linked to the company.
    pub fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.users().any(|user| user.is_linked_to(company))
    }

    /// The person after a profile part was written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        let user =
            std::iter::once(&mut self.primary).chain(&mut self.linked_accounts).find(|user| user.id() == profile.id)?;
        *user = user.clone().with_profile(profile, identity)?;
        Some(self)
    }

    /// The person after a credentials part was written.
    pub(crate) fn with_credentials(mut self, credentials: PartRecord) -> Self {
        let mut users = std::iter::once(&mut self.primary).chain(&mut self.linked_accounts);
        if let Some(user) = users.find(|user| user.id() == credentials.id) {
            user.credentials = credentials;
        }
        self
    }

    /// The stored parts of all users.
    pub(crate) fn parts(&self) -> PersonParts {
        let parts =
            |user: &Stored| Parts { profile: Some(user.profile.clone()), credentials: Some(user.credentials.clone()) };
        let linked_accounts = self.linked_accounts.iter().map(parts).collect();
        PersonParts { start: self.primary.id(), primary: parts(&self.primary), linked_accounts }
    }

    /// The person of a user, taken from the users of this person and of another one, after the user's pointer was set
    /// to `merged_into`.
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
        let Some(person) = arrange(id, &pointers)? else { return Ok(None) };
        let primary = all.remove(&person.primary);
        let linked_accounts = person.linked_accounts.iter().filter_map(|linked| all.remove(linked)).collect();
        Ok(primary.map(|primary| Self { primary, linked_accounts }))
    }

    /// The pointers of all users.
    pub(crate) fn pointers(&self) -> BTreeMap<UserId, Pointer> {
        self.users().map(Stored::pointer).collect()
    }

    /// A change of a user's pointer and of no other value.
    pub(crate) fn pointing(&self, id: UserId, merged_into: Option<UserId>) -> Result<Change, Error> {
        let user = self.get(id).ok_or(Error::Broken("a user belongs to its person"))?;
        Ok(Change { id, identity: user.identity.clone(), facts: ProfileFacts { merged_into, ..user.facts.clone() } })
    }
}
