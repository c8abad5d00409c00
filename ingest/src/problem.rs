//! Problems that a source gets (RFC 9457): a static type, a code, and one sentence that says what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use umoja_schema::api::{ProblemDetails, problem_type};
use umoja_store::ports::StoreError;

use crate::providers::Malformed;

/// Why events are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The caller has not proved to be the source. The text says which check failed, for the log of the operator.
    Unauthorized(&'static str),
    /// The body is not what the source posts.
    Malformed(Malformed),
    /// A GET that is neither the verification of a URL nor an event.
    Method,
    /// The body is too large.
    TooLarge,
    /// The source is a user pool that takes users from Umoja.
    Direction,
    /// An event id came before with another content.
    OtherContent,
    /// The source has made too many requests.
    RateLimited {
        /// After how many seconds it may post again.
        secs: u32,
    },
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

/// A type of problem that a source gets.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code by which programs recognise the problem.
    pub code: &'static str,
    /// What is wrong: one sentence, without a full stop.
    pub title: &'static str,
    /// What the sender can do.
    pub detail: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:ident $code:literal $title:literal $detail:literal;)*) => {
        $(static $name: ProblemKind =
            ProblemKind { status: StatusCode::$status, code: $code, title: $title, detail: $detail };)*

        /// Every type of problem that a source gets.
        pub static PROBLEMS: &[&ProblemKind] = &[$(&$name),*];
    };
}

problems! {
    UNAUTHORIZED = UNAUTHORIZED "unauthorized" "The request is not accepted" "Check the id of the source in the URL, its API key in `x-api-key` or as a bearer token, and its signature and clock if it signs.";
    DIRECTION = FORBIDDEN "wrong_direction" "The source feeds no users" "Post no events: the user pool of this source takes users from Umoja. A pool with the direction `from-pool` feeds users.";
    OTHER_CONTENT = CONFLICT "event_id_reused" "An event with this id and another content was accepted before" "Give each event an id of its own.";
    TOO_LARGE = PAYLOAD_TOO_LARGE "too_large" "The body is too large" "Send a body of at most 1 MiB.";
    MALFORMED = UNPROCESSABLE_ENTITY "invalid_event" "The body has no event that this kind of source posts" "Check the kind and the mapping of the source.";
    METHOD = METHOD_NOT_ALLOWED "method_not_allowed" "This URL takes events by POST" "Send the events in the body of a POST.";
    RATE_LIMITED = TOO_MANY_REQUESTS "rate_limited" "The source has made too many requests" "Send the same events again after `Retry-After` seconds, and more of them in one request.";
    UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable" "The service cannot answer now" "Send the same events again after `Retry-After` seconds, here or to another region.";
}

impl Rejection {
    const fn kind(&self) -> &'static ProblemKind {
        match self {
            Self::Unauthorized(_) => &UNAUTHORIZED,
            Self::Malformed(_) => &MALFORMED,
            Self::Method => &METHOD,
            Self::TooLarge => &TOO_LARGE,
            Self::Direction => &DIRECTION,
            Self::OtherContent => &OTHER_CONTENT,
            Self::RateLimited { .. } => &RATE_LIMITED,
            Self::Store(_) => &UNAVAILABLE,
        }
    }

    /// The details of the answer.
    pub(crate) fn details(&self) -> ProblemDetails {
        let &ProblemKind { status, code, title, detail } = self.kind();
        let detail = match self {
            Self::Malformed(error) => format!("{detail} The reader says: {error}."),
            _ => detail.to_owned(),
        };
        ProblemDetails {
            type_uri: problem_type(code),
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
        let status = self.kind().status;
        let mut response = (status, Json(self.details())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Unauthorized(_) => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Method => drop(headers.insert(header::ALLOW, HeaderValue::from_static("POST"))),
            Self::RateLimited { secs } => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from(secs))),
            Self::Store(_) => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS))),
            _ => {}
        }
        response
    }
}
