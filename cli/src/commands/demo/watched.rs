//! The status page of the demo, as a browser asks for it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::CliError;
use crate::http::Http;

/// A page with a ticket, in one region.
pub(super) struct Watched {
    http: Http,
    base_url: String,
    cookie: String,
}

impl Watched {
    /// Exchanges a ticket for the cookie.
    pub(super) async fn open(base_url: &str, ticket: &str) -> Result<Self, CliError> {
        let http = Http::new(base_url)?;
        let body = json!({ "ticket": ticket }).to_string();
        let request = Request::post(format!("{base_url}/s/session")).header(header::CONTENT_TYPE, "application/json");
        let raw = http.send(built(request, body)?).await?;
        let cookie = raw.headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).filter(|_| raw.status == 200);
        let cookie = cookie.ok_or_else(|| CliError::Failed("the status page does not take the ticket".into()))?;
        Ok(Self { cookie: cookie.to_owned(), http, base_url: base_url.to_owned() })
    }

    /// What the page shows: the state of the account at each target, and whether it waits for a reason.
    pub(super) async fn shown(&self) -> Result<BTreeMap<String, (String, bool)>, CliError> {
        let request = Request::get(format!("{}/s/state", self.base_url)).header(header::COOKIE, &self.cookie);
        let raw = self.http.send(built(request, String::new())?).await?;
        let state: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let accounts = state["accounts"].as_array().into_iter().flatten();
        Ok(accounts.map(|one| (text(&one["target"]), (text(&one["state"]), one["code"].is_string()))).collect())
    }
}

fn built(request: http::request::Builder, body: String) -> Result<Request<Full<Bytes>>, CliError> {
    request.body(Full::new(body.into())).map_err(|error| CliError::Failed(error.to_string()))
}
