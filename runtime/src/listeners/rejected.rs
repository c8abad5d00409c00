//! Requests of a connection that are rejected for a moment without a look at them, because the one before was.
//!
//! In a storm of logins most are answered 503, and what an answer costs is taken from the logins that are admitted. A caller that
//! was asked to come back in a second and sends the next login at once gets the answer again. The moment is half of the time
//! that an admitted login may wait for its hash, so the hashes that wait do not run out meanwhile.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{self, HeaderValue, Method, Uri};
use axum::response::Response;
use futures_util::FutureExt as _;
use tokio::time::{Sleep, sleep};
use umoja_api::{REQUEST_ID, Rejection};

/// How long requests are rejected.
const MOMENT: Duration = Duration::from_millis(500);

/// What is rejected on a connection.
#[derive(Default)]
pub(super) struct Rejected(Mutex<Option<Current>>);

struct Current {
    asked: Asked,
    answer: http::Response<Bytes>,
    ends: Pin<Box<Sleep>>,
}

/// What a rejection is for: the caller says by its API key who it is. Connections of a proxy have requests of several companies,
/// and one of them must not be rejected for the other.
#[derive(PartialEq, Eq)]
pub(super) struct Asked {
    uri: Uri,
    key: Option<HeaderValue>,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self { uri: request.uri().clone(), key: request.headers().get(API_KEY).cloned() }
    }

    fn is_of(&self, request: &Request) -> bool {
        self.uri == *request.uri() && self.key.as_ref() == request.headers().get(API_KEY)
    }
}

const API_KEY: &str = "x-api-key";

impl Rejected {
    /// The answer to a request that is rejected.
    pub(super) fn answer_to(&self, request: &Request) -> Option<Response> {
        let mut current = self.lock();
        let rejected =
            current.as_mut().filter(|rejected| rejected.asked.is_of(request) && *request.method() == Method::POST)?;
        if rejected.ends.as_mut().now_or_never().is_some() {
            *current = None;
            return None;
        }
        Some(rejected.answer.clone().map(Body::from))
    }

    /// Notes what an answer rejects from now on. The id of the request that was rejected first stays in the answers, so that the log
    /// says what they mean.
    pub(super) fn note(&self, asked: Asked, mut response: Response) -> Response {
        if let Some(Rejection(mut answer)) = response.extensions_mut().remove() {
            if let Some(id) = response.headers().get(REQUEST_ID) {
                answer.headers_mut().insert(REQUEST_ID, id.clone());
            }
            *self.lock() = Some(Current { asked, answer, ends: Box::pin(sleep(MOMENT)) });
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, key: &str) -> Request {
        Request::post(path).header(API_KEY, key).body(Body::empty()).unwrap()
    }

    fn rejection() -> Response {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("first"));
        let answer = http::Response::builder().status(503).body(Bytes::from_static(b"busy")).unwrap();
        response.extensions_mut().insert(Rejection(answer));
        response
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejected_caller_is_rejected_for_a_moment_and_no_other() {
        let rejected = Rejected::default();
        let asked = request("/v1/users/authenticate", "one");
        assert!(rejected.answer_to(&asked).is_none());
        rejected.note(Asked::of(&asked), rejection());
        let again = rejected.answer_to(&asked).unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()[REQUEST_ID]), (503, &HeaderValue::from_static("first")));
        assert!(rejected.answer_to(&request("/v1/users/authenticate", "other")).is_none());
        assert!(rejected.answer_to(&request("/v1/users/lookup", "one")).is_none());
        sleep(Duration::from_millis(499)).await;
        assert!(rejected.answer_to(&asked).is_some());
        sleep(Duration::from_millis(2)).await;
        assert!(rejected.answer_to(&asked).is_none());
    }

    #[tokio::test]
    async fn an_answer_that_rejects_nothing_else_is_not_repeated() {
        let (rejected, asked) = (Rejected::default(), request("/v1/users/authenticate", "one"));
        rejected.note(Asked::of(&asked), Response::new(Body::empty()));
        assert!(rejected.answer_to(&asked).is_none());
    }
}
