//! The request id, which is in every answer and in every log line about the request.
//!
//! The id contains no data of the request. With it, a caller and an operator can refer to a request without quoting it.
//! The API ignores a `Request-Id` that the caller sends, so that no caller can choose what is logged.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use tracing::Instrument as _;
use umoja_store::ports::Entropy;

/// The header of answers that contains the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The longest id that is accepted from the host.
const MAX_CHARS: usize = 64;

/// The id of a request.
///
/// A host that has an id for the request already, such as AWS Lambda, puts it into the request's extensions and logs
/// within its own span. Every other request gets a new id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id that the host gives. `None` if it cannot be a header value or an id.
    pub fn of_host(text: &str) -> Option<Self> {
        let fits = (1..=MAX_CHARS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'));
        fits.then(|| HeaderValue::from_str(text).ok().map(Self)).flatten()
    }

    /// A new id: 128 random bits, in hexadecimal.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let digits = format!("{:032x}", u128::from_be_bytes(entropy.array()));
        Self(HeaderValue::try_from(digits).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Sets the header of an answer.
    pub fn set(self, response: &mut Response) {
        response.headers_mut().insert(REQUEST_ID, self.0);
    }
}

/// Gives the request an id, answers it within a span with that id, and puts the id into the answer.
pub async fn identified<F>(entropy: &dyn Entropy, mut request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (id, span) = if let Some(id) = request.extensions().get::<RequestId>() {
        (id.clone(), tracing::Span::none())
    } else {
        let id = RequestId::random(entropy);
        request.extensions_mut().insert(id.clone());
        // The span has the level of errors, so that errors carry the id at every log level.
        let span = tracing::error_span!("request", request_id = id.as_str());
        (id, span)
    };
    let mut response = answer(request).instrument(span).await;
    id.set(&mut response);
    response
}

/// [`identified`] around a router.
pub fn with_request_ids(router: Router, entropy: &Arc<dyn Entropy>) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::clone(entropy), layer))
}

async fn layer(State(entropy): State<Arc<dyn Entropy>>, request: Request, next: Next) -> Response {
    identified(&*entropy, request, |request| next.run(request)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_word_is_accepted_from_the_host() {
        assert!(RequestId::of_host("8476a536-e9f4-11e8-9739-2dfe598c3fcd").is_some());
        for text in ["", "two words", "a\nb", &"x".repeat(65)] {
            assert_eq!(RequestId::of_host(text), None, "{text:?}");
        }
    }
}
