//! The routes of the server, each below `/scim/v2/{company}`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use umoja_accounts::rates::{Rates, Requester};
use umoja_schema::UserId;
use umoja_store::ports::Clock;

use super::directory::{Client, Directory, Entry};
use super::discovery;
use super::error::ScimError;
use super::list::{Query, envelope};
use super::patch;
use super::projection::Projection;
use super::represent::{etag, location, names, represent};
use super::resource::{Resource, check_depth};
use super::token::{Sources, Tokens};

/// The most bytes of a body.
const MAX_BODY: usize = 1024 * 1024;

/// How often a change without a condition is tried again because another write overtook it.
const MAX_ROUNDS: usize = 5;

/// The media type of the protocol (RFC 7644 section 3.1).
const MEDIA_TYPE: &str = "application/scim+json";

const METHOD: ScimError = ScimError::new(405, "The resource does not have this method.");
const TOO_MANY_REQUESTS: ScimError =
    ScimError::new(429, "The source has made too many requests. Try again after `Retry-After` seconds.");
const NO_GROUPS: ScimError = ScimError::new(501, "Groups are not supported.");

/// The environment of the server.
pub struct Scim {
    /// The region's base URL without trailing slash. Never taken from the `Host` header.
    pub base_url: String,
    /// The users of companies.
    pub directory: Arc<dyn Directory>,
    /// The tokens of companies.
    pub sources: Arc<dyn Sources>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts the requests of each source, which may make as many as its company. `None` if a gateway in front limits them.
    pub rates: Option<Arc<Rates>>,
}

/// The server.
pub fn router(scim: Scim) -> Router {
    let tokens = Tokens::new(Arc::clone(&scim.sources));
    Router::new().route("/scim/v2/{company}/{*rest}", any(handle)).with_state(Arc::new((scim, tokens)))
}

/// An answer that is no error.
struct Answer {
    status: StatusCode,
    body: Option<Value>,
    headers: Vec<(HeaderName, String)>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), headers: Vec::new() }
    }

    fn user(base: &str, entry: &Entry, projection: &Projection) -> Self {
        let body = Some(Value::Object(projection.of(represent(base, entry))));
        Self { status: StatusCode::OK, body, headers: vec![(ETAG, etag(entry)), (LOCATION, location(base, entry))] }
    }
}

async fn handle(
    State(state): State<Arc<(Scim, Tokens)>>,
    Path((company, rest)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (scim, tokens) = &*state;
    let started = scim.clock.now();
    let (parts, body) = request.into_parts();
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let client = match tokens.client(&company, authorization, started).await {
        Ok(client) => client,
        Err(error) => return rejected(&error),
    };
    if let Some(secs) = waits(scim, &client).await {
        return later(secs);
    }
    let segments: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    let call = Call {
        base: format!("{}/scim/v2/{}", scim.base_url, client.company.id),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        scim,
        client,
    };
    let answer = call.answer(&parts.method, &segments, body).await;
    let status = answer.as_ref().map_or_else(|error| error.status, |answer| answer.status.as_u16());
    let (company, source, ms) = (&call.client.company.id, &call.client.source.id, scim.clock.now().since(started));
    // A path may have a user name of another system, so only the kind of resource is logged.
    let resource = segments.first().filter(|name| KNOWN.contains(name)).unwrap_or(&"other");
    tracing::info!(method = %parts.method, resource, %company, %source, status, ms, "scim request");
    match answer {
        Ok(Answer { status, body, headers }) => {
            let mut response = respond(status, body.as_ref());
            for (name, value) in headers {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Err(error) => rejected(&error),
    }
}

const KNOWN: [&str; 6] = ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Users", "Groups", ".search"];

fn respond(status: StatusCode, body: Option<&Value>) -> Response {
    match body {
        Some(body) => (status, [(CONTENT_TYPE, MEDIA_TYPE)], body.to_string()).into_response(),
        None => status.into_response(),
    }
}

fn rejected(error: &ScimError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, Some(&error.body()));
    if status == StatusCode::UNAUTHORIZED
        && let Ok(value) = "Bearer realm=\"scim\"".parse()
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// After how many seconds a client that has made too many requests may try again.
async fn waits(scim: &Scim, client: &Client) -> Option<u32> {
    let (rates, caller) = (scim.rates.as_ref()?, Requester::Source(client.source.id.clone()));
    rates.take(&*scim.clock, &caller, client.company.requests_per_second()).await.retry_after_secs()
}

fn later(secs: u32) -> Response {
    let mut response = rejected(&TOO_MANY_REQUESTS);
    response.headers_mut().insert(RETRY_AFTER, secs.into());
    response
}

/// A request of a known client.
struct Call<'a> {
    base: String,
    query: &'a str,
    headers: &'a HeaderMap,
    scim: &'a Scim,
    client: Client,
}

impl Call<'_> {
    async fn answer(&self, method: &Method, segments: &[&str], body: Body) -> Result<Answer, ScimError> {
        let base = &self.base;
        match (method.as_str(), segments) {
            ("GET", ["ServiceProviderConfig"]) => Ok(Answer::ok(discovery::service_provider_config(base))),
            ("GET", ["ResourceTypes"]) => Ok(Answer::ok(discovery::resource_types(base))),
            ("GET", ["ResourceTypes", id]) => discovery::resource_type(base, id).map(Answer::ok),
            ("GET", ["Schemas"]) => Ok(Answer::ok(discovery::schemas(base))),
            ("GET", ["Schemas", id]) => discovery::schema(base, id).map(Answer::ok),
            ("GET", ["Users"]) => self.list(&Query::of_url(self.query)?).await,
            ("POST", ["Users"]) => self.create(&self.json(body).await?).await,
            ("POST", ["Users", ".search"] | [".search"]) => {
                self.list(&Query::of_search(&self.json(body).await?)?).await
            }
            ("GET", ["Users", id]) => self.read(id).await,
            ("PUT", ["Users", id]) => {
                let user = Resource::read(&self.json(body).await?)?;
                // Who leaves `active` out does not mean to admit a suspended user.
                self.change(id, |before| Ok(user.clone().active_or(before.0.get("active").cloned()))).await
            }
            ("PATCH", ["Users", id]) => {
                let body = self.json(body).await?;
                self.change(id, |user| patch::apply(user, &body)).await
            }
            ("DELETE", ["Users", id]) => self.delete(id).await,
            // Umoja has no groups. The empty list lets clients that ask for them continue.
            ("GET", ["Groups"]) | ("POST", ["Groups", ".search"]) => {
                Ok(Answer::ok(Value::Object(envelope(Some(0), Some(1), Vec::new()))))
            }
            ("GET", ["Groups", _]) => Err(ScimError::not_found()),
            (_, ["Groups", ..]) => Err(NO_GROUPS),
            (_, ["ServiceProviderConfig" | ".search"] | ["ResourceTypes" | "Schemas" | "Users", ..])
                if segments.len() <= 2 =>
            {
                Err(METHOD)
            }
            _ => Err(ScimError::not_found()),
        }
    }

    fn projection(&self) -> Result<Projection, ScimError> {
        Ok(Query::of_url(self.query)?.projection)
    }

    async fn list(&self, query: &Query) -> Result<Answer, ScimError> {
        query.answer(&*self.scim.directory, &self.client, &self.base).await.map(Answer::ok)
    }

    async fn create(&self, body: &Value) -> Result<Answer, ScimError> {
        let (user, projection) = (Resource::read(body)?.active_or(Some(true.into())), self.projection()?);
        let entry = self.scim.directory.create(&self.client, &user).await?;
        Ok(Answer { status: StatusCode::CREATED, ..Answer::user(&self.base, &entry, &projection) })
    }

    async fn entry(&self, id: &str) -> Result<Entry, ScimError> {
        let id: UserId = id.parse().map_err(|_| ScimError::not_found())?;
        self.scim.directory.read(&self.client, id).await?.ok_or(ScimError::not_found())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    async fn read(&self, id: &str) -> Result<Answer, ScimError> {
        let projection = self.projection()?;
        let entry = self.entry(id).await?;
        if self.header(&IF_NONE_MATCH).is_some_and(|header| names(header, &entry)) {
            return Ok(Answer { status: StatusCode::NOT_MODIFIED, body: None, headers: vec![(ETAG, etag(&entry))] });
        }
        Ok(Answer::user(&self.base, &entry, &projection))
    }

    /// The user as stored, if it is in the version that the client named.
    async fn current(&self, id: &str) -> Result<(Entry, bool), ScimError> {
        let entry = self.entry(id).await?;
        match self.header(&IF_MATCH) {
            Some(header) if !names(header, &entry) => Err(ScimError::changed()),
            header => Ok((entry, header.is_some())),
        }
    }

    async fn change(
        &self,
        id: &str,
        change: impl Fn(&Resource) -> Result<Resource, ScimError>,
    ) -> Result<Answer, ScimError> {
        let projection = self.projection()?;
        for _ in 0..MAX_ROUNDS {
            let (before, is_conditional) = self.current(id).await?;
            let after = change(&before.user)?;
            if after == before.user {
                return Ok(Answer::user(&self.base, &before, &projection));
            }
            match self.scim.directory.replace(&self.client, &before, &after).await {
                Err(error) if error == ScimError::changed() && !is_conditional => {}
                other => return other.map(|entry| Answer::user(&self.base, &entry, &projection)),
            }
        }
        Err(ScimError::changed())
    }

    async fn delete(&self, id: &str) -> Result<Answer, ScimError> {
        let (before, _) = self.current(id).await?;
        self.scim.directory.delete(&self.client, &before).await?;
        Ok(Answer { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() })
    }

    /// The body of a request as JSON.
    async fn json(&self, body: Body) -> Result<Value, ScimError> {
        let media_type = self.header(&CONTENT_TYPE).unwrap_or(MEDIA_TYPE).split(';').next().unwrap_or_default().trim();
        if ![MEDIA_TYPE, "application/json"].iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
            return Err(ScimError::new(415, "The body has to be application/scim+json."));
        }
        let bytes: Bytes = match Limited::new(body, MAX_BODY).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(_) => return Err(ScimError::new(413, "The body has more than 1 MiB, or did not arrive.")),
        };
        let body = serde_json::from_slice(&bytes).map_err(|_| ScimError::syntax("The body is not JSON."))?;
        check_depth(&body)?;
        Ok(body)
    }
}

#[cfg(test)]
mod tests;
