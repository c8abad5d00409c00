//! A person as callers see it: the root's values, with its blanks filled from the others.

use std::collections::BTreeMap;

use umoja_schema::IdentifierKind;
use umoja_schema::api::{Account, User};

use super::{Person, Stored};
use crate::identifiers::verified;

impl Stored {
    /// As callers see it, without those that are merged into it.
    pub(crate) fn view(&self) -> User {
        let identity = self.identity.clone();
        let accounts = self.facts.links.iter().map(|(company, since)| {
            let external_id = identity.external_ids.get(company).cloned();
            (company.clone(), Account { external_id, linked_at: since.secs() })
        });
        let updated = self.profile.version.hlc.max(self.credentials.version.hlc);
        User {
            id: self.profile.id,
            status: self.status,
            version: self.version().to_string(),
            email_verified: verified(&self.facts.claims, IdentifierKind::Email),
            phone_number_verified: verified(&self.facts.claims, IdentifierKind::PhoneNumber),
            accounts: accounts.collect::<BTreeMap<_, _>>(),
            email: identity.email,
            phone_number: identity.phone_number,
            username: identity.username,
            profile: identity.profile,
            created_at: self.facts.created_at.secs(),
            updated_at: updated.millis().secs(),
            members: Vec::new(),
            filled_from: BTreeMap::new(),
        }
    }
}

impl Person {
    /// As callers see it: the root, with its blanks filled from the others.
    pub fn view(&self) -> User {
        let mut user = User { version: self.version().to_string(), ..self.root.view() };
        for member in &self.members {
            fill(&mut user, member);
            user.members.push(member.id());
        }
        user
    }
}

/// Takes from a member what the user leaves blank. A verified flag goes with its identifier.
fn fill(user: &mut User, member: &Stored) {
    let id = member.id();
    let (identity, claims) = (&member.identity, &member.facts.claims);
    let mut taken = Vec::new();
    if user.email.is_none() && identity.email.is_some() {
        user.email.clone_from(&identity.email);
        user.email_verified = verified(claims, IdentifierKind::Email);
        taken.push(IdentifierKind::Email.as_str().to_owned());
    }
    if user.phone_number.is_none() && identity.phone_number.is_some() {
        user.phone_number.clone_from(&identity.phone_number);
        user.phone_number_verified = verified(claims, IdentifierKind::PhoneNumber);
        taken.push(IdentifierKind::PhoneNumber.as_str().to_owned());
    }
    if user.username.is_none() && identity.username.is_some() {
        user.username.clone_from(&identity.username);
        taken.push(IdentifierKind::Username.as_str().to_owned());
    }
    let (profile, names) = user.profile.filled_with_names(&identity.profile);
    user.profile = profile;
    taken.extend(names.into_iter().map(|name| format!("profile.{name}")));
    for (company, since) in &member.facts.links {
        let account = user.accounts.entry(company.clone()).or_insert_with(|| {
            taken.push(format!("accounts.{company}"));
            Account { external_id: None, linked_at: since.secs() }
        });
        if account.external_id.is_none()
            && let Some(external_id) = identity.external_ids.get(company)
        {
            account.external_id = Some(external_id.clone());
            taken.push(format!("external_id.{company}"));
        }
    }
    user.updated_at = user.updated_at.max(member.profile.version.hlc.millis().secs());
    user.filled_from.extend(taken.into_iter().map(|name| (name, id)));
}
