//! Why a browser gets a page instead of the next step.

use axum::response::{IntoResponse, Response};
use umoja_accounts::Error;
use umoja_schema::ClientId;
use umoja_store::oidc_keys::OidcKeysError;
use umoja_store::ports::StoreError;

use crate::form::FormError;
use crate::pages::{self, View};
use crate::request::NoReturn;

/// Why a browser goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The request is none that has an answer.
    Page {
        /// Why.
        reason: NoReturn,
        /// The client, if it is one that is or was registered. What else a request names as its client is not written down.
        client: Option<ClientId>,
    },
    /// The region cannot answer now.
    Unavailable,
}

impl From<NoReturn> for Stop {
    fn from(reason: NoReturn) -> Self {
        Self::Page { reason, client: None }
    }
}

impl From<FormError> for Stop {
    fn from(_: FormError) -> Self {
        NoReturn::Unreadable.into()
    }
}

impl Stop {
    /// The same, at a client that is or was registered.
    pub(super) fn at(reason: NoReturn, client: &ClientId) -> Self {
        Self::Page { reason, client: Some(client.clone()) }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "a request of a browser cannot be answered");
        Self::Unavailable
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<OidcKeysError> for Stop {
    fn from(error: OidcKeysError) -> Self {
        tracing::error!(%error, "a region cannot read the keys of single sign-on");
        Self::Unavailable
    }
}

impl Stop {
    /// The page.
    pub(super) fn page(&self, view: &View) -> Response {
        match self {
            Self::Page { reason, .. } => pages::no_return(view, *reason),
            Self::Unavailable => pages::unavailable(view),
        }
    }
}

impl IntoResponse for Stop {
    /// An answer without its page, which [`super::router`] adds in the language of the browser.
    fn into_response(self) -> Response {
        if let Self::Page { reason, client } = &self {
            let client = client.as_ref().map(ClientId::as_str);
            tracing::info!(reason = reason.code(), client, "a link or a form of single sign-on was rejected");
        }
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}
