//! Load: signed requests over a number of connections, each with one request in progress.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use umoja_cli::Client;
use umoja_cli::client::Raw;
use umoja_cli::credentials::Signed;

use crate::clock::Watch;
use crate::company::Shot;
use crate::error::{BenchError, io};
use crate::figure::{count, percentile};

/// Open connections to one region.
pub(crate) struct Connections(Vec<SendRequest<Full<Bytes>>>);

/// The times of a number of requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Volley {
    /// From the sending of each request to the end of its answer, in milliseconds.
    pub(crate) took_ms: Vec<f64>,
    /// The time of all of them.
    pub(crate) secs: f64,
}

impl Volley {
    /// Adds the times of other requests.
    pub(crate) fn extend(&mut self, other: Volley) {
        self.took_ms.extend(other.took_ms);
        self.secs += other.secs;
    }

    /// The number of requests.
    pub(crate) fn requests(&self) -> f64 {
        count(self.took_ms.len())
    }

    /// Requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() / self.secs
    }

    /// The time in which a share of the requests was answered.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        percentile(&self.took_ms, share)
    }
}

impl Connections {
    /// The time of each request.
    pub(crate) fn senders(&mut self) -> impl Iterator<Item = &mut SendRequest<Full<Bytes>>> {
        self.0.iter_mut()
    }

    /// Opens `many` connections.
    pub(crate) async fn open(url: &str, many: usize) -> Result<Self, BenchError> {
        let address = url.trim_start_matches("http://");
        let mut senders = Vec::new();
        for _ in 0..many {
            let stream = TcpStream::connect(address).await.map_err(io("a connection"))?;
            stream.set_nodelay(true).map_err(io("a connection"))?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            // The sender reports its end.
            tokio::spawn(connection);
            senders.push(sender);
        }
        Ok(Self(senders))
    }

    /// Sends every request as soon as a connection is free. The last answer of each connection is verified, and shown
    /// to `is_right`; all have to be successes.
    pub(crate) async fn fire(
        &mut self,
        shots: Vec<Shot>,
        client: &Client,
        is_right: impl Fn(&Value) -> bool,
    ) -> Result<Volley, BenchError> {
        let (volley, last) = self.send_all(shots).await?;
        for (signed, raw) in last {
            let answer = client.verify(&signed, &raw).await?;
            if !is_right(&answer.body) {
                return Err(unexpected(&raw));
            }
        }
        Ok(volley)
    }

    /// Sends every request as soon as a connection is free, and returns the last answer of each connection; all have to be
    /// successes.
    pub(crate) async fn send_all(&mut self, shots: Vec<Shot>) -> Result<(Volley, Vec<(Signed, Raw)>), BenchError> {
        let shots = Mutex::new(shots.into_iter());
        let watch = Watch::start();
        let fired = try_join_all(self.0.iter_mut().map(|sender| drain(sender, &shots))).await?;
        let secs = watch.secs();
        let (took_ms, last): (Vec<_>, Vec<_>) = fired.into_iter().unzip();
        let volley = Volley { took_ms: took_ms.into_iter().flatten().collect(), secs };
        Ok((volley, last.into_iter().flatten().collect()))
    }

    /// Sends requests as soon as a connection is free until the time is over, and then waits for those in progress.
    /// Returns each answer with the value that was given with its request; all have to be successes.
    pub(crate) async fn fire_for<T>(
        &mut self,
        secs: f64,
        requests: Vec<(Request<Full<Bytes>>, T)>,
    ) -> Result<(Volley, Vec<(T, Raw)>), BenchError> {
        let requests = Mutex::new(requests.into_iter());
        let watch = Watch::start();
        let fired = self.0.iter_mut().map(async |sender| {
            let (mut took_ms, mut answers) = (Vec::new(), Vec::new());
            while watch.secs() < secs {
                let next = requests.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((request, given)) = next else { break };
                let (took, raw) = send(sender, request).await?;
                took_ms.push(took);
                answers.push((given, raw));
            }
            Ok::<_, BenchError>((took_ms, answers))
        });
        let fired = try_join_all(fired).await?;
        let mut volley = Volley { took_ms: Vec::new(), secs: watch.secs() };
        let mut all = Vec::new();
        for (took_ms, answers) in fired {
            volley.took_ms.extend(took_ms);
            all.extend(answers);
        }
        Ok((volley, all))
    }
}

type Fired = (Vec<f64>, Option<(Signed, Raw)>);

async fn drain(
    sender: &mut SendRequest<Full<Bytes>>,
    shots: &Mutex<std::vec::IntoIter<Shot>>,
) -> Result<Fired, BenchError> {
    let mut took_ms = Vec::new();
    let mut last = None;
    loop {
        let next = shots.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(Shot { request, signed }) = next else { return Ok((took_ms, last)) };
        let (took, raw) = send(sender, request).await?;
        took_ms.push(took);
        last = Some((signed, raw));
    }
}

/// Sends a request that has to succeed. Returns the time of its answer, in milliseconds.
pub(crate) async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(f64, Raw), BenchError> {
    let (took_ms, raw) = ask(sender, request).await?;
    if (200..300).contains(&raw.status) { Ok((took_ms, raw)) } else { Err(unexpected(&raw)) }
}

/// Sends a request. Returns the time of its answer, whatever it is, in milliseconds.
pub(crate) async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(f64, Raw), BenchError> {
    let watch = Watch::start();
    sender.ready().await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let took_ms = watch.secs() * 1000.0;
    Ok((took_ms, Raw { status: head.status.as_u16(), headers: head.headers, body }))
}

/// The error of an answer that is no success.
pub(crate) fn unexpected(raw: &Raw) -> BenchError {
    let body = String::from_utf8_lossy(&raw.body).into_owned();
    BenchError::Answer { what: "a measured request".into(), status: raw.status, body }
}
