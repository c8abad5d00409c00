//! Ports that a supervisor has opened for this process: systemd's socket units (sd_listen_fds(3)). They stay open while the process
//! is replaced, so clients wait in between.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use listenfd::ListenFd;

/// The ports that are not taken yet. A clone is another handle on the same ones.
#[derive(Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<Vec<TcpListener>>>);

impl Sockets {
    /// The ports that `LISTEN_FDS` counts, if it is meant for this process. What is no TCP port is left out.
    pub(crate) fn of_environment() -> Self {
        let mut handed = ListenFd::from_env();
        let count = handed.len();
        let listener = |n| handed.take_tcp_listener(n).ok().flatten();
        Self(Arc::new(Mutex::new((0..count).filter_map(listener).collect())))
    }

    /// Takes the port that listens on this address, or on its number at all addresses.
    pub(crate) fn take(&self, address: SocketAddr) -> Option<TcpListener> {
        let mut sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |socket: &TcpListener| {
            let own = socket.local_addr().ok();
            own.is_some_and(|own| {
                own.port() == address.port() && (own.ip() == address.ip() || own.ip().is_unspecified())
            })
        };
        let found = sockets.iter().position(is_it)?;
        Some(sockets.swap_remove(found))
    }

    /// The addresses of the ports that are not taken.
    pub(crate) fn left(&self) -> Vec<SocketAddr> {
        let sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }
}
