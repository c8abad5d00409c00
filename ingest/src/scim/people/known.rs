//! A stored user as one company sees it.

use umoja_accounts::Person;
use umoja_accounts::person::Stored;
use umoja_schema::{AccountStatus, CompanyId, Feed, Link, LinkState, SourceId, UserId};
use umoja_store::person::PersonParts;

use super::super::directory::{Client, Entry};
use super::super::mapping;
use super::super::resource::Resource;

/// True if the company is linked to one of the users. Only then they are opened.
pub(super) fn is_linked(parts: &PersonParts, company: &CompanyId) -> bool {
    let mut facts = parts.users().filter_map(|user| user.profile.as_ref()?.profile_facts());
    facts.any(|facts| facts.links.contains_key(company))
}

/// A user that a company is linked to.
pub(super) struct Known {
    /// Its person.
    pub(super) person: Person,
    /// Its id.
    pub(super) id: UserId,
    company: CompanyId,
    source: SourceId,
    link: Link,
}

impl Known {
    /// The user with an id. `None` if the company is not linked to it.
    pub(super) fn new(person: Person, id: UserId, client: &Client) -> Option<Self> {
        let link = person.get(id)?.facts.links.get(&client.company.id)?.clone();
        Some(Self { person, id, company: client.company.id.clone(), source: client.source.id.clone(), link })
    }

    /// The user that was found, or else the first of its person, that the company is linked to.
    pub(super) fn any(person: Person, found: UserId, client: &Client) -> Option<Self> {
        let is_linked = |user: &&Stored| user.is_linked_to(&client.company.id);
        let id = person.get(found).filter(is_linked).or_else(|| person.users().find(is_linked))?.id();
        Self::new(person, id, client)
    }

    /// What the source has said last.
    pub(super) fn feed(&self) -> Option<&Feed> {
        self.person.get(self.id)?.identity.feeds.get(&self.source)
    }

    /// True if the client has deleted the user.
    pub(super) fn is_deleted(&self) -> bool {
        self.link.state == LinkState::Suspended && self.feed().is_some_and(|feed| feed.is_deleted)
    }

    /// The company's own id of the user.
    pub(super) fn external_id(&self) -> Option<String> {
        let own = |user: &Stored| user.identity.external_ids.get(&self.company).cloned();
        self.person.get(self.id).and_then(own).or_else(|| self.person.users().find_map(own))
    }

    /// The attributes that the client has written.
    pub(super) fn written(&self) -> Option<Resource> {
        mapping::written(&self.person.view().profile, &self.company)
    }

    /// The user name as the client sees it.
    pub(super) fn user_name(&self) -> String {
        self.resource().text("userName").unwrap_or_default().to_owned()
    }

    /// True if the company is the source of a stored value.
    pub(super) fn is_ours(&self, value: &str) -> bool {
        let is_ours =
            |user: &Stored| user.identity.sources.get(value).is_some_and(|source| source.company == self.company);
        self.person.users().any(is_ours)
    }

    /// The attributes as the client sees them.
    pub(super) fn resource(&self) -> Resource {
        let derived = || mapping::derived(&self.person.view(), &self.company);
        let (mut user, is_written) = match self.written() {
            Some(mut written) => {
                let own = written.text("userName").and_then(|name| mapping::external_id(name).ok());
                // Every company that is linked may write the profile, so the external id says which user it is.
                let name = match self.external_id() {
                    Some(id) if own.is_some() && own.as_ref() != Some(&id) => Some(id.into()),
                    _ if own.is_none() => derived().0.remove("userName"),
                    _ => None,
                };
                if let Some(name) = name {
                    written.0.insert("userName".to_owned(), name);
                }
                (written, true)
            }
            None => (derived(), false),
        };
        let is_active = self.link.state == LinkState::Active && self.person.primary.status == AccountStatus::Active;
        // A client that has removed the attribute does not see it while it has its default.
        if !is_active || !is_written || user.0.contains_key("active") {
            user.0.insert("active".to_owned(), is_active.into());
        }
        user
    }

    /// The user as the server shows it.
    pub(super) fn entry(&self) -> Entry {
        let modified = self
            .person
            .users()
            .map(|user| user.profile.version.hlc)
            .max()
            .unwrap_or(self.person.primary.profile.version.hlc);
        Entry {
            id: self.id,
            version: self.person.version().to_string(),
            created: self.link.since,
            modified: modified.millis(),
            user: self.resource(),
        }
    }
}
