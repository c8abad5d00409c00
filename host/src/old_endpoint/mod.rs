//! A company's own endpoint that verifies passwords: the adapter of `LegacyLogin` over [`HttpsOutbound`].
//!
//! The request is a `POST` of JSON with the identifiers and the password, signed by the region as Standard Webhooks has it
//! (Ed25519, `v1a`): the endpoint verifies with the region's published keys that Umoja asks, and shares no secret with
//! it. The answer is 200 with `{"authenticated": true}` or `false`.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use umoja_schema::OldSystem;
use umoja_store::ports::{
    Answered, Call, LegacyAnswer, LegacyError, LegacyLogin, Method, Outbound as _, OutboundError, Question,
};
use zeroize::Zeroizing;

use crate::outbound::HttpsOutbound;

/// The longest that a question may take, with resolving, connecting and the answer.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4 * 1024;

/// Why an endpoint on this machine is not asked, with the option of `umoja serve` that permits it.
const HERE: &str = "it is on this machine, which only `umoja serve --old-system-loopback` asks";

/// Asks endpoints of companies.
pub struct OldEndpoint {
    outbound: HttpsOutbound,
}

/// The body of a request.
#[derive(Serialize)]
struct Asked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// Only beside an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    /// Only beside a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    password: &'a str,
}

/// The body of an answer. Other members are ignored.
#[derive(Deserialize)]
struct Verdict {
    authenticated: bool,
}

impl Default for OldEndpoint {
    fn default() -> Self {
        let outbound = HttpsOutbound::new().without_loopback(HERE);
        Self { outbound: outbound.with_timeout(TIMEOUT).with_max_answer(MAX_ANSWER) }
    }
}

impl OldEndpoint {
    /// Asks endpoints on the public internet only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also asks endpoints on this machine, without TLS if their URL says so.
    #[must_use]
    pub fn with_loopback(self) -> Self {
        Self { outbound: self.outbound.with_loopback() }
    }

    /// With another time-out than four seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { outbound: self.outbound.with_timeout(timeout) }
    }
}

#[async_trait]
impl LegacyLogin for OldEndpoint {
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        const NONE: LegacyError = LegacyError::Rejected("the request cannot be made");
        let OldSystem::Http { url } = question.system else {
            return Err(LegacyError::Rejected("it is no endpoint"));
        };
        let user = question.user;
        let asked = Asked {
            external_id: user.external_id.as_deref(),
            email: user.email.as_deref(),
            email_verified: user.email.as_ref().map(|_| user.email_verified),
            phone_number: user.phone_number.as_deref(),
            phone_number_verified: user.phone_number.as_ref().map(|_| user.phone_number_verified),
            username: user.username.as_deref(),
            password: question.password.as_typed(),
        };
        let body = Zeroizing::new(serde_json::to_vec(&asked).map_err(|_| NONE)?);
        let message = Zeroizing::new([format!("{}.{}.", question.id, question.at_secs).as_bytes(), &body].concat());
        let (at, signature) = (question.at_secs.to_string(), STANDARD.encode(question.key.sign(&message)));
        let signature = format!("v1a,{signature}");
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("webhook-id", question.id),
            ("webhook-timestamp", &at),
            ("webhook-signature", &signature),
            ("umoja-key-id", question.key.kid()),
        ];
        let call = Call { method: Method::Post, url, headers: &headers, body: &body };
        let answered = self.outbound.call(&call).await.map_err(|error| match error {
            OutboundError::Unavailable(fault) => LegacyError::Unavailable(fault),
            OutboundError::Rejected(fault) => LegacyError::Rejected(fault),
        })?;
        read(&answered)
    }
}

fn read(answered: &Answered) -> Result<LegacyAnswer, LegacyError> {
    match answered.status {
        200 => {}
        429 => return Err(LegacyError::Unavailable("it has too many requests")),
        500..=599 => return Err(LegacyError::Unavailable("it has an error")),
        300..=399 => return Err(LegacyError::Rejected("it redirects")),
        _ => return Err(LegacyError::Rejected("it rejects the request")),
    }
    match serde_json::from_slice(&answered.body) {
        Ok(Verdict { authenticated: true }) => Ok(LegacyAnswer::Right),
        Ok(Verdict { authenticated: false }) => Ok(LegacyAnswer::Wrong),
        Err(_) => Err(LegacyError::Rejected("its answer has no member `authenticated`")),
    }
}

#[cfg(test)]
mod tests;
