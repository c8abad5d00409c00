//! `umoja rotate`: replaces the deployment's keys.

mod index;
mod oidc;
mod pepper;
mod proof;
mod signing;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// Rotate the deployment's own keys. (`umoja company rotate-key` rotates the keys of companies.)
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    key: Key,
}

#[derive(Debug, Subcommand)]
enum Key {
    SigningKey(signing::SigningKey),
    IndexKey(index::IndexKey),
    Pepper(pepper::Pepper),
    ProofKey(proof::ProofKey),
    OidcKey(oidc::OidcKey),
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.key {
            Key::SigningKey(key) => key.run(output).await,
            Key::IndexKey(key) => key.run(output).await,
            Key::Pepper(key) => key.run(output).await,
            Key::ProofKey(key) => key.run(output).await,
            Key::OidcKey(key) => key.run(output).await,
        }
    }
}
