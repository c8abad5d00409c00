//! Files and directories that only their owner can read. Files are replaced as a whole, so that no reader sees half of
//! one.

use std::fmt::Display;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use nix::unistd::{Uid, User};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{CliError, DeploymentError};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

/// Makes a directory (and those above it) for its owner only. The mode of an existing directory is tightened only if it
/// is empty: other files in it may be meant for other users.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    let shared = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)?;
    #[cfg(unix)]
    if !shared {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a directory (and those above it) for whom the machine's defaults say: what is in it is not secret.
pub(crate) fn shared_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// The most bytes of a file that is read as a whole.
const MOST: u64 = 16 << 20;

/// Reads a file as a whole: keys, a mapping, logins. A pipe may take its place, and may have no end.
pub(crate) fn small(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::new());
    File::open(path)?.take(MOST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 16 MiB"));
    }
    // Editors on Windows write a byte order mark.
    if content.starts_with(b"\xef\xbb\xbf") {
        content.drain(..3);
    }
    Ok(content)
}

/// Reads a [`small`] file by a parser.
///
/// # Errors
/// The path, and why it cannot be read.
pub(crate) fn parsed<T, E: Display>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Result<T, CliError> {
    let failed = |why: &dyn Display| CliError::Failed(format!("{}: {why}", path.display()));
    let bytes = small(path).map_err(|error| failed(&error))?;
    parse(&bytes).map_err(|error| failed(&error))
}

/// Reads a [`small`] file of JSON.
///
/// # Errors
/// As [`parsed`].
pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    parsed(path, |bytes| serde_json::from_slice(bytes))
}

/// Rejects root in a directory of another user: its service would fail on the next file of root.
pub(crate) fn check_owner(dir: &Path) -> Result<(), DeploymentError> {
    #[cfg(unix)]
    {
        let io = |source| DeploymentError::Io { path: dir.to_owned(), source };
        let owner = Uid::from_raw(std::fs::metadata(dir).map_err(io)?.uid());
        if Uid::effective().is_root() && !owner.is_root() {
            let name = User::from_uid(owner).ok().flatten().map(|user| user.name);
            let owner = name.unwrap_or_else(|| format!("'#{owner}'"));
            return Err(DeploymentError::OfAnother { dir: dir.to_owned(), owner });
        }
    }
    Ok(())
}

/// Opens a file for its owner only, making it if it is absent.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)
}

/// Makes a new file for its owner only. Callers make it before its content exists, so that a secret that is shown once
/// is not lost if the path cannot be written.
pub(crate) fn new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)
}

/// Replaces a file as a whole: readers see the old file or the new one, even after a loss of power.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    // A file that a killed process left behind may be readable by others.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = new_private(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    #[cfg(unix)]
    File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// The path at which [`replace_private`] writes the new file.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.json");
        std::fs::write(dir.path().join("secret.json.new"), "left behind").unwrap();
        replace_private(&path, b"one").unwrap();
        replace_private(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
