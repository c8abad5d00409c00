//! Calls of foreign systems: the adapter of `Outbound` over HTTPS.
//!
//! An operator chooses the URL, and its owner decides what its name resolves to. So the name is resolved once, every address
//! of it has to be public, and the connection goes to the address that was checked: a name that resolves to something
//! else a moment later changes nothing. No answer leads to another place, and none is longer than a limit.

mod resolver;

#[cfg(test)]
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use umoja_schema::public_address::is_public;
use umoja_store::ports::{Answered, Call, Method, Outbound, OutboundError};

use self::resolver::Resolver;

/// The longest that a call may take, with resolving, connecting and the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of the body of an answer.
const MAX_ANSWER: usize = 1024 * 1024;

/// Calls foreign systems.
pub struct HttpsOutbound {
    /// Whether a system may be on this machine, and then without TLS: for a deployment on one machine. If not, what an
    /// operator reads.
    here: Result<(), &'static str>,
    timeout: Duration,
    max_answer: usize,
    resolver: Resolver,
    /// The certificate authorities are read by the first call.
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

/// Where a system is.
struct Place {
    host: String,
    port: u16,
    is_plain: bool,
    path: String,
}

/// Why a system on this machine is not called, with the option of `umoja serve` that permits it.
const HERE: &str = "it is on this machine, which only `umoja serve --outbound-loopback` calls";

const BROKEN: OutboundError = OutboundError::Unavailable("the connection broke off");

impl Default for HttpsOutbound {
    fn default() -> Self {
        let (resolver, tls) = (Resolver::default(), OnceLock::new());
        Self { here: Err(HERE), timeout: TIMEOUT, max_answer: MAX_ANSWER, resolver, tls }
    }
}

impl HttpsOutbound {
    /// Calls systems on the public internet only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also calls systems on this machine, without TLS if their URL says so.
    #[must_use]
    pub fn with_loopback(self) -> Self {
        Self { here: Ok(()), ..self }
    }

    /// Calls systems on the public internet only, and says these words of one on this machine. They name the option that
    /// permits it.
    #[must_use]
    pub fn without_loopback(self, words: &'static str) -> Self {
        Self { here: Err(words), ..self }
    }

    /// With another time-out than ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With another limit of the bytes of an answer's body than a megabyte.
    #[must_use]
    pub fn with_max_answer(self, max_answer: usize) -> Self {
        Self { max_answer, ..self }
    }

    /// Trusts these authorities in place of those of the machine.
    #[cfg(test)]
    pub(crate) fn trusting(self, roots: rustls::RootCertStore) -> Self {
        let config = client().map(|client| Arc::new(client.with_root_certificates(roots).with_no_client_auth()));
        Self { tls: OnceLock::from(config), ..self }
    }

    /// Looks names up in another way than by the operating system.
    #[cfg(test)]
    pub(crate) fn looking_up(self, lookup: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self { resolver: Resolver::new(Arc::new(lookup), 8), ..self }
    }

    async fn answer(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        let place = Place::of(call.url)?;
        if place.is_plain {
            self.here.map_err(OutboundError::Rejected)?;
        }
        let addresses = self.resolved(&place).await?;
        let stream = connected(&addresses).await?;
        let request = request(&place, call)?;
        if place.is_plain {
            return self.exchange(stream, request).await;
        }
        let name =
            ServerName::try_from(place.host.clone()).map_err(|_| OutboundError::Rejected("its host has no name"))?;
        let tls = TlsConnector::from(self.tls()?).connect(name, stream).await;
        self.exchange(tls.map_err(|_| OutboundError::Unavailable("TLS failed"))?, request).await
    }

    /// The addresses of a system, if all of them may be called.
    async fn resolved(&self, place: &Place) -> Result<Vec<SocketAddr>, OutboundError> {
        let found = self.resolver.resolve(&place.host, place.port).await?;
        for ip in found.iter().map(SocketAddr::ip) {
            match (ip.to_canonical().is_loopback(), place.is_plain) {
                (true, _) => self.here.map_err(OutboundError::Rejected)?,
                (false, true) => return Err(OutboundError::Rejected("its URL is not https")),
                (false, false) if !is_public(ip) => return Err(OutboundError::Rejected("its address is not public")),
                (false, false) => {}
            }
        }
        Ok(found)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, OutboundError> {
        let config = || Some(Arc::new(client()?.with_native_roots().ok()?.with_no_client_auth()));
        self.tls.get_or_init(config).clone().ok_or(OutboundError::Rejected("there are no certificate authorities"))
    }

    /// Sends the request over a connection of its own, and reads the answer.
    async fn exchange<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Answered, OutboundError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| BROKEN)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|_| BROKEN)?;
            self.read(response).await
        };
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // The connection ends only after the exchange, or before its answer.
            _ = connection => exchange.await,
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answered, OutboundError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.max_answer).collect().await;
        let body = body.map_err(|_| OutboundError::Unavailable("its answer is too long or broke off"))?;
        let text = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = head.headers.iter().filter_map(text).collect();
        Ok(Answered { status: head.status.as_u16(), headers, body: body.to_bytes().into() })
    }
}

/// A client of TLS 1.2 and 1.3 that does not know yet whom it trusts.
fn client() -> Option<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    config.with_safe_default_protocol_versions().ok()
}

#[async_trait]
impl Outbound for HttpsOutbound {
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
        tokio::time::timeout(self.timeout, self.answer(call))
            .await
            .unwrap_or(Err(OutboundError::Unavailable("it did not answer in time")))
    }
}

impl Place {
    fn of(url: &str) -> Result<Self, OutboundError> {
        const NONE: OutboundError = OutboundError::Rejected("its URL cannot be read");
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

async fn connected(addresses: &[SocketAddr]) -> Result<TcpStream, OutboundError> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(address).await {
            return Ok(stream);
        }
    }
    Err(OutboundError::Unavailable("no connection"))
}

fn request(place: &Place, call: &Call<'_>) -> Result<Request<Full<Bytes>>, OutboundError> {
    let method = match call.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    };
    let mut request = Request::builder().method(method).uri(&place.path).header(header::HOST, place.authority());
    for (name, value) in call.headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(call.body));
    request.body(body).map_err(|_| OutboundError::Rejected("the request cannot be made"))
}

#[cfg(test)]
mod tests;
