//! A company's own endpoint that verifies passwords: the adapter of `LegacyLogin` over HTTPS.
//!
//! An operator chooses the URL, and a company decides what its name resolves to. So the name is resolved once, every address
//! of it has to be public, and the connection goes to the address that was checked: a name that resolves to something
//! else a moment later changes nothing. No answer leads to another place, and none is longer than a few lines.
//!
//! The request is a `POST` of JSON with the identifiers and the password, signed by the region as Standard Webhooks has it
//! (Ed25519, `v1a`): the endpoint verifies with the region's published keys that Umoja asks, and shares no secret with
//! it. The answer is 200 with `{"authenticated": true}` or `false`.

mod address;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use umoja_schema::OldSystem;
use umoja_store::ports::{LegacyAnswer, LegacyError, LegacyLogin, Question};
use zeroize::Zeroizing;

use self::address::is_public;

/// The longest that a question may take, with resolving, connecting and the answer.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4 * 1024;

/// Asks endpoints of companies.
#[derive(Default)]
pub struct OldEndpoint {
    /// True if an endpoint may be on this machine, and then without TLS: for a deployment on one machine.
    may_be_loopback: bool,
    timeout: Option<Duration>,
    /// The certificate authorities are read by the first question.
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

/// The body of a request.
#[derive(Serialize)]
struct Asked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    password: &'a str,
}

/// The body of an answer. Other members are ignored.
#[derive(Deserialize)]
struct Answered {
    authenticated: bool,
}

/// Where an endpoint is.
struct Place {
    host: String,
    port: u16,
    is_plain: bool,
    path: String,
}

const BROKEN: LegacyError = LegacyError::Unavailable("the connection broke off");

impl OldEndpoint {
    /// Asks endpoints on the public internet only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also asks endpoints on this machine, without TLS if their URL says so.
    #[must_use]
    pub fn with_loopback(self) -> Self {
        Self { may_be_loopback: true, ..self }
    }

    /// With another time-out than four seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    async fn ask(&self, url: &str, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        let place = Place::of(url)?;
        if place.is_plain && !self.may_be_loopback {
            return Err(LegacyError::Rejected("its URL is not https"));
        }
        let addresses = self.resolved(&place).await?;
        let stream = connected(&addresses).await?;
        let request = request(&place, question)?;
        if place.is_plain {
            return answered(stream, request).await;
        }
        let name =
            ServerName::try_from(place.host.clone()).map_err(|_| LegacyError::Rejected("its host has no name"))?;
        let tls = TlsConnector::from(self.tls()?).connect(name, stream).await;
        answered(tls.map_err(|_| LegacyError::Unavailable("TLS failed"))?, request).await
    }

    /// The addresses of an endpoint, if all of them may be asked.
    async fn resolved(&self, place: &Place) -> Result<Vec<SocketAddr>, LegacyError> {
        let found = lookup_host((place.host.as_str(), place.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|_| LegacyError::Unavailable("its name is not resolved"))?.collect();
        let may_ask = |address: &SocketAddr| {
            let ip = address.ip();
            if place.is_plain { ip.is_loopback() } else { is_public(ip) || self.may_be_loopback && ip.is_loopback() }
        };
        match found.iter().all(may_ask) {
            true if found.is_empty() => Err(LegacyError::Unavailable("its name has no address")),
            true => Ok(found),
            false => Err(LegacyError::Rejected("its address is not public")),
        }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, LegacyError> {
        let config = || Some(Arc::new(client()?.with_native_roots().ok()?.with_no_client_auth()));
        self.tls.get_or_init(config).clone().ok_or(LegacyError::Rejected("there are no certificate authorities"))
    }
}

/// A client of TLS 1.2 and 1.3 that does not know yet whom it trusts.
fn client() -> Option<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    config.with_safe_default_protocol_versions().ok()
}

#[async_trait]
impl LegacyLogin for OldEndpoint {
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        let OldSystem::Http { url } = question.system else {
            return Err(LegacyError::Rejected("it is no endpoint"));
        };
        let limit = self.timeout.unwrap_or(TIMEOUT);
        tokio::time::timeout(limit, self.ask(url, question))
            .await
            .unwrap_or(Err(LegacyError::Unavailable("it did not answer in time")))
    }
}

impl Place {
    fn of(url: &str) -> Result<Self, LegacyError> {
        const NONE: LegacyError = LegacyError::Rejected("its URL cannot be read");
        let uri: Uri = url.parse().map_err(|_| NONE)?;
        let is_plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            _ => return Err(NONE),
        };
        let host = uri.host().ok_or(NONE)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port, is_plain, path })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.is_plain { 80 } else { 443 };
        if self.port == port { host } else { format!("{host}:{}", self.port) }
    }
}

async fn connected(addresses: &[SocketAddr]) -> Result<TcpStream, LegacyError> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(address).await {
            return Ok(stream);
        }
    }
    Err(LegacyError::Unavailable("no connection"))
}

fn request(place: &Place, question: &Question<'_>) -> Result<Request<Full<Bytes>>, LegacyError> {
    const NONE: LegacyError = LegacyError::Rejected("the request cannot be made");
    let user = question.user;
    let asked = Asked {
        external_id: user.external_id.as_deref(),
        email: user.email.as_deref(),
        phone_number: user.phone_number.as_deref(),
        username: user.username.as_deref(),
        password: question.password.as_typed(),
    };
    let body = Zeroizing::new(serde_json::to_vec(&asked).map_err(|_| NONE)?);
    let message = Zeroizing::new([format!("{}.{}.", question.id, question.at_secs).as_bytes(), &body].concat());
    Request::builder()
        .method(Method::POST)
        .uri(&place.path)
        .header(header::HOST, place.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header("webhook-id", question.id)
        .header("webhook-timestamp", question.at_secs)
        .header("webhook-signature", format!("v1a,{}", STANDARD.encode(question.key.sign(&message))))
        .header("umoja-key-id", question.key.kid())
        .body(Full::new(Bytes::copy_from_slice(&body)))
        .map_err(|_| NONE)
}

/// Sends the request over a connection of its own, and reads the answer.
async fn answered<S>(stream: S, request: Request<Full<Bytes>>) -> Result<LegacyAnswer, LegacyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| BROKEN)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|_| BROKEN)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| LegacyError::Unavailable("its answer is too long or broke off"))?;
        read(status, &body.to_bytes())
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection ends only after the exchange, or before its answer.
        _ = connection => exchange.await,
    }
}

fn read(status: StatusCode, body: &[u8]) -> Result<LegacyAnswer, LegacyError> {
    match status {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(LegacyError::Unavailable("it has too many requests")),
        status if status.is_server_error() => return Err(LegacyError::Unavailable("it has an error")),
        status if status.is_redirection() => return Err(LegacyError::Rejected("it redirects")),
        _ => return Err(LegacyError::Rejected("it rejects the request")),
    }
    match serde_json::from_slice(body) {
        Ok(Answered { authenticated: true }) => Ok(LegacyAnswer::Right),
        Ok(Answered { authenticated: false }) => Ok(LegacyAnswer::Wrong),
        Err(_) => Err(LegacyError::Rejected("its answer has no member `authenticated`")),
    }
}

#[cfg(test)]
mod tests;
