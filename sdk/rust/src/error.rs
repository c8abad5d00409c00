//! Why a call has no result.

use serde::Deserialize;
use serde_json::Value;

use crate::company::{CompanyError, SignerError};
use crate::generated::ProblemCode;
use crate::jws::Rejected;
use crate::retry::Retry;
use crate::transport::TransportError;

/// An answer of a region that is an error (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// The code.
    pub code: ProblemCode,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub detail: String,
    /// The member of the body that is wrong, as a path.
    #[serde(default)]
    pub field: Option<String>,
    /// The current version of the user, if another one was expected.
    #[serde(default)]
    pub version: Option<String>,
    /// After how many seconds to try again.
    #[serde(skip)]
    pub retry_after_secs: Option<u32>,
    /// The id of the request, to name to the operator.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// The region that answered: its base URL.
    #[serde(skip)]
    pub region: String,
    /// The whole body, as it came.
    #[serde(skip)]
    pub body: Value,
    /// The signed answer; `None` if the region has not signed it. An answer that is not signed may come from a proxy or an attacker: do
    /// not rely on what it says was done or not done.
    #[serde(skip)]
    pub token: Option<String>,
}

impl Problem {
    /// Whether a repetition can help.
    pub fn retry(&self) -> Retry {
        match &self.code {
            ProblemCode::Other(_) if self.status >= 500 => Retry::Elsewhere,
            code => code.retry(),
        }
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A region has answered with an error.
    #[error("{} {}: {}{}", .0.status, .0.code.as_str(), printable(&.0.detail), named(.0.request_id.as_deref()))]
    Problem(Box<Problem>),
    /// No region has answered. The request may have taken effect: repeat it with the same idempotency key.
    #[error("{region}: {source}")]
    Unreachable {
        /// The region that was tried last.
        region: String,
        /// Why.
        source: TransportError,
    },
    /// The answer is not signed by the region for this request. The request may have taken effect.
    #[error("the answer of {region} is not to be trusted: {reason}{}", named(request_id.as_deref()))]
    NotVerified {
        /// The region that was called.
        region: String,
        /// Which check it fails.
        reason: Rejected,
        /// The `Request-Id` of the answer.
        request_id: Option<String>,
    },
    /// The answer is neither signed nor a problem.
    #[error("{region} answered {status} with nothing that the API answers{}", named(request_id.as_deref()))]
    Form {
        /// The region that was called.
        region: String,
        /// The HTTP status.
        status: u16,
        /// The `Request-Id` of the answer.
        request_id: Option<String>,
    },
    /// The region's public keys cannot be read.
    #[error("the public keys of {0} cannot be read from its /.well-known/jwks.json")]
    Keys(String),
    /// A document or an answer does not have the form that this version knows.
    #[error("the {0} does not have the form that this version of the client knows")]
    Unknown(&'static str),
    /// The client cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The company's file or key cannot be used.
    #[error(transparent)]
    Company(#[from] CompanyError),
    /// The request was not signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The machine provides no randomness.
    #[error("the machine provides no randomness")]
    Randomness,
}

impl Error {
    /// The code of a problem.
    pub fn code(&self) -> Option<&ProblemCode> {
        self.problem().map(|problem| &problem.code)
    }

    /// The problem, if a region has answered with one.
    pub fn problem(&self) -> Option<&Problem> {
        if let Self::Problem(problem) = self { Some(problem) } else { None }
    }

    /// The id of the request, to name to the operator.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => problem.request_id.as_deref(),
            Self::NotVerified { request_id, .. } | Self::Form { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }
}

/// Without control characters: nothing may prove that the region said it.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn named(request_id: Option<&str>) -> String {
    request_id.map(|id| format!(" (Request-Id {})", printable(id))).unwrap_or_default()
}
