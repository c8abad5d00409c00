//! Tokens that stand for the user of a request of the API (RFC 8693 section 2.1): those of this issuer, and those of the providers of
//! sources. A company may show the tokens of its own clients and its own sources alone.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_accounts::provisioning::{SubjectToken, SubjectTokens};
use umoja_accounts::{Error, Field};
use umoja_schema::api::Selector;
use umoja_schema::ingest::SourceTokens;
use umoja_schema::{CompanyId, IdentifierKind, IngestSource, SourceId};
use umoja_store::Home;
use umoja_store::ports::{Outbound, StoreError};
use umoja_store::remembered::Remembered;

use crate::Provider;
use crate::back_channel::user_of;
use crate::upstream::calls::Caller;
use crate::upstream::learnt::{FRESH_MS, Upstreams};
use crate::upstream::{Fault, subject};

/// The tokens that a region takes.
pub struct Tokens {
    home: Home,
    outbound: Arc<dyn Outbound>,
    own: Option<Arc<Provider>>,
    sources: Remembered<SourceId, IngestSource>,
    learnt: Upstreams,
}

impl Tokens {
    /// The tokens of the providers of sources, and of this deployment if the region knows its issuer.
    pub fn new(home: Home, outbound: Arc<dyn Outbound>, own: Option<Arc<Provider>>) -> Self {
        Self { home, outbound, own, sources: Remembered::default(), learnt: Upstreams::default() }
    }

    /// What a source of the company says of its tokens. A source that is paused speaks for no one.
    async fn tokens(&self, company: &CompanyId, id: &SourceId) -> Result<SourceTokens, Error> {
        const RULE: &str = "Name a source of the company that is not paused, and whose provider issues tokens (`umoja source set ID --issuer URL --audience AUDIENCE`).";
        let source = self.source(id).await?.filter(|source| source.enabled && source.company == *company);
        let tokens = source.and_then(|source| source.tokens.clone());
        tokens.ok_or(Error::Invalid { field: Field::SubjectIssuer, rule: RULE.into() })
    }

    /// A source as stored, or as stored some seconds ago.
    async fn source(&self, id: &SourceId) -> Result<Option<Arc<IngestSource>>, StoreError> {
        let now = self.home.clock.now();
        if let Some((_, source)) = self.sources.get(id, now) {
            return Ok(Some(source));
        }
        let Some(document) = self.home.registry.setting(&IngestSource::setting(id)).await? else { return Ok(None) };
        let source = Arc::new(IngestSource::read(id.as_str(), document)?);
        self.sources.remember(id.clone(), &(now, Arc::clone(&source)));
        Ok(Some(source))
    }

    /// What the provider of a source calls the user of a token.
    async fn foreign(&self, company: &CompanyId, source: &SourceId, token: &SubjectToken) -> Result<String, Error> {
        let tokens = self.tokens(company, source).await?;
        let now = self.home.clock.now();
        let caller = Caller { outbound: &*self.outbound, clock: &*self.home.clock, browser: company.as_str() };
        let read = async |max_age_ms| {
            let learnt = self.learnt.learn(&caller, &tokens.issuer, max_age_ms).await?;
            subject::read(&token.token, &learnt.keys, &tokens, token.token_type, now.secs())
        };
        let subject = match read(FRESH_MS).await {
            // The provider may have new keys.
            Err(Fault::UnknownKey) => read(0).await,
            subject => subject,
        };
        subject.map_err(|fault| match fault {
            Fault::Provider(fault) | Fault::Unreachable(fault) => Error::IssuerUnavailable(fault),
            Fault::UnknownKey => Error::SubjectToken("kid"),
            Fault::Token("exp") => Error::SubjectTokenExpired,
            Fault::Token(name) => Error::SubjectToken(name),
        })
    }
}

#[async_trait]
impl SubjectTokens for Tokens {
    async fn subject(&self, company: &CompanyId, token: &SubjectToken) -> Result<Selector, Error> {
        if let Some(source) = &token.issuer {
            let subject = self.foreign(company, source, token).await?;
            return Ok(Selector::Identifier(IdentifierKind::ExternalId, subject));
        }
        let own = self.own.as_ref().ok_or(Error::SubjectToken("that this region serves single sign-on"))?;
        Ok(Selector::Id(user_of(own, company, &token.token, token.token_type).await?))
    }
}
