//! Why something could not be measured.

use std::path::PathBuf;

use umoja_cli::{CliError, ClientError, CredentialsError, DeploymentError};
use umoja_crypto::{EngineError, KeyError};
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::SealError;
use umoja_store::secrets::SecretsError;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A file, a process or a connection.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// What the system says of a process cannot be had.
    #[error("{0} cannot be read on this system")]
    System(&'static str),
    /// The server did not become ready.
    #[error("the server was not ready within {0} s; its log is {1}")]
    NotReady(u64, PathBuf),
    /// The connection to the server broke.
    #[error("the server's connection: {0}")]
    Http(#[from] hyper::Error),
    /// An answer that is not what the measured operation answers.
    #[error("{what} was answered with {status}: {body}")]
    Answer {
        /// The operation.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The body as it came.
        body: String,
    },
    /// A peer did not start, or is not what should be measured.
    #[error("it did not become what is measured: {0}")]
    Peer(String),
    /// Whoever it was that something failed with.
    #[error("{0}: {1}")]
    Of(String, Box<BenchError>),
    /// Peers that were not measured.
    #[error("not measured: {0}")]
    Missing(String),
    /// A message or an envelope of our own does not verify.
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

/// For `map_err`: says what was tried.
pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> BenchError {
    move |source| BenchError::Io { what, source }
}
