//! What a browser and the back end of a client send to a provider.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;
use umoja_cli::client::Raw;
use umoja_cli::form::encoded;

use crate::clock::Watch;
use crate::error::BenchError;
use crate::load::{Connections, Volley, ask, unexpected};

/// The verifier of every request (RFC 7636 section 4.1): it is the server that is measured.
const VERIFIER: &str = "dBjftJeZ4CVP-mBcQp9L3MWe8LfbK2a1y0qYw1ZkRzU";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// A sign-on of a person with a session: the code and its tokens, by the algorithm of the id token.
    SignOn(&'static str),
    /// A refresh.
    Refresh,
    /// A token for the client itself.
    Client,
    /// The keys, for a caller that has them.
    Keys,
}

impl Operation {
    pub(super) fn name(self) -> String {
        match self {
            Self::SignOn(alg) => format!("sign-on with a session, {alg}"),
            Self::Refresh => "refresh".to_owned(),
            Self::Client => "client_credentials".to_owned(),
            Self::Keys => "keys that are known".to_owned(),
        }
    }
}

/// What is known of a provider.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Known {
    pub(super) authorize: String,
    pub(super) token: String,
    pub(super) jwks: String,
    /// The id and the secret of a client, by the algorithm of its id tokens.
    pub(super) clients: BTreeMap<String, (String, String)>,
    /// The client that asks for tokens of its own.
    pub(super) own: (String, String),
    pub(super) redirect_uri: String,
    #[serde(default = "openid")]
    pub(super) scope: String,
    /// The cookies of the session of a person.
    pub(super) cookie: String,
}

fn openid() -> String {
    "openid".to_owned()
}

impl Known {
    /// The operations that the provider has.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let sign_ons = ["ES256", "RS256"].into_iter().filter(|alg| self.clients.contains_key(*alg));
        let others = [Operation::Refresh, Operation::Client, Operation::Keys];
        sign_ons.map(Operation::SignOn).chain(others).collect()
    }

    /// The client of an algorithm, or the first one.
    pub(super) fn client(&self, alg: Option<&str>) -> Result<&(String, String), BenchError> {
        let client = alg.map_or_else(|| self.clients.values().next(), |alg| self.clients.get(alg));
        client.ok_or(BenchError::Broken("the client of a provider"))
    }

    /// The path and query of an authorization request.
    pub(super) fn request(&self, client: &str) -> String {
        let query = encoded(&[
            ("client_id", client),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", "code"),
            ("scope", &self.scope),
            ("state", "af0ifjsldkj"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ]);
        format!("{}?{query}", self.authorize)
    }
}

fn challenge() -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// A connection to a provider, by which the browser of a person and the back end of a client send one request after the other.
pub(super) struct Browser<'k> {
    connection: Connections,
    known: &'k Known,
    host: String,
}

impl<'k> Browser<'k> {
    pub(super) async fn open(url: &str, known: &'k Known) -> Result<Self, BenchError> {
        let host = url.trim_start_matches("http://").to_owned();
        Ok(Self { connection: Connections::open(url, 1).await?, known, host })
    }

    /// What an operation needs beforehand: refresh tokens, or the tag of the keys.
    pub(super) async fn prepare(&mut self, operation: Operation, each: usize) -> Result<Vec<String>, BenchError> {
        let mut prepared = Vec::new();
        for _ in 0..each {
            prepared.push(match operation {
                Operation::Refresh => {
                    let code = self.code(None).await?;
                    let answer = self.redeem(None, &code).await?;
                    member(&answer, "refresh_token")?
                }
                Operation::Keys if prepared.is_empty() => {
                    let raw = self.send(self.get(&self.known.jwks)?).await?.1;
                    let etag = raw.headers.get(header::ETAG).and_then(|value| value.to_str().ok());
                    etag.unwrap_or_default().to_owned()
                }
                Operation::Keys => prepared.first().cloned().unwrap_or_default(),
                Operation::SignOn(_) | Operation::Client => String::new(),
            });
        }
        Ok(prepared)
    }

    /// Runs an operation once for each prepared value.
    pub(super) async fn run(&mut self, operation: Operation, prepared: Vec<String>) -> Result<Volley, BenchError> {
        let (mut took_ms, all) = (Vec::new(), Watch::start());
        for value in prepared {
            let watch = Watch::start();
            match operation {
                Operation::SignOn(alg) => {
                    let code = self.code(Some(alg)).await?;
                    member(&self.redeem(Some(alg), &code).await?, "id_token")?;
                }
                Operation::Refresh => {
                    let fields = [("grant_type", "refresh_token"), ("refresh_token", value.as_str())];
                    member(&self.token(self.known.client(None)?, &fields).await?, "access_token")?;
                }
                Operation::Client => {
                    let fields = [("grant_type", "client_credentials")];
                    member(&self.token(&self.known.own, &fields).await?, "access_token")?;
                }
                Operation::Keys => {
                    let mut request = self.get(&self.known.jwks)?;
                    if let Ok(tag) = header::HeaderValue::from_str(&value) {
                        request.headers_mut().insert(header::IF_NONE_MATCH, tag);
                    }
                    let (_, raw) = self.send(request).await?;
                    if !matches!(raw.status, 200 | 304) {
                        return Err(unexpected(&raw));
                    }
                }
            }
            took_ms.push(watch.secs() * 1000.0);
        }
        Ok(Volley { took_ms, secs: all.secs() })
    }

    /// The code for a person with a session.
    pub(super) async fn code(&mut self, alg: Option<&str>) -> Result<String, BenchError> {
        let path = self.known.request(&self.known.client(alg)?.0);
        let mut request = self.get(&path)?;
        set_cookie(&mut request, &self.known.cookie)?;
        let (_, raw) = self.send(request).await?;
        code_of(&raw)
    }

    /// The tokens of a code.
    pub(super) async fn redeem(&mut self, alg: Option<&str>, code: &str) -> Result<Value, BenchError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.known.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.token(self.known.client(alg)?, &fields).await
    }

    /// The answer to a form of a client that authenticates.
    pub(super) async fn post(
        &mut self,
        path: &str,
        client: &(String, String),
        fields: &[(&str, &str)],
    ) -> Result<Raw, BenchError> {
        let basic = STANDARD.encode(format!("{}:{}", client.0, client.1));
        let mut request = self.request(Method::POST, path, encoded(fields))?;
        let value = header::HeaderValue::from_str(&format!("Basic {basic}"));
        let value = value.map_err(|_| BenchError::Broken("a header"))?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
        Ok(self.send(request).await?.1)
    }

    async fn token(&mut self, client: &(String, String), fields: &[(&str, &str)]) -> Result<Value, BenchError> {
        let raw = self.post(&self.known.token, client, fields).await?;
        match serde_json::from_slice(&raw.body) {
            Ok(answer) if raw.status == 200 => Ok(answer),
            _ => Err(unexpected(&raw)),
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Request<Full<Bytes>>, BenchError> {
        self.request(Method::GET, path, String::new())
    }

    pub(super) fn request(&self, method: Method, path: &str, body: String) -> Result<Request<Full<Bytes>>, BenchError> {
        let request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        let request = if body.is_empty() {
            request
        } else {
            request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        };
        request.body(Full::new(Bytes::from(body))).map_err(|_| BenchError::Broken("a request"))
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(f64, Raw), BenchError> {
        let sender = self.connection.senders().next().ok_or(BenchError::Broken("a connection"))?;
        ask(sender, request).await
    }
}

/// Sends a cookie with a request.
pub(super) fn set_cookie(request: &mut Request<Full<Bytes>>, cookie: &str) -> Result<(), BenchError> {
    let value = header::HeaderValue::from_str(cookie).map_err(|_| BenchError::Broken("a cookie"))?;
    request.headers_mut().insert(header::COOKIE, value);
    Ok(())
}

/// The code in the answer to an authorization request.
pub(super) fn code_of(raw: &Raw) -> Result<String, BenchError> {
    let location = raw.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let code = query.split('&').find_map(|field| field.strip_prefix("code="));
    code.map(str::to_owned).ok_or_else(|| unexpected(raw))
}

/// A text of an answer.
pub(super) fn member(answer: &Value, name: &'static str) -> Result<String, BenchError> {
    let value = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    value.ok_or(BenchError::Broken(name))
}
