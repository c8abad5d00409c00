//! Routers on ports, and a shutdown that lets running requests finish.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{ServiceExt as _, service_fn};

/// How long running requests may take after the stop, or after their router was replaced.
const GRACE: Duration = Duration::from_secs(10);

/// The ports of a process. Dropping it ends the service at once; [`Listeners::stop`] lets requests finish first.
#[derive(Debug, Default)]
pub struct Listeners {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Listeners {
    /// Starts serving a router on a port. `name` identifies it in the log.
    pub fn serve(&mut self, name: &str, listener: TcpListener, router: Router) {
        self.tasks.spawn(serve(name.to_owned(), listener, router, stopped(self.stop.subscribe())));
    }

    /// As [`Listeners::serve`], with a router that can be replaced by sending another one. A running request finishes
    /// with the router that it began with, or is aborted after ten seconds. The port is closed when the sender is
    /// dropped.
    pub fn serve_replaceable(&mut self, name: &str, listener: TcpListener, router: Router) -> watch::Sender<Router> {
        let (sender, current) = watch::channel(router);
        let (stopped, mut closed) = (stopped(self.stop.subscribe()), current.clone());
        let ended = async move {
            tokio::select! {
                () = stopped => {}
                () = async { while closed.changed().await.is_ok() {} } => {}
            }
        };
        let service = service_fn(move |request: Request| {
            let mut current = current.clone();
            let router = current.borrow_and_update().clone();
            async move {
                tokio::select! {
                    response = router.oneshot(request) => response,
                    () = superseded(current) => Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
                }
            }
        });
        self.tasks.spawn(serve(name.to_owned(), listener, Router::new().fallback_service(service), ended));
        sender
    }

    /// Accepts no more requests and lets running ones finish.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are aborted");
        }
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which also ends the service.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Ends when the grace period after the router was replaced, or its port closed, is over.
async fn superseded(mut current: watch::Receiver<Router>) {
    // An error means that the port is closed.
    let _ = current.changed().await;
    sleep(GRACE).await;
}

async fn serve(name: String, listener: TcpListener, router: Router, ended: impl Future<Output = ()> + Send + 'static) {
    // Answers are small, and clients wait for them: an answer must not wait for another packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended).await {
        tracing::error!(name, %error, "a port is no longer served");
    }
}
