//! Why a deployment in a directory cannot be opened or made.

use std::path::PathBuf;

use umoja_crypto::password::MAX_SCORE;
use umoja_local::OpenError;
use umoja_schema::Region;
use umoja_store::keyring::MAX_WRAPPED_KEYS;

/// Why a deployment cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// There is none.
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
    /// The settings' file is not of the form.
    #[error("{path} is not of the form that this version reads: {reason}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The list of regions makes no deployment.
    #[error("a deployment has 1 to {MAX_WRAPPED_KEYS} regions with different names")]
    Regions,
    /// There is no such score.
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
    /// Another process changes it, or needs it to stay as it is.
    #[error(
        "another command changes the keys or regions of {0}, or an import works there; let it end, then run this one again (an \
         import that is interrupted goes on later)"
    )]
    Changing(PathBuf),
}
