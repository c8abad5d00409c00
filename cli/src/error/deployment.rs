//! Why a deployment in a directory cannot be opened or made.

use std::path::PathBuf;

use umoja_crypto::password::MAX_SCORE;
use umoja_local::OpenError;
use umoja_schema::Region;
use umoja_store::keyring::MAX_WRAPPED_KEYS;

/// Why a deployment cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// There is no deployment.
    #[error("{0} holds no deployment; make one with `umoja init --dir {0}`")]
    Absent(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of the settings has another format.
    #[error("{path} does not have the format that this version reads: {reason}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The list of regions is invalid.
    #[error("a deployment has 1 to {MAX_WRAPPED_KEYS} regions with different names")]
    Regions,
    /// The score is out of range.
    #[error("`min_password_score` is 0 to {MAX_SCORE}")]
    Score,
    /// The environment cannot be a part of API keys.
    #[error("the environment has to be 1 to 32 letters, digits and hyphens")]
    Env,
    /// A region cannot be opened.
    #[error("region {region}: {source}")]
    Region {
        /// Which region.
        region: Region,
        /// Why.
        source: OpenError,
    },
    /// Another process serves it.
    #[error("{0} is being served by another process; stop that one first")]
    Served(PathBuf),
    /// Another process changes the keys or regions, or needs them to stay as they are.
    #[error(
        "another command changes the keys or regions of {0}, or an import works there; let it end, then run this one \
         again (an \
         import that is interrupted continues later)"
    )]
    Changing(PathBuf),
}
