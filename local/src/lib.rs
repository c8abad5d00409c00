//! Umoja on one machine: a real store in one directory a region, and the machine's own ports.
//!
//! [`RegionStore`] keeps what the tables keep in the cloud, [`LocalQueue`] what the queues keep, and [`LocalKeys`] does
//! what a region's KMS key does. The contract suite of
//! `umoja-store` holds them to the same behaviour as the cloud's adapters.
//!
//! # Durability
//!
//! An acknowledged write survives the death of the process and a loss of power: every commit is synced. One exception:
//! ids of seen requests and counts of attempts survive the death of the process at once but a loss of power only when the
//! system has written them, so that look-ups cost no sync; until they expire (about a minute), requests from just before the loss
//! could be replayed.
//!
//! # Limits
//!
//! The wrapping keys are in `keyring.json`, readable by its owner: whoever can read that file and the database can
//! read the data. What a wrapped key is bound to is enforced as KMS does; who may use it is left to the file's mode.

mod codec;
mod engine;
mod files;
pub mod keys;
pub mod queue;
pub mod region;

pub use keys::{KeyringError, LocalKeys};
pub use queue::LocalQueue;
pub use region::{Housekept, OpenError, Options, RegionStore};
