//! Routers on ports, and an end that lets the requests finish that are under way.

use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests that are under way may take after the stop.
const GRACE: Duration = Duration::from_secs(10);

/// The ports of a process. Dropping it ends the service at once; [`Listeners::stop`] lets requests end first.
#[derive(Debug, Default)]
pub struct Listeners {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Listeners {
    /// Serves a router on a port from now on. `name` says in the log whose it is.
    pub fn serve(&mut self, name: &str, listener: TcpListener, router: Router) {
        self.tasks.spawn(serve(name.to_owned(), listener, router, self.stop.subscribe()));
    }

    /// Takes no more requests, and lets those end that are under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are broken off");
        }
    }
}

async fn serve(name: String, listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    // Answers are small and awaited: none should wait for another packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(name, %error, "a port is no longer served");
    }
}
