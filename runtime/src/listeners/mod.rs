//! Routers on ports, limits on what clients may use of the process, and a shutdown that lets running requests finish.

mod connection;
mod connections;
mod limits;
mod proxies;
mod rejected;
mod tls;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::{ServiceExt as _, service_fn};
use umoja_api::unavailable;

use self::connection::Answers;
use self::connections::Connections;
pub use self::limits::Limits;
pub use self::proxies::{ForwardedBy, IpNet, Proxies};
pub use self::tls::{Tls, TlsError};

/// How long running requests may take after the stop, or after their router was replaced.
const GRACE: Duration = Duration::from_secs(10);

/// How long no connection is accepted after the machine had no room for one.
const BACK_OFF: Duration = Duration::from_millis(20);

/// The ports of a process. Dropping it ends the service at once; [`Listeners::stop`] lets requests finish first.
#[derive(Default)]
pub struct Listeners {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    connections: Arc<Connections>,
    tls: Option<TlsAcceptor>,
    proxies: Arc<Proxies>,
}

impl Listeners {
    /// No ports yet. The limits are for all of them together.
    pub fn new(limits: Limits) -> Self {
        Self { connections: Arc::new(Connections::new(limits)), ..Self::default() }
    }

    /// Speaks TLS, if there is a certificate, on the ports that are served from now on, and reads the certificate again when its
    /// files change.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Tls>) -> Self {
        let Some(tls) = tls else { return self };
        self.tls = Some(tls.acceptor());
        let stopped = stopped(self.stop.subscribe());
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = tls.follow() => {}
            }
        });
        self
    }

    /// Says of each request where its caller is ([`ClientAddress`](umoja_oidc::browser::ClientAddress)), as far as that is known behind
    /// these proxies, on the ports that are served from now on.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies: Arc::new(proxies), ..self }
    }

    /// Starts serving a router on a port. `name` identifies it in the log.
    pub fn serve(&mut self, name: &str, listener: TcpListener, router: Router) {
        let router = move || router.clone();
        self.tasks.spawn(serve(name.to_owned(), listener, router, self.accepting(), stopped(self.stop.subscribe())));
    }

    /// As [`Listeners::serve`], with routers that can be replaced by sending others. Each connection is handed to one of
    /// them by turns, and stays there until they are replaced. Without a router, the answer is 503. A running request
    /// finishes with the router that it began with, or is aborted ten seconds after the replacement. The port is closed
    /// when the sender is dropped.
    pub fn serve_replaceable(
        &mut self,
        name: &str,
        listener: TcpListener,
        routers: Vec<Router>,
    ) -> watch::Sender<Vec<Router>> {
        let (sender, current) = watch::channel(routers);
        let (stopped, mut closed) = (stopped(self.stop.subscribe()), current.clone());
        let ended = async move {
            tokio::select! {
                () = stopped => {}
                () = async { while closed.changed().await.is_ok() {} } => {}
            }
        };
        let mut turns = 0..;
        let router = move || of_turn(current.clone(), turns.next().unwrap_or_default());
        self.tasks.spawn(serve(name.to_owned(), listener, router, self.accepting(), ended));
        sender
    }

    fn accepting(&self) -> Accepting {
        Accepting {
            connections: Arc::clone(&self.connections),
            tls: self.tls.clone(),
            proxies: Arc::clone(&self.proxies),
        }
    }

    /// Accepts no more requests and lets running ones finish. A request that has not arrived completely a second later
    /// is aborted.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are aborted");
        }
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// How connections are accepted.
struct Accepting {
    connections: Arc<Connections>,
    tls: Option<TlsAcceptor>,
    proxies: Arc<Proxies>,
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which also ends the service.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The router of the connection whose turn it is.
fn of_turn(current: watch::Receiver<Vec<Router>>, turn: usize) -> Router {
    let service = service_fn(move |request: Request| {
        let mut current = current.clone();
        let router = {
            let routers = current.borrow_and_update();
            turn.checked_rem(routers.len()).and_then(|turn| routers.get(turn).cloned())
        };
        async move {
            let Some(router) = router else { return Ok(unavailable()) };
            tokio::select! {
                response = router.oneshot(request) => response,
                () = superseded(current) => Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            }
        }
    });
    Router::new().fallback_service(service)
}

/// Ends when the grace period after the router was replaced, or its port closed, is over.
async fn superseded(mut current: watch::Receiver<Vec<Router>>) {
    // An error means that the port is closed.
    let _ = current.changed().await;
    sleep(GRACE).await;
}

async fn serve(
    name: String,
    listener: TcpListener,
    mut router: impl FnMut() -> Router + Send + 'static,
    accepting: Accepting,
    ended: impl Future<Output = ()> + Send + 'static,
) {
    let (end, ending) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut ended = std::pin::pin!(ended);
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = ended.as_mut() => break,
        };
        match accepted {
            Ok((stream, client)) => {
                is_failing = false;
                accept(stream, client.ip(), &mut router, &accepting, &ending, &mut tasks);
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(name, %error, "no connection can be accepted; idle connections are closed");
                }
                accepting.connections.make_room();
                sleep(BACK_OFF).await;
            }
        }
    }
    // The port is closed before running requests finish.
    drop(listener);
    end.send_replace(true);
    while tasks.join_next().await.is_some() {}
}

fn accept(
    stream: TcpStream,
    client: IpAddr,
    router: &mut impl FnMut() -> Router,
    accepting: &Accepting,
    ending: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let Some(admitted) = accepting.connections.admit(client) else {
        tracing::debug!("a connection is rejected: all others are being answered");
        return;
    };
    // Answers are small, and clients wait for them: an answer must not wait for another packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let answers = Answers { router: router(), peer: client, proxies: Arc::clone(&accepting.proxies) };
    let ending = ending.clone();
    match accepting.tls.clone() {
        None => tasks.spawn(connection::serve(stream, answers, admitted, ending)),
        Some(tls) => tasks.spawn(connection::serve_tls(stream, tls, answers, admitted, ending)),
    };
}

/// True if only the connection failed that was to be accepted: accept(2), "Error handling".
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn answers(word: &'static str) -> Router {
        Router::new().route("/", get(async move || word))
    }

    /// The last line of the answer to a request.
    async fn asked(client: &mut TcpStream) -> String {
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut bytes = [0; 4096];
        let read = client.read(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        if text.starts_with("HTTP/1.1 503") { "503".into() } else { text.lines().last().unwrap_or_default().into() }
    }

    #[tokio::test]
    async fn a_request_has_the_address_that_a_named_proxy_says_and_else_none_of_this_machine() {
        let says = get(async |request: Request| {
            let address = request.extensions().get::<umoja_oidc::browser::ClientAddress>();
            address.map_or_else(|| "unknown".to_owned(), |address| address.0.to_string())
        });
        let trusted = vec!["127.0.0.1/32".parse().unwrap()];
        for (proxies, is) in
            [(Proxies::default(), "unknown"), (Proxies { trusted, ..Proxies::default() }, "198.51.100.7")]
        {
            let mut listeners = Listeners::new(Limits::default()).behind(proxies);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            listeners.serve("one", listener, Router::new().route("/", says.clone()));
            let request = "GET / HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 203.0.113.9, 198.51.100.7\r\n\r\n";
            client.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = [0; 4096];
            let read = client.read(&mut bytes).await.unwrap();
            let answer = String::from_utf8_lossy(&bytes[..read]).into_owned();
            assert_eq!(answer.lines().last(), Some(is));
        }
    }

    #[tokio::test]
    async fn connections_are_handed_to_the_routers_by_turns() {
        let mut listeners = Listeners::new(Limits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routers = listeners.serve_replaceable("issuer", listener, vec![answers("eu"), answers("af")]);
        let mut seen = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = TcpStream::connect(address).await.unwrap();
            seen.push(asked(&mut client).await);
            clients.push(client);
        }
        assert_eq!(seen, ["eu", "af", "eu", "af"]);
        assert_eq!(asked(&mut clients[1]).await, "af", "a connection stays where it is");
        drop(routers.send_replace(vec![answers("us")]));
        assert_eq!(asked(&mut clients[1]).await, "us");
        drop(routers.send_replace(Vec::new()));
        assert_eq!(asked(&mut clients[1]).await, "503");
        let mut late = TcpStream::connect(address).await.unwrap();
        assert_eq!(asked(&mut late).await, "503");
    }
}
