//! Each format as its documentation shows it, with hashes whose password is known.

#![allow(clippy::unwrap_used, reason = "in helpers of tests as in tests")]

mod auth0;
mod broken;
mod django;
mod examples;
mod firebase;
mod hashes;
mod keycloak;
mod ldif;
mod login;
mod mapping;
mod round_trips;
mod streaming;
mod tables;
