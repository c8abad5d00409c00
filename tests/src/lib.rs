//! The foundations of the tests: a world of regions with faults, one clock and one seed, the API in front of it, and
//! DynamoDB in process (feature `aws`).

#![allow(clippy::missing_panics_doc, reason = "an unexpected result ends the test")]

pub mod caller;
#[cfg(feature = "aws")]
pub mod cloud;
pub mod deployment;
#[cfg(feature = "aws")]
pub mod dynamodb;
#[cfg(feature = "aws")]
pub mod emulator;
pub mod exhaustive;
pub mod hook;
pub mod mailbox;
pub mod operations;
pub mod pool;
pub mod provider;
pub mod recorder;
pub use umoja_scim_target as scim_target;
pub mod sim;
pub mod world;
