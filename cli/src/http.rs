//! Plain HTTP for regions on this machine, and HTTPS with the machine's certificate authorities for all others.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
pub use umoja_client::Raw;
use umoja_client::{Transport, TransportError};
use umoja_crypto::JwsError;
use umoja_schema::api::ProblemDetails;

/// The longest that a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No response.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The region rejected the request before it knew the caller, so the answer is not signed.
    #[error("the region rejected the request with {status} {code}: {detail}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// What the problem says, without control characters: nothing proves that the region said it.
        detail: String,
    },
    /// An answer that the region did not sign for this request.
    #[error("the answer is not signed by this region for this request ({0}); do not trust it")]
    NotOurs(JwsError),
    /// The signed status is not the response's.
    #[error("the answer's status was changed on its way; do not trust it")]
    Status,
    /// Neither a signed answer nor a problem.
    #[error("the answer with status {0} has no format of the API")]
    Form(u16),
    /// The region's public keys cannot be read.
    #[error("the region's public keys cannot be read from {0}/.well-known/jwks.json")]
    Keys(String),
}

/// The connections to one region.
pub(crate) struct Http(Transport);

impl Http {
    /// Connections to the region at `base_url`, which has no trailing slash.
    pub(crate) fn new(base_url: &str) -> Result<Self, ClientError> {
        Ok(Self(Transport::new(&[base_url.to_owned()], TIMEOUT)?))
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Raw, ClientError> {
        Ok(self.0.send(request).await?)
    }
}

/// The error of an answer that is a problem, or nothing that is known.
pub(crate) fn rejected(raw: &Raw) -> ClientError {
    let is_error =
        StatusCode::from_u16(raw.status).is_ok_and(|status| status.is_client_error() || status.is_server_error());
    match serde_json::from_slice::<ProblemDetails>(&raw.body) {
        Ok(problem) if is_error => {
            let detail = problem.detail.chars().filter(|c| !c.is_control()).collect();
            ClientError::Rejected { status: raw.status, code: problem.code, detail }
        }
        _ => ClientError::Form(raw.status),
    }
}
