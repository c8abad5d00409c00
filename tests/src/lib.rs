//! What the tests stand on: a world of regions with faults, one clock and one seed; the API in front of it; and
//! DynamoDB in process.

pub mod caller;
pub mod cloud;
pub mod deployment;
pub mod dynamodb;
pub mod emulator;
pub mod world;
