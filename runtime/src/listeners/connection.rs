//! One connection: its requests, within the limits of [`Connections`](super::connections::Connections).

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use umoja_api::{REQUEST_ID, unavailable};
use umoja_oidc::browser::ClientAddress;

use super::connections::Admitted;
use super::proxies::Proxies;
use super::rejected::{Asked, Rejected};

/// The most bytes that are read ahead, and so the most of a request's headers. A larger head is answered with 431.
const READ_AHEAD: usize = 32 * 1024;

/// How long a client may take for the rest of its request, or for its answer, once the process stops.
const LAST: Duration = Duration::from_secs(1);

/// What answers the requests of a connection.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) router: Router,
    /// The address that has opened the connection.
    pub(super) peer: IpAddr,
    pub(super) proxies: Arc<Proxies>,
}

impl Answers {
    async fn answer(self, mut request: Request) -> Response {
        let address = self.proxies.caller(self.peer, request.headers());
        if let Some(address) = address {
            request.extensions_mut().insert(ClientAddress(address));
        }
        let Ok(response) = self.router.oneshot(request).await;
        response
    }
}

/// Serves the requests of a connection after its TLS handshake, for which a client has as long as for a request.
pub(super) async fn serve_tls(
    stream: TcpStream,
    tls: TlsAcceptor,
    answers: Answers,
    admitted: Admitted,
    mut ending: watch::Receiver<bool>,
) {
    let shaken = tokio::select! {
        shaken = timeout(admitted.limits().patience, tls.accept(stream)) => shaken,
        () = admitted.closed() => return,
        () = ended(&mut ending) => return,
    };
    match shaken {
        Ok(Ok(stream)) => serve(stream, answers, admitted, ending).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake has failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Serves the requests of a connection until it ends, has to make room, or `ending` is true.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Answers,
    admitted: Admitted,
    mut ending: watch::Receiver<bool>,
) {
    let admitted = Arc::new(admitted);
    let patience = admitted.limits().patience;
    let (serves, rejected) = (Arc::clone(&admitted), Arc::new(Rejected::default()));
    let service = service_fn(move |request| {
        let (answers, admitted, rejected) = (answers.clone(), Arc::clone(&serves), Arc::clone(&rejected));
        async move { Ok::<_, Infallible>(answer(answers, request, admitted, &rejected).await) }
    });
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(READ_AHEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = connection.as_mut() => return log(result),
        () = admitted.closed() => return,
        () = stalled(&admitted, patience) => return,
        () = ended(&mut ending) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        result = connection => log(result),
        () = admitted.closed() => {}
        () = waits(&admitted) => {}
    }
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    // An error means that the port is gone.
    let _ = ending.wait_for(|ending| *ending).await;
}

fn log(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection has ended");
    }
}

/// Ends when a client has neither sent a request nor read its answer for a long time. What a client sends has its own
/// limits; this one is for a client that does not read.
async fn stalled(admitted: &Admitted, patience: Duration) {
    let mut before = None;
    loop {
        sleep(patience.saturating_mul(2)).await;
        let since = admitted.waits_since();
        if since.is_some() && since == before {
            return;
        }
        before = since;
    }
}

/// Ends when the connection waits for its client, after [`LAST`].
async fn waits(admitted: &Admitted) {
    loop {
        sleep(LAST).await;
        if admitted.waits_since().is_some() {
            return;
        }
    }
}

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
    admitted: Arc<Admitted>,
    rejected: &Rejected,
) -> Response {
    let flaw = Arc::new(AtomicU8::new(NONE));
    let request = request.map(|body| {
        if body.is_end_stream() {
            admitted.works();
            return Body::empty();
        }
        let late = Box::pin(sleep(admitted.limits().patience));
        let reading = Reading { body, late, admitted: Arc::clone(&admitted), flaw: Arc::clone(&flaw) };
        Body::from_stream(stream::unfold(Some(reading), next))
    });
    let response = if let Some(rejection) = rejected.answer_to(&request) {
        // What is left of the request would be read as the next one.
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        rejection
    } else {
        let asked = Asked::of(&request);
        rejected.note(asked, answers.answer(request).await)
    };
    admitted.waits();
    let mut other = match flaw.load(Ordering::Relaxed) {
        LATE => StatusCode::REQUEST_TIMEOUT.into_response(),
        TOO_MUCH => unavailable(),
        _ => return response,
    };
    if let Some(id) = response.headers().get(REQUEST_ID) {
        other.headers_mut().insert(REQUEST_ID, id.clone());
    }
    // The rest of the body is not read.
    other.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    other
}

/// Why a body was not read to its end.
const NONE: u8 = 0;
const LATE: u8 = 1;
const TOO_MUCH: u8 = 2;

/// A body that is being read.
struct Reading {
    body: Incoming,
    late: Pin<Box<Sleep>>,
    admitted: Arc<Admitted>,
    flaw: Arc<AtomicU8>,
}

type Chunk = io::Result<Bytes>;

/// The next bytes of a body; after an error there are no more.
async fn next(reading: Option<Reading>) -> Option<(Chunk, Option<Reading>)> {
    let mut reading = reading?;
    loop {
        let frame = tokio::select! {
            frame = reading.body.frame() => frame,
            () = reading.late.as_mut() => return Some(reading.failed(LATE, io::ErrorKind::TimedOut)),
        };
        match frame {
            None => {
                reading.admitted.works();
                return None;
            }
            Some(Err(error)) => return Some((Err(io::Error::other(error)), None)),
            Some(Ok(frame)) => {
                // Trailers are ignored.
                let Ok(bytes) = frame.into_data() else { continue };
                if !reading.admitted.takes(bytes.len()) {
                    return Some(reading.failed(TOO_MUCH, io::ErrorKind::OutOfMemory));
                }
                return Some((Ok(bytes), Some(reading)));
            }
        }
    }
}

impl Reading {
    fn failed(self, flaw: u8, kind: io::ErrorKind) -> (Chunk, Option<Self>) {
        self.flaw.store(flaw, Ordering::Relaxed);
        (Err(kind.into()), None)
    }
}
