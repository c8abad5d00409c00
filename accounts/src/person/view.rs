//! A person as callers see it: the values of the primary account, with its blanks filled from the linked accounts.

use std::collections::BTreeMap;

use umoja_schema::api::{Account, User};
use umoja_schema::profile::Filled;
use umoja_schema::{IdentifierKind, Identity, LinkState};

use super::{Person, Stored};
use crate::identifiers::verified;

impl Stored {
    /// The user as callers see it, without the users that are merged into it.
    pub(crate) fn view(&self) -> User {
        self.view_of(self.identity.clone())
    }

    /// The user with this content, which is its own.
    fn view_of(&self, identity: Identity) -> User {
        let accounts = self.facts.links.iter().map(|(company, link)| {
            let external_id = identity.external_ids.get(company).cloned();
            (company.clone(), Account { external_id, status: link.state, linked_at: link.since.secs() })
        });
        let updated = self.profile.version.hlc.max(self.credentials.version.hlc);
        User {
            id: self.profile.id,
            status: self.status,
            version: self.version().to_string(),
            email_verified: verified(&self.facts.ownerships, IdentifierKind::Email),
            phone_number_verified: verified(&self.facts.ownerships, IdentifierKind::PhoneNumber),
            accounts: accounts.collect::<BTreeMap<_, _>>(),
            email: identity.email,
            phone_number: identity.phone_number,
            username: identity.username,
            profile: identity.profile,
            created_at: self.facts.created_at.secs(),
            updated_at: updated.millis().secs(),
            linked_accounts: Vec::new(),
            filled_from: BTreeMap::new(),
        }
    }
}

impl Person {
    /// The person as callers see it: the primary account, with its blanks filled from the linked accounts.
    pub fn view(&self) -> User {
        self.view_of(self.primary.identity.clone())
    }

    /// [`Person::view`] without a copy of the profile.
    pub fn into_view(mut self) -> User {
        let identity = std::mem::take(&mut self.primary.identity);
        self.view_of(identity)
    }

    fn view_of(&self, identity: Identity) -> User {
        let mut user = User { version: self.version().to_string(), ..self.primary.view_of(identity) };
        if self.linked_accounts.is_empty() {
            return user;
        }
        let mut profile = Filled::of(&user.profile);
        for linked in &self.linked_accounts {
            fill(&mut user, &mut profile, linked);
            user.linked_accounts.push(linked.id());
        }
        user.profile = profile.into_profile();
        user
    }
}

/// Fills the blanks of a user from a linked account. A verified flag is taken together with its identifier.
fn fill(user: &mut User, profile: &mut Filled, linked: &Stored) {
    let id = linked.id();
    let (identity, ownerships) = (&linked.identity, &linked.facts.ownerships);
    let mut taken = Vec::new();
    if user.email.is_none() && identity.email.is_some() {
        user.email.clone_from(&identity.email);
        user.email_verified = verified(ownerships, IdentifierKind::Email);
        taken.push(IdentifierKind::Email.as_str().to_owned());
    }
    if user.phone_number.is_none() && identity.phone_number.is_some() {
        user.phone_number.clone_from(&identity.phone_number);
        user.phone_number_verified = verified(ownerships, IdentifierKind::PhoneNumber);
        taken.push(IdentifierKind::PhoneNumber.as_str().to_owned());
    }
    if user.username.is_none() && identity.username.is_some() {
        user.username.clone_from(&identity.username);
        taken.push(IdentifierKind::Username.as_str().to_owned());
    }
    let names = profile.fill(&identity.profile);
    taken.extend(names.into_iter().map(|name| format!("profile.{name}")));
    for (company, link) in &linked.facts.links {
        let account = user.accounts.entry(company.clone()).or_insert_with(|| {
            taken.push(format!("accounts.{company}"));
            Account { external_id: None, status: link.state, linked_at: link.since.secs() }
        });
        if link.state == LinkState::Active {
            account.status = LinkState::Active;
        }
        if account.external_id.is_none()
            && let Some(external_id) = identity.external_ids.get(company)
        {
            account.external_id = Some(external_id.clone());
            taken.push(format!("external_id.{company}"));
        }
    }
    user.updated_at = user.updated_at.max(linked.profile.version.hlc.millis().secs());
    user.filled_from.extend(taken.into_iter().map(|name| (name, id)));
}
