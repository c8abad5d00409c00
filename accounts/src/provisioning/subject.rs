//! Tokens that stand for the user of a request (RFC 8693 section 2.1).

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::api::{Selector, SubjectTokenType};
use umoja_schema::{CompanyId, SourceId};
use zeroize::Zeroizing;

use crate::Error;

/// A token that stands for a user. It is never printed.
pub struct SubjectToken {
    /// The token.
    pub token: Zeroizing<String>,
    /// What the company says that it is.
    pub token_type: SubjectTokenType,
    /// The source whose provider has issued it; `None` if Umoja has.
    pub issuer: Option<SourceId>,
}

/// What knows whose a token is.
#[async_trait]
pub trait SubjectTokens: Send + Sync {
    /// The user of a live token that this company may show. Whether the user is linked to the company is for the caller to ask.
    ///
    /// # Errors
    /// [`Error::SubjectToken`] for every other token, [`Error::SubjectTokenExpired`] for one of the company that was live;
    /// [`Error::IssuerUnavailable`] if the keys of the issuer cannot be read; [`Error::Behind`] if the region cannot say yet.
    async fn subject(&self, company: &CompanyId, token: &SubjectToken) -> Result<Selector, Error>;
}

/// The user of a request.
pub enum Subject {
    /// Whom the company knows, by an id or an identifier.
    Known(Selector),
    /// Whose token the company has, and what knows whose it is.
    Token(SubjectToken, Arc<dyn SubjectTokens>),
}

impl Subject {
    /// The id or identifier of the user.
    pub(super) async fn selector(&self, company: &CompanyId) -> Result<Selector, Error> {
        match self {
            Self::Known(selector) => Ok(selector.clone()),
            Self::Token(token, tokens) => tokens.subject(company, token).await,
        }
    }
}
