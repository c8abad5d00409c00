//! The error of a command: a sentence that says what to do, and the exit code.

mod cloud;
mod deployment;
mod server;

use std::path::PathBuf;

use umoja_crypto::{EngineError, KeyError};
use umoja_schema::Region;
use umoja_store::ports::StoreError;
use umoja_store::secrets::SecretsError;

pub use self::cloud::CloudError;
pub use self::deployment::DeploymentError;
pub(crate) use self::deployment::Lost;
pub use self::server::ServerError;
use crate::client::ClientError;
use crate::credentials::CredentialsError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line is invalid.
    #[error("{0}")]
    Usage(String),
    /// The command ran and failed.
    #[error("{0}")]
    Failed(String),
    /// The command has already reported what failed.
    #[error("the command failed")]
    Said,
    /// The command has already reported what it could not read.
    #[error("not everything could be read")]
    Unseen,
    /// The import has already reported how many records were rejected; all others were imported.
    #[error("some records were rejected")]
    RowsRejected,
    /// Sample logins do not fit the records to import.
    #[error("{0}")]
    NotProven(String),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold the key that it should.
    #[error("{path}: {source}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// A region's tables failed.
    #[error("{region}: {source}")]
    Region {
        /// Which region.
        region: Region,
        /// Why.
        source: StoreError,
    },
    /// A region's secrets cannot be read.
    #[error("{region}: {source}")]
    RegionSecrets {
        /// Which region.
        region: Region,
        /// Why.
        source: SecretsError,
    },
    /// No region stored a document.
    #[error("no region stored the change: {0}; run the command again")]
    NotStored(String),
    /// Some regions did not store a document.
    #[error(
        "the {what} was not stored in {regions}; once they answer, `umoja doctor --repair` brings it there, and so \
         does the next `umoja {what}` command that changes it"
    )]
    PartlyStored {
        /// What people call the document, which is also the command that writes it.
        what: &'static str,
        /// The regions, and why.
        regions: String,
    },
    /// The deployment in AWS cannot be worked with.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The deployment cannot be opened or made.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The deployment's secrets cannot be made or loaded.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// There is no engine to hash passwords with.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The regions cannot be served.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A company's file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A call by the client for Rust failed.
    #[error(transparent)]
    Call(#[from] umoja_client::Error),
}

impl CliError {
    /// 2 for an invalid command line and if not everything could be read, 3 for rejected records, 4 for sample logins
    /// that do not fit, else 1.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Unseen => 2,
            Self::RowsRejected => 3,
            Self::NotProven(_) => 4,
            _ => 1,
        }
    }
}
