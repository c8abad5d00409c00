//! Why a browser gets a page instead of the next step.

use axum::response::{IntoResponse, Response};
use umoja_accounts::Error;
use umoja_store::oidc_keys::OidcKeysError;
use umoja_store::ports::StoreError;

use crate::form::FormError;
use crate::pages::{self, View};
use crate::request::NoReturn;

/// Why a browser goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The request is none that has an answer.
    Page(NoReturn),
    /// The region cannot answer now.
    Unavailable,
}

impl From<NoReturn> for Stop {
    fn from(reason: NoReturn) -> Self {
        Self::Page(reason)
    }
}

impl From<FormError> for Stop {
    fn from(_: FormError) -> Self {
        Self::Page(NoReturn::Unreadable)
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
    pub(super) fn page(self, view: &View) -> Response {
        match self {
            Self::Page(reason) => pages::no_return(view, reason),
            Self::Unavailable => pages::unavailable(view),
        }
    }
}

impl IntoResponse for Stop {
    /// An answer without its page, which [`super::router`] adds in the language of the browser.
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}
