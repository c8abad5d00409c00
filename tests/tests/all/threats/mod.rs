//! The threat table: attacks and the defences against them. Attacks on the formats themselves are in the tests of
//! `umoja-crypto`.

mod canary;
mod fuzzed;
mod outcomes;
mod requests;
mod sources;
mod tables;
mod tampered;
