//! A SCIM server on loopback that says yes to everything and remembers when it was asked.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::clock::Watch;
use crate::error::{BenchError, io};

/// What a target does that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    /// It never answers.
    Silent,
    /// It answers 503.
    Unavailable,
}

/// The server. It has any number of targets, each under its number.
pub(crate) struct Sink {
    port: u16,
    seen: Arc<Seen>,
    // Ends the server when it is dropped.
    _runtime: tokio::runtime::Runtime,
}

struct Seen {
    watch: Watch,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    calls: usize,
    /// When each account was made at a target.
    made: HashMap<(usize, String), f64>,
    /// When a value was sent to a target first.
    first: HashMap<(usize, String), f64>,
    out: Option<(usize, Out)>,
}

impl Sink {
    /// Starts it on any free port.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(io("a thread to run on"))?;
        let seen = Arc::new(Seen { watch: Watch::start(), inside: Mutex::default() });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(io("a port"))?;
        let port = listener.local_addr().map_err(io("a port"))?.port();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { port, seen, _runtime: runtime })
    }

    /// The URL of a target.
    pub(crate) fn url(&self, target: usize) -> String {
        format!("http://127.0.0.1:{}/{target}", self.port)
    }

    /// The watch by which its times are.
    pub(crate) fn watch(&self) -> Watch {
        self.seen.watch
    }

    /// The seconds since its start.
    pub(crate) fn now(&self) -> f64 {
        self.seen.watch.secs()
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.seen.inside().calls
    }

    /// When each account was made.
    pub(crate) fn made(&self) -> Vec<f64> {
        self.seen.inside().made.values().copied().collect()
    }

    /// When a value was sent to a target first.
    pub(crate) fn first(&self, target: usize, value: &str) -> Option<f64> {
        self.seen.inside().first.get(&(target, value.to_owned())).copied()
    }

    /// The targets that were sent a value.
    pub(crate) fn targets_of(&self, value: &str) -> HashSet<usize> {
        self.seen.inside().first.keys().filter(|(_, sent)| sent == value).map(|(target, _)| *target).collect()
    }

    /// A target is out, or none is.
    pub(crate) fn set_out(&self, out: Option<(usize, Out)>) {
        self.seen.inside().out = out;
    }
}

impl Seen {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call. `None` if it is to be answered, and else what its target does.
    fn note(&self, target: usize, method: &Method, body: &Value) -> Option<Out> {
        let (mut inside, now) = (self.inside(), self.watch.secs());
        inside.calls += 1;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some((_, out)) = inside.out.filter(|(number, _)| *number == target) {
            return Some(out);
        }
        if let Some(user) = text("externalId").filter(|_| method == Method::POST) {
            inside.made.entry((target, user)).or_insert(now);
        }
        if let Some(value) = text("nickName") {
            inside.first.entry((target, value)).or_insert(now);
        }
        None
    }
}

async fn answer(State(seen): State<Arc<Seen>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let target = uri.path().split('/').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default();
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match seen.note(target, &method, &body) {
        Some(Out::Silent) => std::future::pending::<()>().await,
        Some(Out::Unavailable) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        None => {}
    }
    if method == Method::GET {
        body = json!({ "totalResults": 0, "Resources": [] });
    }
    let status = if method == Method::POST { StatusCode::CREATED } else { StatusCode::OK };
    if let (Some(user), Some(members)) = (body.get("externalId").cloned(), body.as_object_mut()) {
        members.insert("id".to_owned(), user);
    }
    (status, [(header::CONTENT_TYPE, "application/scim+json")], body.to_string()).into_response()
}
