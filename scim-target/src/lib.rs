//! A strict SCIM 2.0 server in memory, as a target for the demo and for tests: it wants a token, media types, schemas and
//! booleans, has unique user names, and honours `If-Match`. It can be out over HTTP, and what it is asked in the process can
//! be lost or rejected on demand. No user is kept longer than the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_store::ports::{Answered, Call, Method, Outbound, OutboundError};

/// The URL of the server where it is asked in the process.
pub const URL: &str = "https://scim.example/v2";
/// The token that it wants.
pub const TOKEN: &str = "scim-token";

const MEDIA_TYPE: &str = "application/scim+json";

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It never arrives.
    RequestLost,
    /// It takes effect, and its answer never arrives.
    AnswerLost,
    /// The server answers with this status, and does nothing.
    Status(u16),
}

/// The server.
#[derive(Clone, Default)]
pub struct ScimTarget(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    users: BTreeMap<String, Value>,
    made: u64,
    calls: Vec<String>,
    mishaps: VecDeque<Option<Mishap>>,
    is_down: bool,
    rejects: Option<String>,
}

impl ScimTarget {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users, in the order of their ids.
    pub fn users(&self) -> Vec<Value> {
        self.inside().users.values().cloned().collect()
    }

    /// The users with this `externalId`: at most one, if the client is right.
    pub fn all_of(&self, external_id: &str) -> Vec<Value> {
        self.users().into_iter().filter(|user| user["externalId"] == external_id).collect()
    }

    /// The user with this `externalId`.
    ///
    /// # Panics
    /// If there are two.
    pub fn of(&self, external_id: &str) -> Option<Value> {
        let mut found = self.all_of(external_id).into_iter();
        let first = found.next();
        assert!(found.next().is_none(), "a user has two accounts");
        first
    }

    /// The calls since the last time, each as its method and its path.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.inside().calls)
    }

    /// What happens to the next calls in the process, in this order.
    pub fn then(&self, mishaps: impl IntoIterator<Item = Option<Mishap>>) {
        self.inside().mishaps.extend(mishaps);
    }

    /// Whether no call is answered: in the process with silence, over HTTP with 503.
    pub fn set_down(&self, is_down: bool) {
        self.inside().is_down = is_down;
    }

    /// Rejects every user with this name.
    pub fn reject(&self, user_name: Option<&str>) {
        self.inside().rejects = user_name.map(str::to_owned);
    }

    /// Changes a user by hand, as an administrator of the target does.
    pub fn by_hand(&self, external_id: &str, change: impl FnOnce(&mut Value)) {
        let mut inside = self.inside();
        if let Some(user) = inside.users.values_mut().find(|user| user["externalId"] == external_id) {
            change(user);
            touch(user);
        }
    }

    /// Deletes a user by hand.
    pub fn delete_by_hand(&self, external_id: &str) {
        self.inside().users.retain(|_, user| user["externalId"] != external_id);
    }

    /// Makes a user by hand.
    pub fn make_by_hand(&self, user: Value) {
        self.inside().make(user);
    }

    /// The server over HTTP.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

/// Counts the version up.
fn touch(user: &mut Value) {
    let version = user["meta"]["version"].as_str().unwrap_or("W/\"0\"");
    let number: u64 = version.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default();
    user["meta"] = json!({ "resourceType": "User", "version": format!("W/\"{}\"", number + 1) });
}

async fn answer(State(target): State<ScimTarget>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = |name: header::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let path = path.strip_prefix("/v2").unwrap_or(path);
    let mut inside = target.inside();
    inside.calls.push(format!("{} {path}", head.method));
    let is_known = text(header::AUTHORIZATION) == Some(&format!("Bearer {TOKEN}"));
    let is_scim = body.is_empty() || text(header::CONTENT_TYPE) == Some(MEDIA_TYPE);
    let parsed = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let (status, answer) = match (is_known, is_scim) {
        _ if inside.is_down => error(503, "out"),
        (false, _) => error(401, "the token is wrong"),
        (_, false) => error(415, "the media type is wrong"),
        _ => inside.asked(head.method.as_str(), path, text(header::IF_MATCH), parsed),
    };
    let mut response = Response::new(if answer.is_null() { Body::empty() } else { answer.to_string().into() });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(Ok(version)) = answer["meta"]["version"].as_str().map(str::parse) {
        headers.insert(header::ETAG, version);
    }
    response
}

fn error(status: u16, detail: &str) -> (u16, Value) {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    (status, json!({ "schemas": schemas, "status": status.to_string(), "detail": detail }))
}

impl Inside {
    fn asked(&mut self, method: &str, path: &str, if_match: Option<&str>, body: Value) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match (method, path.strip_prefix("/Users/"), path) {
            ("POST", None, "/Users") => self.create(body),
            ("GET", None, "/Users") => self.find(&query.replace("%20", " ").replace("%22", "\"")),
            ("POST", Some(".search"), _) => self.find(&format!("filter={}", body["filter"].as_str().unwrap_or(""))),
            (_, Some(id), _) => self.of_one(method, id, if_match, body),
            _ => error(404, "no such address"),
        }
    }

    fn check(&self, user: &Value, own: Option<&str>) -> Option<(u16, Value)> {
        let is_core = |schemas: &Vec<Value>| {
            schemas.iter().any(|schema| schema.as_str().is_some_and(|s| s.ends_with(":core:2.0:User")))
        };
        let Some(name) = user["userName"].as_str().filter(|name| !name.is_empty()) else {
            return Some(error(400, "userName is required"));
        };
        if !user["schemas"].as_array().is_some_and(is_core) || !user["active"].is_boolean() {
            return Some(error(400, "schemas and active are required"));
        }
        if self.rejects.as_deref() == Some(name) {
            return Some(error(400, "the user is rejected"));
        }
        let is_taken = self.users.iter().any(|(id, other)| {
            Some(id.as_str()) != own && other["userName"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name))
        });
        is_taken.then(|| error(409, "the userName is taken"))
    }

    fn make(&mut self, mut user: Value) -> Value {
        self.made += 1;
        let id = format!("u{}", self.made);
        user["id"] = json!(id);
        touch(&mut user);
        self.users.insert(id, user.clone());
        user
    }

    fn create(&mut self, user: Value) -> (u16, Value) {
        match self.check(&user, None) {
            Some(problem) => problem,
            None => (201, self.make(user)),
        }
    }

    fn find(&self, query: &str) -> (u16, Value) {
        let filter = query.strip_prefix("filter=externalId eq \"").and_then(|rest| rest.strip_suffix('"'));
        let Some(wanted) = filter else { return error(400, "no such filter") };
        let found: Vec<_> = self.users.values().filter(|user| user["externalId"] == wanted).cloned().collect();
        (200, json!({ "totalResults": found.len(), "Resources": found }))
    }

    fn of_one(&mut self, method: &str, id: &str, if_match: Option<&str>, body: Value) -> (u16, Value) {
        let Some(mut user) = self.users.get(id).cloned() else { return error(404, "no such user") };
        if if_match.is_some_and(|version| user["meta"]["version"] != version) {
            return error(412, "the user was changed");
        }
        match method {
            "GET" => return (200, user),
            "DELETE" => {
                self.users.remove(id);
                return (204, Value::Null);
            }
            "PUT" => {
                if let Some(problem) = self.check(&body, Some(id)) {
                    return problem;
                }
                let meta = user["meta"].take();
                user = body;
                (user["id"], user["meta"]) = (json!(id), meta);
            }
            "PATCH" => {
                let operation = &body["Operations"][0];
                if operation["op"] != "replace" || operation["path"] != "active" || !operation["value"].is_boolean() {
                    return error(400, "no such operation");
                }
                user["active"] = operation["value"].clone();
            }
            _ => return error(405, "no such method"),
        }
        touch(&mut user);
        self.users.insert(id.to_owned(), user.clone());
        (200, user)
    }
}

#[async_trait]
impl Outbound for ScimTarget {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let lost = Err(OutboundError::Unavailable("no answer"));
        let mishap = {
            let mut inside = self.inside();
            if inside.is_down {
                inside.calls.push("down".to_owned());
                return lost;
            }
            inside.mishaps.pop_front().flatten()
        };
        match mishap {
            Some(Mishap::RequestLost) => return lost,
            Some(Mishap::Status(status)) => return Ok(Answered { status, headers: Vec::new(), body: Vec::new() }),
            Some(Mishap::AnswerLost) | None => {}
        }
        let method = match call.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        let path = call.url.strip_prefix("https://scim.example").unwrap_or("/");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        // A test that drops a delivery at every await sees it between the request and the answer too.
        tokio::task::yield_now().await;
        let request = request.body(Body::from(call.body.to_vec()));
        let request = request.map_err(|_| OutboundError::Unavailable("no request"))?;
        let Ok(response): Result<Response<Body>, _> = self.router().oneshot(request).await;
        tokio::task::yield_now().await;
        if mishap == Some(Mishap::AnswerLost) {
            return lost;
        }
        let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = response.headers().iter().filter_map(header).collect();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Ok(Answered { status, headers, body })
    }
}
