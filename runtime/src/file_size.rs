//! The limit on the size of files (`ulimit -f`, `RLIMIT_FSIZE`, `LimitFSIZE=`).

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// From now on, a write beyond the limit fails with `EFBIG`, as on a full disk, instead of ending the process with
/// SIGXFSZ: setrlimit(2), `RLIMIT_FSIZE`. Needs a tokio runtime.
///
/// # Errors
/// If the signal cannot be caught.
pub fn fail_beyond_limit() -> io::Result<()> {
    // The handler stays for the life of the process, and nothing has to wait for the signal.
    signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)).map(drop)
}
