//! Problems that the page gets (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use umoja_accounts::Error;
use umoja_schema::api::ProblemDetails;

/// Seconds after which the page should ask again.
const RETRY_AFTER_SECS: u16 = 2;

/// Why the page gets no state.
#[derive(Debug)]
pub(crate) enum Problem {
    /// There is no ticket, or it is not genuine, or has expired, or its company is disabled.
    Ticket,
    /// The request comes from a page of others.
    Foreign,
    /// The body is not JSON, or too large.
    Body,
    /// The store does not answer.
    Store(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = match &self {
            Self::Ticket => (StatusCode::UNAUTHORIZED, "ticket_invalid", "There is no valid ticket"),
            Self::Foreign => (StatusCode::FORBIDDEN, "foreign_page", "The request comes from another site"),
            Self::Body => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_body", "The body has to be small and JSON"),
            Self::Store(error) => {
                tracing::warn!(%error, "the status page cannot be answered");
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service cannot answer now")
            }
        };
        let details = ProblemDetails {
            type_uri: format!("urn:umoja:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: "Open the page with the link that the company gave.".to_owned(),
            code: code.to_owned(),
            field: None,
            version: None,
            violated_policies: None,
        };
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self, Self::Store(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS));
        }
        response
    }
}
