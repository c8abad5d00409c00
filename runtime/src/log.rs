//! Which lines may be logged by a process that gets personal data.
//!
//! # Danger
//!
//! At level `trace` Lambda's runtime logs each event as it came, passwords included, and at `debug` AWS's SDK logs what
//! it was answered. So crates that are not Umoja's never get to say more than `info`, whatever the environment asks for.

use tracing::{Level, Metadata};

/// Whether a line may be logged, whatever the environment asks for.
pub fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("umoja") || *metadata.level() <= Level::INFO
}
