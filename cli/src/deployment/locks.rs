//! The locks of a directory, which exclude concurrent changes. A lock lasts as long as its file is open: it ends with
//! the process.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::{DeploymentError, files};

/// Takes the lock for serving a directory.
pub(crate) fn serve(dir: &Path) -> Result<File, DeploymentError> {
    open(dir, "serve.lock", File::try_lock, DeploymentError::Served)
}

/// True if a process serves the directory.
pub(crate) fn is_served(dir: &Path) -> Result<bool, DeploymentError> {
    match serve(dir) {
        Ok(_) => Ok(false),
        Err(DeploymentError::Served(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Takes the lock for changing keys or regions. Take it before the settings are read.
pub(crate) fn change(dir: &Path) -> Result<File, DeploymentError> {
    exists(dir)?;
    open(dir, "change.lock", File::try_lock, DeploymentError::Changing)
}

/// Keeps other processes from changing keys or regions, for a command that uses for long what it read at the start.
pub(crate) fn no_change(dir: &Path) -> Result<File, DeploymentError> {
    exists(dir)?;
    open(dir, "change.lock", File::try_lock_shared, DeploymentError::Changing)
}

/// Takes the lock for changing companies and sources, before they are read. Every command holds it only for a moment, so this waits
/// for it.
pub(crate) fn documents(dir: &Path) -> Result<File, DeploymentError> {
    exists(dir)?;
    open(dir, "companies.lock", |file| file.lock().map_err(TryLockError::Error), DeploymentError::Changing)
}

/// Takes the lock for writing `deployment.json`. Every process holds it only for a moment, so this waits for it.
pub(crate) fn settings(dir: &Path) -> Result<File, DeploymentError> {
    open(dir, "settings.lock", |file| file.lock().map_err(TryLockError::Error), DeploymentError::Changing)
}

/// Takes the lock for backing up, which one process does at a time.
pub(crate) fn backup(dir: &Path) -> Result<File, DeploymentError> {
    exists(dir)?;
    open(dir, "backup.lock", File::try_lock, DeploymentError::BackedUp)
}

fn exists(dir: &Path) -> Result<(), DeploymentError> {
    Config::read(dir)?.map(drop).ok_or_else(|| DeploymentError::Absent(dir.to_owned()))
}

fn open(
    dir: &Path,
    name: &str,
    take: impl FnOnce(&File) -> Result<(), TryLockError>,
    held: impl FnOnce(PathBuf) -> DeploymentError,
) -> Result<File, DeploymentError> {
    files::check_owner(dir)?;
    let path = dir.join(name);
    let io = |source| DeploymentError::Io { path: path.clone(), source };
    let file = files::private(&path).map_err(io)?;
    match take(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(held(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}
