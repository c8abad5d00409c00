//! Problems that a source gets (RFC 9457): a static type, a code, and one sentence that says what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use umoja_schema::api::ProblemDetails;
use umoja_store::ports::StoreError;

use crate::providers::Malformed;

/// Why events are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The caller has not proved to be the source. The text says which check failed, for the log of the operator.
    Unauthorized(&'static str),
    /// The body is not what the source posts.
    Malformed(Malformed),
    /// The body is too large.
    TooLarge,
    /// An event id came before with another content.
    OtherContent,
    /// The store did not accept all events.
    Store(StoreError),
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Malformed> for Rejection {
    fn from(error: Malformed) -> Self {
        if error == Malformed::TooLarge { Self::TooLarge } else { Self::Malformed(error) }
    }
}

/// Seconds after which a source should post again.
const RETRY_AFTER_SECS: u16 = 5;

impl Rejection {
    /// The status, the code, the title, and what to do.
    const fn kind(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Unauthorized(_) => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "The request is not accepted",
                "Check the id of the source in the URL, its API key in `x-api-key` or as a bearer token, and its signature and clock if it signs.",
            ),
            Self::Malformed(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_event",
                "The body has no event that this kind of source posts",
                "Check the kind and the mapping of the source.",
            ),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", "Send a body of at most 1 MiB.")
            }
            Self::OtherContent => (
                StatusCode::CONFLICT,
                "event_id_reused",
                "An event with this id and another content was accepted before",
                "Give each event an id of its own.",
            ),
            Self::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The service cannot answer now",
                "Send the same events again after `Retry-After` seconds, here or to another region.",
            ),
        }
    }

    /// The details of the answer.
    pub(crate) fn details(&self) -> ProblemDetails {
        let (status, code, title, detail) = self.kind();
        let detail = match self {
            Self::Malformed(error) => format!("{detail} The reader says: {error}."),
            _ => detail.to_owned(),
        };
        ProblemDetails {
            type_uri: format!("urn:umoja:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            code: code.to_owned(),
            field: None,
            version: None,
            violated_policies: None,
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, ..) = self.kind();
        let mut response = (status, Json(self.details())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Unauthorized(_) => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Store(_) => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS))),
            _ => {}
        }
        response
    }
}
