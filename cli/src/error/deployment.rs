//! Why a deployment in a directory cannot be opened or made.

use std::path::PathBuf;

use umoja_crypto::password::MAX_SCORE;
use umoja_local::{KeyringError, OpenError};
use umoja_schema::Region;
use umoja_store::keyring::MAX_WRAPPED_KEYS;
use umoja_store::ports::StoreError;

use crate::shell;

/// Why a deployment cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// There is no deployment.
    #[error("{0} holds no deployment; make one with `umoja init --dir {word}`", word = shell::word(&.0.to_string_lossy()))]
    Absent(PathBuf),
    /// It belongs to another user, and root would leave files in it that this user cannot open.
    #[error(
        "{dir} belongs to {owner}, who could not open the files that root makes; run this as `sudo -u {owner} umoja ...`"
    )]
    OfAnother {
        /// The directory.
        dir: PathBuf,
        /// The name of the user, or its number as `sudo` takes it.
        owner: String,
    },
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
    #[error("region {region}: {source}{}", way_out(.region, .source))]
    Region {
        /// Which region.
        region: Region,
        /// Why.
        source: OpenError,
    },
    /// A region cannot be read.
    #[error("region {region}: {source}")]
    Unreadable {
        /// Which region.
        region: Region,
        /// Why.
        source: StoreError,
    },
    /// The settings of a deployment with data are lost, and a region that is to be in the new ones is missing.
    #[error(
        "{} is missing although the region {used} holds data, and {missing} does not exist; restore the settings from \
         a backup, or run `umoja init` for the regions that exist, and then `umoja region add {missing}`",
        dir.join("deployment.json").display()
    )]
    SettingsLost {
        /// The directory.
        dir: PathBuf,
        /// A region with data.
        used: Region,
        /// The region that does not exist.
        missing: Region,
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
    /// Another process backs it up.
    #[error("another command backs up {0}; let it end, then run this one again")]
    BackedUp(PathBuf),
}

impl DeploymentError {
    /// What a region has lost: `None` if it has lost nothing that can be made again.
    pub(crate) const fn lost(&self) -> Option<Lost> {
        match self {
            Self::Region { source: OpenError::Absent(_), .. } => Some(Lost::Data),
            Self::Region { source: OpenError::Keyring(error), .. } => match error {
                KeyringError::Absent(_)
                | KeyringError::Malformed(_)
                | KeyringError::OtherRegion { .. }
                | KeyringError::Replaced(_) => Some(Lost::Keyring),
                KeyringError::Io { .. } | KeyringError::Unbound { .. } => None,
            },
            _ => None,
        }
    }
}

/// What a region of a directory has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its directory or its database.
    Data,
    /// Its key ring.
    Keyring,
}

/// What an operator can do about a region that cannot be opened.
fn way_out(region: &Region, source: &OpenError) -> String {
    match source {
        OpenError::Absent(_) => format!(
            "; restore it from a backup, or stop `umoja serve` and run `umoja region add {region} --again`, which \
             makes it again and brings everything back that another region holds"
        ),
        OpenError::Keyring(KeyringError::Io { .. }) => {
            "; make it readable for the user who runs umoja, or restore it from a backup".to_owned()
        }
        OpenError::Keyring(_) => format!(
            "; restore it from a backup, or run `umoja region add {region} --again`, which makes a new key and has the \
             keys of other regions open every record for it"
        ),
        _ => String::new(),
    }
}
