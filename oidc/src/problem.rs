//! The answer to a request of a client that is rejected (RFC 6749 section 5.2). It names a rule and never a value.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use umoja_schema::ClientId;
use umoja_store::oidc_keys::OidcKeysError;
use umoja_store::ports::StoreError;

use crate::form::FormError;

/// Seconds after which a client should ask again.
const RETRY_AFTER_SECS: u32 = 1;

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// A parameter is missing, repeated or malformed. The text names the rule.
    Request(&'static str),
    /// The path has other methods, which the header `allow` names.
    Method,
    /// The client is unknown, disabled, or has not proved to be itself. One answer for all of these, so that it does not say which
    /// clients exist. `basic` is whether the client used the header `authorization`, which decides the form of the challenge.
    Client {
        /// Whether the request had HTTP Basic credentials.
        basic: bool,
    },
    /// The code, refresh token or device code is unknown, used, expired or another client's.
    Grant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant.
    GrantType,
    /// The client may not have a scope.
    Scope,
    /// The proof of possession is missing or not acceptable (RFC 9449 section 5).
    DpopProof,
    /// The access token is missing, not genuine, ended or expired (RFC 6750 section 3.1). `dpop` is whether it was sent with the scheme
    /// `DPoP`.
    Token {
        /// Whether the token was sent with the scheme `DPoP`.
        dpop: bool,
    },
    /// There is no access token (RFC 6750 section 3.1: then the challenge has no error).
    NoToken,
    /// The proof of possession beside an access token is missing or not acceptable (RFC 9449 section 7.1).
    TokenProof,
    /// The token is of a kind that does not end before its time (RFC 7009 section 2.2.1).
    TokenType,
    /// The access token is without the scope that is needed (RFC 6750 section 3.1).
    InsufficientScope,
    /// The person has not decided yet (RFC 8628 section 3.5).
    AuthorizationPending,
    /// As before, and the client asks too often.
    SlowDown,
    /// Too many requests come from one address.
    TooMany {
        /// The seconds after which the next one is allowed.
        retry_after_secs: u32,
    },
    /// The person has rejected.
    AccessDenied,
    /// The device code has expired.
    ExpiredToken,
    /// A region that has to answer does not. The client may try again.
    Unavailable,
}

impl Problem {
    /// The value of `error`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Request(_) | Self::Method => "invalid_request",
            Self::Client { .. } => "invalid_client",
            Self::Grant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::GrantType => "unsupported_grant_type",
            Self::Scope => "invalid_scope",
            Self::DpopProof | Self::TokenProof => "invalid_dpop_proof",
            Self::Token { .. } | Self::NoToken => "invalid_token",
            Self::TokenType => "unsupported_token_type",
            Self::InsufficientScope => "insufficient_scope",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown | Self::TooMany { .. } => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Client { .. } | Self::Token { .. } | Self::NoToken | Self::TokenProof => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Says in the log that a call was rejected, of a client that is registered, if it named one. What else it said is not written down. Who
    /// has to come again is not rejected.
    pub fn log(self, path: &str, client: Option<&ClientId>) {
        if !matches!(self, Self::AuthorizationPending | Self::SlowDown | Self::Unavailable) {
            log_rejected(path, client, (self.code(), Some(self.description())));
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Request(rule) => rule,
            Self::Method => "send the request by a method of the header Allow",
            Self::Client { .. } => "the client is unknown, disabled or not authenticated",
            Self::Grant => "the grant is used, expired, ended or of another client: begin again",
            Self::UnauthorizedClient => "the client may not use this grant",
            Self::GrantType => "there is no such grant",
            Self::Scope => "the client may not have this scope",
            Self::DpopProof | Self::TokenProof => "the DPoP proof is missing, used or does not fit the request",
            Self::Token { .. } => "the access token is missing, expired or ended: get a new one",
            Self::NoToken => "there is no access token",
            Self::TokenType => "a token of a client by itself ends only by its time",
            Self::InsufficientScope => "the access token is without the scope openid",
            Self::AuthorizationPending => "the person has not decided yet",
            Self::SlowDown => "wait five seconds longer between two requests",
            Self::TooMany { .. } => {
                "too many devices begin at this address; come again after the seconds of Retry-After"
            }
            Self::AccessDenied => "the person has rejected",
            Self::ExpiredToken => "the device code has expired: begin again",
            Self::Unavailable => "try again after the seconds of Retry-After",
        }
    }

    /// How the client has to authenticate (RFC 9110 section 11.6.1). The algorithms are those of proofs.
    const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("Bearer, DPoP algs=\"ES256 EdDSA\""),
            Self::TokenProof => Some("DPoP error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA\""),
            Self::Client { basic: true } => Some("Basic realm=\"umoja\", charset=\"UTF-8\""),
            Self::Token { dpop: false } => Some("Bearer error=\"invalid_token\""),
            Self::Token { dpop: true } => Some("DPoP error=\"invalid_token\", algs=\"ES256 EdDSA\""),
            Self::InsufficientScope => Some("Bearer error=\"insufficient_scope\", scope=\"openid\""),
            _ => None,
        }
    }
}

impl From<FormError> for Problem {
    fn from(error: FormError) -> Self {
        Self::Request(match error {
            FormError::Malformed => "the parameters are not form-urlencoded, or too many",
            FormError::Repeated => "a parameter is given more than once",
        })
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a request of a client cannot be answered");
        Self::Unavailable
    }
}

impl From<umoja_accounts::Error> for Problem {
    fn from(error: umoja_accounts::Error) -> Self {
        use umoja_accounts::Error;
        match error {
            Error::NotFound | Error::Erased | Error::Disabled => Self::Grant,
            error => {
                tracing::warn!(%error, "a request of a client cannot be answered");
                Self::Unavailable
            }
        }
    }
}

impl From<OidcKeysError> for Problem {
    fn from(error: OidcKeysError) -> Self {
        tracing::error!(%error, "a region cannot sign for clients");
        Self::Unavailable
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.description() });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        never_stored(headers);
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let retry_after_secs = match self {
            Self::Unavailable => Some(RETRY_AFTER_SECS),
            Self::TooMany { retry_after_secs } => Some(retry_after_secs),
            _ => None,
        };
        if let Some(secs) = retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

/// [`Problem::log`], of a rejection with a reason and a rule.
pub(crate) fn log_rejected(path: &str, client: Option<&ClientId>, (reason, rule): (&str, Option<&str>)) {
    tracing::info!(path, reason, rule, client = client.map(ClientId::as_str), "a call of a client was rejected");
}

/// Nothing that stands between may store the answer (RFC 6749 section 5.1).
pub(crate) fn never_stored(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_problem_is_stored() {
        for problem in [Problem::Grant, Problem::Client { basic: false }, Problem::Unavailable] {
            let response = problem.into_response();
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn a_client_that_used_the_header_is_challenged_and_another_is_not() {
        let challenge = |basic| {
            let response = Problem::Client { basic }.into_response();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            response.headers().get(header::WWW_AUTHENTICATE).cloned()
        };
        assert!(challenge(true).unwrap().to_str().unwrap().starts_with("Basic "));
        assert_eq!(challenge(false), None);
    }

    #[test]
    fn a_region_that_is_out_asks_to_come_again() {
        let response = Problem::Unavailable.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[header::RETRY_AFTER]),
            (503, &HeaderValue::from(1))
        );
    }
}
