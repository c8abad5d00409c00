//! Problems that the page gets (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use umoja_accounts::Error;
use umoja_schema::api::{ProblemDetails, problem_type};

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

/// A type of problem that the page gets.
#[derive(Debug)]
pub struct ProblemKind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code by which programs recognise the problem.
    pub code: &'static str,
    /// What is wrong: one sentence, without a full stop.
    pub title: &'static str,
}

impl ProblemKind {
    /// What the person can do.
    pub const DETAIL: &'static str = "Open the page with the link that the company gave.";
}

macro_rules! problems {
    ($($name:ident = $status:ident $code:literal $title:literal;)*) => {
        $(static $name: ProblemKind = ProblemKind { status: StatusCode::$status, code: $code, title: $title };)*

        /// Every type of problem that the page gets.
        pub static PROBLEMS: &[&ProblemKind] = &[$(&$name),*];
    };
}

problems! {
    TICKET = UNAUTHORIZED "ticket_invalid" "There is no valid ticket";
    FOREIGN = FORBIDDEN "foreign_page" "The request comes from another site";
    BODY = UNSUPPORTED_MEDIA_TYPE "invalid_body" "The body has to be small and JSON";
    UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable" "The service cannot answer now";
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let &ProblemKind { status, code, title } = match &self {
            Self::Ticket => &TICKET,
            Self::Foreign => &FOREIGN,
            Self::Body => &BODY,
            Self::Store(error) => {
                tracing::warn!(%error, "the status page cannot be answered");
                &UNAVAILABLE
            }
        };
        let details = ProblemDetails {
            type_uri: problem_type(code),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: ProblemKind::DETAIL.to_owned(),
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
