//! How many connections a process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::error::{BenchError, io};

/// The connections of a server, besides the open pages, that no measurement exceeds.
pub(crate) const SPARE: usize = 64;

/// Lets this process, and the servers that it starts, have a connection for each of these pages.
pub(crate) fn allow(pages: usize) -> Result<(), BenchError> {
    let failed = |error: nix::Error| io("the limit of file descriptors")(error.into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    // A server keeps half of its descriptors for its tables and for what it calls.
    let of = |connections: usize| u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2);
    let needed = of(pages + SPARE);
    if hard < needed {
        return Err(BenchError::Descriptors { pages, needed, hard, most: hard.saturating_sub(of(SPARE)) / 2 });
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(needed), hard).map_err(failed)
}
