//! Why a measurement failed.

use std::path::PathBuf;

use serde_json::Value;
use umoja_cli::{CliError, ClientError, CredentialsError, DeploymentError};
use umoja_crypto::{EngineError, KeyError};
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::SealError;
use umoja_store::secrets::SecretsError;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A file, a process or a connection failed.
    #[error("{what}: {source}")]
    Io {
        /// The attempted action.
        what: &'static str,
        /// The error.
        source: std::io::Error,
    },
    /// The system does not report a value of a process.
    #[error("{0} cannot be read on this system")]
    System(&'static str),
    /// The server did not become ready.
    #[error("the server was not ready within {0} s; its log is {1}")]
    NotReady(u64, PathBuf),
    /// Something that has to happen did not happen in time.
    #[error("{0} did not arrive in time")]
    Late(&'static str),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The connection to the server broke.
    #[error("the server's connection: {0}")]
    Http(#[from] hyper::Error),
    /// An answer that is wrong for the measured operation.
    #[error("{what} was answered with {status}: {body}")]
    Answer {
        /// The operation.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The body as it came.
        body: String,
    },
    /// Fewer file descriptors than the connections need.
    #[error(
        "{pages} pages need {needed} file descriptors, because `umoja serve` has one for each and as many for the rest, and \
         this process may have {hard} (`ulimit -Hn`): allow more of them, or measure fewer pages with --pages {most}"
    )]
    Descriptors {
        /// The pages to be opened.
        pages: usize,
        /// What they need.
        needed: u64,
        /// What there may be at most.
        hard: u64,
        /// The most pages with these.
        most: u64,
    },
    /// A command of `umoja` failed.
    #[error("umoja {0}: {1}")]
    Command(String, String),
    /// A peer did not start, or is not as expected.
    #[error("the peer cannot be measured: {0}")]
    Peer(String),
    /// The error of a named peer.
    #[error("{0}: {1}")]
    Of(String, Box<BenchError>),
    /// Peers that were not measured.
    #[error("not measured: {0}")]
    Missing(String),
    /// A message or an envelope of this program does not verify.
    #[error("{0} does not verify")]
    Broken(&'static str),
    /// The deployment cannot be made or opened.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// A command's work failed.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// A call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The calling company's keys.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A password engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A region's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key service.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Sealing.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The deployment's secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// The error of an answer that is wrong for an operation.
pub(crate) fn wrong_answer(what: &str, status: u16, body: &Value) -> BenchError {
    BenchError::Answer { what: what.into(), status, body: body.to_string() }
}

/// For `map_err`: adds the attempted action.
pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> BenchError {
    move |source| BenchError::Io { what, source }
}
