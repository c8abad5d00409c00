//! Whether the disk of a directory has room. While it is full, a region answers look-ups and rejects every change.

use std::io::{self, Write as _};
use std::path::Path;

use crate::files;

/// How much has to fit: 1 MiB. Less is used up by a few transactions.
const ROOM: usize = 1024 * 1024;

/// What needs an operator's attention. Writes and removes a file, because a quota and a limit on the size of files are
/// not in what the file system says about its free space.
pub(super) fn attention(dir: &Path) -> Option<String> {
    let error = has_room(dir).err()?;
    Some(format!(
        "{}: 1 MiB cannot be written ({error}); changes are rejected until there is room, look-ups are answered",
        dir.display()
    ))
}

fn has_room(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!("room-{}.tmp", std::process::id()));
    let written = files::new_private(&path).and_then(|mut file| {
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}
