//! The integration tests, in one binary so that it is linked once.

#![allow(clippy::unwrap_used, reason = "in helpers of tests as in tests")]

mod access;
mod cognito;
mod contract;
mod corpus;
mod exhaustive;
mod factors;
mod failure_table;
mod failures;
mod import;
mod incoming;
mod logins;
mod pump;
mod scim;
mod simulated_sign_on;
mod simulation;
mod single_sign_on;
mod stories;
mod targets;
mod threats;
