//! What clients may use of a process that serves.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use umoja_runtime::listeners::Limits;

const HEADING: &str = "Connections";

/// The limits on connections.
#[derive(Debug, Args)]
pub(super) struct Clients {
    /// The most open connections; at most half of the file descriptors that the process may open (`ulimit -n`). When
    /// there are more, the connection that waits longest for its client is closed [default: 1024].
    #[arg(long, help_heading = HEADING, value_name = "N")]
    max_connections: Option<NonZeroUsize>,
    /// The most open connections of one address (of one /64 network with IPv6). Leave it out behind a proxy, from
    /// which all connections come; it does not limit 127.0.0.1 [default: no limit of its own].
    #[arg(long, help_heading = HEADING, value_name = "N")]
    max_connections_per_address: Option<NonZeroUsize>,
    /// How long a client may take for the headers of a request, and again for its body; how long an idle connection
    /// is kept. A proxy has to close idle connections earlier [default: 75].
    #[arg(long, help_heading = HEADING, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    client_timeout_secs: Option<u64>,
}

impl Clients {
    pub(super) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            connections: self.max_connections.map_or(default.connections, NonZeroUsize::get),
            per_address: self.max_connections_per_address.map(NonZeroUsize::get),
            patience: self.client_timeout_secs.map_or(default.patience, Duration::from_secs),
            ..default
        }
    }
}
