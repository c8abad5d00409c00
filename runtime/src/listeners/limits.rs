//! How much of a process clients may use before they are known.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

/// What clients may use of a process. Nothing of this depends on who a client says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most open connections on all ports. If there are more, the one that waits longest for its client is closed.
    pub connections: usize,
    /// The most open connections of an IPv4 address or an IPv6 /64 network. `None` if every connection comes from a
    /// proxy. The loopback address, where a proxy on this machine is, has no such limit.
    pub per_address: Option<usize>,
    /// How long a client may take for the headers of a request, and again for its body. An idle connection is kept for
    /// this time too.
    pub patience: Duration,
    /// The most bytes of bodies in memory whose requests are not answered yet.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// 1024 connections, 75 seconds (longer than proxies keep idle connections, so that they do not send a request
    /// to a connection that is being closed), 64 MiB of bodies.
    fn default() -> Self {
        Self { connections: 1024, per_address: None, patience: Duration::from_secs(75), body_bytes: 64 * 1024 * 1024 }
    }
}

impl Limits {
    /// Leaves half of the process's file descriptors to the tables and to connections that it opens itself.
    #[must_use]
    pub fn within_descriptors(mut self) -> Self {
        if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
            let half = usize::try_from(soft / 2).unwrap_or(usize::MAX);
            self.connections = self.connections.min(half.max(1));
        }
        self
    }
}
