//! The threat table: attacks, and what has to stop them. Attacks on the formats themselves are in the tests of
//! `umoja-crypto`.

mod canary;
mod fuzzed;
mod requests;
mod tables;
