//! Why a deployment cannot be served.

use std::net::SocketAddr;
use std::path::PathBuf;

use umoja_host::BreachedError;
use umoja_schema::Region;

/// Why a deployment cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A port cannot be listened on.
    #[error("{region} cannot listen on {address}: {source}; choose other ports with --port-base")]
    Bind {
        /// Which region.
        region: Region,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The port of the issuer cannot be listened on.
    #[error("the issuer cannot listen on {address}: {source}; choose another port with --issuer-port")]
    BindIssuer {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The list of breached passwords cannot be used.
    #[error("{}: {source}", path.display())]
    Breached {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: BreachedError,
    },
}
