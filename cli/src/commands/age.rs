//! Files that the program `age` (<https://age-encryption.org>) encrypts to people. The program has to be installed: the
//! library of that name would bring a second version of most ciphers and hashes into this program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::CliError;

const PROGRAM: &str = "age";

/// A writer whose data arrives encrypted in a file.
pub(super) struct Encrypted {
    child: Child,
    input: Option<ChildStdin>,
}

impl Encrypted {
    /// # Errors
    /// If the program is not installed.
    pub(super) fn to(file: File, recipients: &[String]) -> Result<Self, CliError> {
        let mut command = Command::new(PROGRAM);
        for recipient in recipients {
            command.args(["--recipient", recipient]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(file).spawn().map_err(|error| absent(&error))?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Waits until all data is written.
    pub(super) fn end(mut self) -> io::Result<()> {
        drop(self.input.take());
        ended(&mut self.child)
    }
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_mut().map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), |input| input.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// The content of an encrypted file. The end counts only if `age` exits with success, so a cut file is an error.
pub(super) struct Decrypted {
    child: Child,
    output: ChildStdout,
}

/// Decrypts `path` with the identities in `identity`.
pub(super) fn opened(path: &Path, identity: &Path) -> Result<Decrypted, CliError> {
    let mut command = Command::new(PROGRAM);
    command.arg("--decrypt").arg("--identity").arg(identity).arg(path);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| absent(&error))?;
    let output = child.stdout.take().ok_or_else(|| CliError::Failed(format!("{PROGRAM} has no output")))?;
    Ok(Decrypted { child, output })
}

impl Read for Decrypted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            ended(&mut self.child)?;
        }
        Ok(read)
    }
}

impl Drop for Decrypted {
    fn drop(&mut self) {
        // The child may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(child: &mut Child) -> io::Result<()> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{PROGRAM} failed: {status}"))) }
}

fn absent(error: &io::Error) -> CliError {
    CliError::Failed(format!("{PROGRAM}, which encrypts and decrypts exports, does not start ({error}); install it"))
}
