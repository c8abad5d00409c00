//! Limits the log lines of a process that receives personal data.
//!
//! # Danger
//!
//! At level `trace` Lambda's runtime logs each event as received, passwords included, and at `debug` the AWS SDK logs
//! the responses that it received. So crates outside Umoja never log `debug` or `trace`, whatever the environment sets.

use tracing::{Level, Metadata};

/// Whether a line may be logged, whatever the environment sets.
pub fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("umoja") || *metadata.level() <= Level::INFO
}
