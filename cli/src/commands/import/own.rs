//! The files that an import writes beside its source. An import changes and removes only files that begin with its own
//! words.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use crate::CliError;
use crate::files;

/// The beginning of a list of rejected records: its first line.
pub(super) const LIST: &str = "{\"umoja_import_rejected\":1}\n";

/// The beginning of a stored position.
pub(super) const STATE: &str = "{\n  \"umoja_import_state\":";

/// Checks that an import may write and remove a file, and the one that is renamed to it: nothing is there, or what an
/// earlier import wrote. A file of an import is never empty.
pub(super) fn check(path: &Path, beginning: &str) -> Result<(), CliError> {
    is_own(path, beginning, |found| found == beginning.as_bytes())?;
    // A killed import leaves any part of it.
    is_own(&files::beside(path), beginning, |found| beginning.as_bytes().starts_with(found))
}

fn is_own(path: &Path, beginning: &str, fits: impl FnOnce(&[u8]) -> bool) -> Result<(), CliError> {
    let foreign = |what: &str| {
        CliError::Failed(format!(
            "{}: {what}, which no import changes; name another path with --rejected or --state",
            path.display()
        ))
    };
    let failed = |source| CliError::File { path: path.to_owned(), source };
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    if metadata.is_symlink() {
        return Err(foreign("a symbolic link"));
    }
    if !metadata.is_file() {
        return Err(foreign("not a regular file"));
    }
    let file = File::open(path).map_err(failed)?;
    if !is_same(&metadata, &file.metadata().map_err(failed)?) {
        return Err(foreign("a file that is being replaced"));
    }
    let mut found = Vec::new();
    file.take(beginning.len() as u64).read_to_end(&mut found).map_err(failed)?;
    if fits(&found) { Ok(()) } else { Err(foreign("a file that no import wrote")) }
}

/// Whether a path still led to the file that it was looked at as.
#[cfg(unix)]
fn is_same(looked_at: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (looked_at.dev(), looked_at.ino()) == (opened.dev(), opened.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_imports_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(check(&at("none"), LIST).is_ok());
        for (name, content, is_own) in [
            ("empty", String::new(), false),
            ("list", format!("{LIST}{{\"line\":1}}\n"), true),
            ("users", "{\"umoja_import\":1}\n".to_owned(), false),
            ("short", LIST[..9].to_owned(), false),
        ] {
            std::fs::write(at(name), content).unwrap();
            assert_eq!(check(&at(name), LIST).is_ok(), is_own, "{name}");
        }
        assert!(check(&at("list"), STATE).is_err());
        for (left, is_own) in [("", true), (&LIST[..9], true), (LIST, true), ("precious", false)] {
            std::fs::write(at("list.new"), left).unwrap();
            assert_eq!(check(&at("list"), LIST).is_ok(), is_own, "{left}");
        }
        std::fs::remove_file(at("list.new")).unwrap();
        assert!(check(dir.path(), LIST).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("list"), at("link")).unwrap();
            std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
            assert!(check(&at("link"), LIST).is_err() && check(&at("dangling"), LIST).is_err());
            assert!(check(Path::new("/dev/null"), LIST).is_err());
        }
    }
}
