//! Each format as its documentation shows it, with hashes whose password is known.

mod auth0;
mod login;
mod streaming;
