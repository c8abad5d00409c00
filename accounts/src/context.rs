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
    /// A keyed hash of its content without passwords. Two requests under one key are the same if their fingerprints are
    /// equal.
    pub fingerprint: String,
    /// The random text that this region stores for the key while it is in use, the same for every retry. `None` before
    /// the region stored one.
    pub mark: Option<String>,
    /// True if the region stored that an earlier request with this key was done. The rule then makes no change.
    pub is_done: bool,
}

impl Context {
    /// True if an earlier request with this idempotency key was done.
    pub(crate) fn is_done(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_done)
    }

    /// The mark that parts written by this request get.
    pub(crate) fn mark(&self) -> Option<String> {
        self.request.as_ref()?.mark.clone()
    }

    /// True if a part has this request's mark: the request was begun before with an unknown outcome, and has written
    /// the part. No other request has the mark, so nothing has to be concluded from the content of the part.
    pub(crate) fn has_written(&self, mark: Option<&String>) -> bool {
        mark.is_some() && mark == self.request.as_ref().and_then(|request| request.mark.as_ref())
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

    /// Parses an identifier that a user gets.
    ///
    /// # Errors
    /// If the text is not an identifier of this kind, or is a user name that the company does not allow.
    pub fn parse_new(&self, kind: IdentifierKind, text: &str) -> Result<Parsed, IdentifierError> {
        self.parse_new_in(kind, text, self.company.phone_country.as_deref())
    }

    /// As [`Context::parse_new`], with national phone numbers read in this country.
    pub(crate) fn parse_new_in(
        &self,
        kind: IdentifierKind,
        text: &str,
        country: Option<&str>,
    ) -> Result<Parsed, IdentifierError> {
        let parsed = identifiers::parse(kind, text, country)?;
        if let (IdentifierKind::Username, Some(level)) = (kind, self.company.username_restriction) {
            level.check(&parsed.normalised)?;
        }
        Ok(parsed)
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
