//! Umoja on one machine: a durable store in one directory for each region, and local implementations of the ports.
//!
//! [`RegionStore`] stores what the tables store in the cloud, [`LocalQueue`] implements the queues, and [`LocalKeys`] a
//! region's KMS key. The contract suite of `umoja-store` checks that they behave as the cloud's adapters do.
//!
//! # Durability
//!
//! An acknowledged write survives the end of the process and a loss of power: every commit is synced. There is one
//! exception: ids of seen requests and counts of attempts survive the end of the process at once, but a loss of power
//! only once the system has written them, so that look-ups cost no sync. Until they expire (about a minute), requests
//! from just before a loss of power could be replayed.
//!
//! # Limits
//!
//! The wrapping keys are in `keyring.json`, readable by its owner: a user who can read that file and the database can
//! read the data. The encryption context of a wrapped key is enforced as KMS does; the permission to use it is only the
//! file's mode.

pub mod backup;
mod cell;
mod codec;
mod engine;
mod files;
pub mod keys;
pub mod queue;
pub mod region;

pub use keys::{KeyringError, LocalKeys};
pub use queue::LocalQueue;
pub use region::{Housekept, OpenError, Options, RegionStore};
