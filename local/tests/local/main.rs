//! The local adapter under the contract of the ports, under `kill -9`, and under several processes.

#![allow(clippy::unwrap_used, clippy::similar_names, reason = "these are tests")]

mod backup;
mod contract;
mod killed;
mod shared;
mod support;
