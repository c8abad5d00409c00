//! A file of records that only grows until it is emptied. A record is passed to the operating system before the caller goes
//! on, so the end of the process loses none; a loss of power may lose the records that the system had not written yet.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::files;

/// Records of one length. Without a file, they are not kept.
#[derive(Default)]
pub(super) struct Appended {
    file: Option<File>,
    /// The bytes of whole records in the file.
    written: usize,
}

impl Appended {
    /// Opens a file, and passes each record of `N` bytes in it to `each`. A last record that is incomplete is removed.
    pub(super) fn read<const N: usize>(path: &Path, each: impl FnMut(&[u8; N])) -> io::Result<Self> {
        let mut file = files::private_file(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (records, _) = bytes.as_chunks::<N>();
        records.iter().for_each(each);
        let written = records.len() * N;
        cut(&mut file, written)?;
        Ok(Self { file: Some(file), written })
    }

    /// Passes each whole record of a file to `each`, and leaves the file to the process that writes it. None without a file.
    pub(super) fn look<const N: usize>(path: &Path, each: impl FnMut(&[u8; N])) -> io::Result<()> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        bytes.as_chunks::<N>().0.iter().for_each(each);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn to(file: File) -> Self {
        Self { file: Some(file), written: 0 }
    }

    /// Appends a record. While the disk is full it is not kept, which is logged as that of `what`.
    ///
    /// # Errors
    /// If it cannot be written for another reason.
    pub(super) fn append(&mut self, record: &[u8], what: &'static str) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.write_all(record) {
            Ok(()) => self.written += record.len(),
            Err(error) => {
                // An incomplete record would shift all that follow.
                if file.metadata()?.len() != self.written as u64 {
                    cut(file, self.written)?;
                }
                if !is_full(&error) {
                    return Err(error);
                }
                tracing::warn!(%error, "the disk is full; {what} are kept in memory only");
            }
        }
        Ok(())
    }

    /// Removes all records.
    pub(super) fn empty(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            cut(file, 0)?;
        }
        self.written = 0;
        Ok(())
    }
}

/// True if the disk, a quota or the largest size of a file is used up.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn cut(file: &mut File, length: usize) -> io::Result<()> {
    file.set_len(length as u64)?;
    file.seek(SeekFrom::End(0)).map(drop)
}
