//! The connections of a process: one pool for all services and regions, and opening connections in advance.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::endpoint as dynamodb;
use aws_sdk_kms::config::endpoint as kms;
use aws_sdk_sqs::config::endpoint as sqs;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector as _, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use umoja_schema::Region;

/// A service of AWS that Umoja calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The tables.
    DynamoDb,
    /// The keys.
    Kms,
    /// The queues.
    Sqs,
}

/// One connection pool for all clients of all services and regions. Root certificates are read once, and a client can
/// use a connection that another one has opened.
#[derive(Clone)]
pub(crate) struct Connections(SharedHttpConnector);

impl Connections {
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(connect_timeout).build();
        let connector =
            Connector::builder().connector_settings(settings).tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        Self(SharedHttpConnector::new(connector))
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.0.call(request).await
    }

    /// Sends an unsigned request that has no effect. Whatever the answer is, the connection stays open. The request
    /// needs no permission and uses none.
    pub(crate) async fn open(&self, url: &str) -> Result<(), &'static str> {
        let mut request = HttpRequest::empty();
        request.set_uri(format!("{}/ping", url.trim_end_matches('/'))).map_err(|_| "the endpoint is no URL")?;
        let answer = self.0.call(request).await.map_err(|_| "no connection")?;
        // A connection is reused only if its answer was read to the end.
        aws_smithy_types::byte_stream::ByteStream::new(answer.into_body())
            .collect()
            .await
            .map(drop)
            .map_err(|_| "the answer broke off")
    }
}

impl HttpClient for Connections {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // All clients have the session's time-outs. The time-out of an attempt is the SDK's, not the connector's.
        self.0.clone()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections(..)")
    }
}

impl Service {
    /// The endpoint of AWS, as the SDK resolves it.
    pub(crate) async fn url(self, region: &Region, shared: &SdkConfig) -> Option<String> {
        let (fips, dual) = (shared.use_fips().unwrap_or_default(), shared.use_dual_stack().unwrap_or_default());
        let region = region.as_str();
        macro_rules! resolve {
            ($service:ident) => {{
                use $service::ResolveEndpoint as _;
                let params = $service::Params::builder().region(region).use_fips(fips).use_dual_stack(dual).build();
                $service::DefaultResolver::new().resolve_endpoint(&params.ok()?).await.ok()?
            }};
        }
        let endpoint = match self {
            Self::DynamoDb => resolve!(dynamodb),
            Self::Kms => resolve!(kms),
            Self::Sqs => resolve!(sqs),
        };
        Some(endpoint.url().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Session};
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use umoja_schema::names::setting;
    use umoja_store::ports::Registry as _;

    /// A server that answers `{}` to every request, and counts connections and requests.
    struct Server {
        url: String,
        connections: Arc<AtomicUsize>,
        requests: Arc<AtomicUsize>,
    }

    impl Server {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
            let server = Self { url, connections: Arc::clone(&connections), requests: Arc::clone(&requests) };
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let requests = Arc::clone(&requests);
                    std::thread::spawn(move || answer(stream.unwrap(), &requests));
                }
            });
            server
        }

        fn seen(&self) -> (usize, usize) {
            (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
        }
    }

    fn answer(mut stream: TcpStream, requests: &AtomicUsize) {
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..read]);
            if let Some(length) = whole(&received) {
                received.drain(..length);
                requests.fetch_add(1, Ordering::SeqCst);
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// The length of the first request, once it is complete.
    fn whole(received: &[u8]) -> Option<usize> {
        let text = String::from_utf8_lossy(received).to_lowercase();
        let head = text.find("\r\n\r\n")? + 4;
        let length = text[..head].split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length = head + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
        (received.len() >= length).then_some(length)
    }

    async fn session() -> Session {
        let attempt = Duration::from_secs(30);
        let mut session = Session::from_environment(&Options { connect: attempt, attempt, attempts: 1 }).await;
        let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
        let credentials = aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials);
        session.shared = session.shared.to_builder().credentials_provider(credentials).build();
        session
    }

    #[tokio::test]
    async fn clients_use_connections_opened_in_advance() {
        let (server, session, region) = (Server::start(), session().await, "eu-west-1".parse::<Region>().unwrap());
        let services = vec![(region.clone(), Service::Kms, Some(server.url.clone()))];
        session.connect(services, Duration::from_secs(30)).await;
        assert_eq!(server.seen(), (1, 1));

        let other: Region = "af-south-1".parse().unwrap();
        for region in [&region, &other] {
            let tables = session.region(region, Some(&server.url)).tables("umoja");
            assert_eq!(tables.setting(setting::REGIONS).await, Ok(None));
        }
        assert_eq!(server.seen(), (1, 3));
    }

    #[tokio::test]
    async fn an_unreachable_endpoint_is_skipped() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let services = vec![(region, Service::Sqs, Some(format!("http://{closed}")))];
        session().await.connect(services, Duration::from_secs(30)).await;
    }

    #[tokio::test]
    async fn a_silent_endpoint_does_not_delay_the_start() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let services = vec![(region, Service::Kms, Some(format!("http://{}", silent.local_addr().unwrap())))];
        session().await.connect(services, Duration::from_millis(1)).await;
    }

    #[tokio::test]
    async fn without_an_endpoint_the_url_is_awss_own() {
        let (region, session) = ("af-south-1".parse().unwrap(), session().await);
        for (service, host) in [(Service::DynamoDb, "dynamodb"), (Service::Kms, "kms"), (Service::Sqs, "sqs")] {
            let url = service.url(&region, &session.shared).await;
            assert_eq!(url.as_deref(), Some(format!("https://{host}.af-south-1.amazonaws.com").as_str()));
        }
    }
}
