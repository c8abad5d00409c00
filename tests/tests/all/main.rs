//! The integration tests: one binary, so that it is linked once.

mod contract;
mod failures;
mod pump;
mod stories;
mod threats;
