//! The integration tests: one binary, so that it is linked once.

mod contract;

mod failures;
mod stories;
mod threats;
