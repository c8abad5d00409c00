//! The company and the actor for which a rule runs, and the time.

use std::sync::Arc;

use umoja_schema::{Actor, Company, IdentifierError, IdentifierKind, Identity, Link, Millis, ProfileFacts, Source};
use umoja_store::identifiers::{self, Parsed};
use umoja_store::ownerships::OwnedSlot;

/// The actor of a rule, the company that it acts for, and the time.
#[derive(Debug, Clone)]
pub struct Context {
    /// The actor in the audit trail.
    pub actor: Actor,
    /// The company whose data is written: links, sources, external ids and verified flags belong to it.
    pub company: Arc<Company>,
    /// The time.
    pub now: Millis,
    /// The data by which a retry is recognised. `None` if the request has no idempotency key.
    pub request: Option<Request>,
}

/// A request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its idempotency key. Each company has its own keys.
    pub key: String,
    /// A keyed hash of its content. Two requests under one key are the same if their fingerprints are equal.
    pub fingerprint: String,
    /// True if a request under this key was begun before, and may have been executed.
    pub is_repeat: bool,
}

impl Context {
    /// True if the request may have been executed before.
    pub fn is_repeat(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_repeat)
    }

    /// The source of a value that the company writes now.
    pub fn source(&self) -> Source {
        Source { company: self.company.id.clone(), at: self.now.secs() }
    }

    /// The slot of a kind of identifier for the company.
    pub fn slot(&self, kind: IdentifierKind) -> OwnedSlot {
        identifiers::slot(&self.company, kind)
    }

    /// Parses an identifier as the company writes it.
    ///
    /// # Errors
    /// If the text is not an identifier of this kind.
    pub fn parse(&self, kind: IdentifierKind, text: &str) -> Result<Parsed, IdentifierError> {
        identifiers::parse(kind, text, self.company.phone_country.as_deref())
    }

    /// Links the company to a user, unless it is linked already.
    pub(crate) fn link(&self, identity: &mut Identity, facts: &mut ProfileFacts) {
        let company = &self.company.id;
        if !facts.links.contains_key(company) {
            facts.links.insert(company.clone(), Link::since(self.now));
            identity.sources.insert(format!("accounts.{company}"), self.source());
        }
    }
}
