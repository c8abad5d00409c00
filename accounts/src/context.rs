//! On whose behalf a rule runs, and when.

use std::sync::Arc;

use umoja_schema::{Actor, Company, IdentifierError, IdentifierKind, Identity, Millis, ProfileFacts, Source};
use umoja_store::claims::OwnedSlot;
use umoja_store::identifiers::{self, Parsed};

/// Who does something, for which company, and when.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who does it, for the audit trail.
    pub actor: Actor,
    /// The company that says what is written: links, sources, external ids and verified flags are its.
    pub company: Arc<Company>,
    /// When.
    pub now: Millis,
    /// What tells a retry from a new request; absent if it was not asked for.
    pub request: Option<Request>,
}

/// A request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its idempotency key, which is the company's.
    pub key: String,
    /// A keyed hash of what it asks for: two requests under one key are the same if they have the same one.
    pub fingerprint: String,
    /// True if a request under this key was begun before, and may have been done.
    pub is_repeat: bool,
}

impl Context {
    /// True if the request may have been done before.
    pub fn is_repeat(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_repeat)
    }

    /// The company, now, as the source of a value.
    pub fn source(&self) -> Source {
        Source { company: self.company.id.clone(), at: self.now.secs() }
    }

    /// The slot of a kind of identifier for the company.
    pub fn slot(&self, kind: IdentifierKind) -> OwnedSlot {
        identifiers::slot(&self.company, kind)
    }

    /// Reads an identifier as the company writes it.
    ///
    /// # Errors
    /// If it is none of its kind.
    pub fn parse(&self, kind: IdentifierKind, text: &str) -> Result<Parsed, IdentifierError> {
        identifiers::parse(kind, text, self.company.phone_country.as_deref())
    }

    /// Links the company to a user that is not linked to it.
    pub(crate) fn link(&self, identity: &mut Identity, facts: &mut ProfileFacts) {
        let company = &self.company.id;
        if !facts.links.contains_key(company) {
            facts.links.insert(company.clone(), self.now);
            identity.sources.insert(format!("accounts.{company}"), self.source());
        }
    }
}
