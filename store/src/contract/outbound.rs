//! Cases of [`Outbound`].

use std::any::Any;
use std::sync::{Arc, Mutex};

use crate::ports::{Answered, Call, Method, Outbound, OutboundError};

/// A call as a foreign system received it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A foreign system that runs, and one that does not.
pub struct Outside {
    /// The adapter.
    pub outbound: Arc<dyn Outbound>,
    /// The URL of a system that answers a call of the path `/<status>` with that status, the header `x-answer: yes` and the
    /// body `done`. Without a slash at its end.
    pub url: String,
    /// The URL of a system that does not answer.
    pub dead: String,
    /// What the system received.
    pub received: Arc<Mutex<Vec<Received>>>,
    /// A value that must live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

async fn called(outside: &Outside, method: Method, path: &str) -> Result<Answered, OutboundError> {
    let url = format!("{}{path}", outside.url);
    let headers = [("content-type", "application/json"), ("x-of", "umoja")];
    outside.outbound.call(&Call { method, url: &url, headers: &headers, body: b"{}" }).await
}

pub async fn a_call_arrives_as_it_was_made(outside: Outside) {
    let methods = [
        (Method::Get, "GET"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Patch, "PATCH"),
        (Method::Delete, "DELETE"),
    ];
    for (method, name) in methods {
        called(&outside, method, "/200/a?b=c").await.unwrap();
        let received = outside.received.lock().unwrap().pop().unwrap();
        assert_eq!((received.method.as_str(), received.path.as_str()), (name, "/200/a?b=c"));
        assert_eq!(received.body, b"{}");
        for (name, value) in [("content-type", "application/json"), ("x-of", "umoja"), ("content-length", "2")] {
            assert!(received.headers.contains(&(name.to_owned(), value.to_owned())), "{name}: {received:?}");
        }
    }
}

pub async fn every_status_is_an_answer(outside: Outside) {
    for status in [200, 201, 204, 301, 307, 400, 409, 410, 429, 500, 503] {
        let answered = called(&outside, Method::Post, &format!("/{status}")).await.unwrap();
        assert_eq!((answered.status, answered.is_success()), (status, status < 300));
    }
}

pub async fn an_answer_has_its_headers_and_its_body(outside: Outside) {
    let answered = called(&outside, Method::Post, "/200").await.unwrap();
    assert_eq!((answered.header("x-answer"), answered.body.as_slice()), (Some("yes"), &b"done"[..]));
    assert_eq!(answered.retry_after_secs(), None);
}

pub async fn a_dead_system_is_an_error(outside: Outside) {
    let call = Call { method: Method::Post, url: &outside.dead, headers: &[], body: &[] };
    assert!(matches!(outside.outbound.call(&call).await, Err(OutboundError::Unavailable(_))));
}

pub async fn each_call_is_made_once(outside: Outside) {
    for status in [200, 500] {
        called(&outside, Method::Post, &format!("/{status}")).await.unwrap();
    }
    assert_eq!(outside.received.lock().unwrap().len(), 2);
}
