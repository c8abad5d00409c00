//! A user as it is stored and opened, and as callers see it.

use std::collections::BTreeMap;

use umoja_schema::api::{Account, User};
use umoja_schema::{
    AccountStatus, CompanyId, IdentifierKind, Identity, PartRecord, ProfileFacts, RecordVersion, Source, UserId,
};

use crate::caller::Caller;
use crate::identifiers::verified;

/// A live user whose profile part was opened.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) profile: PartRecord,
    pub(crate) credentials: PartRecord,
    pub(crate) identity: Identity,
    pub(crate) facts: ProfileFacts,
    pub(crate) status: AccountStatus,
}

impl Stored {
    /// Nothing if a part is not live.
    pub(crate) fn new(profile: PartRecord, credentials: PartRecord, identity: Identity) -> Option<Self> {
        let facts = profile.profile_facts()?.clone();
        let status = credentials.status()?;
        Some(Self { profile, credentials, identity, facts, status })
    }

    /// The same user after its profile part was written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        self.facts = profile.profile_facts()?.clone();
        self.profile = profile;
        self.identity = identity;
        Some(self)
    }

    pub(crate) fn id(&self) -> UserId {
        self.profile.id
    }

    pub(crate) fn version(&self) -> RecordVersion {
        RecordVersion {
            id: self.profile.id,
            profile: self.profile.version.clone(),
            credentials: self.credentials.version.clone(),
        }
    }

    pub(crate) fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.facts.links.contains_key(company)
    }

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

/// Links the calling company to a user.
pub(crate) fn link(caller: &Caller, identity: &mut Identity, facts: &mut ProfileFacts) {
    let company = &caller.company.id;
    if !facts.links.contains_key(company) {
        facts.links.insert(company.clone(), caller.now);
        identity.sources.insert(format!("accounts.{company}"), source(caller));
    }
}

/// The calling company, now, as the source of a value.
pub(crate) fn source(caller: &Caller) -> Source {
    Source { company: caller.company.id.clone(), at: caller.now.secs() }
}
