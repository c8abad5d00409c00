//! `umoja rotate`: new keys in the place of old ones.

mod index;
mod pepper;
mod signing;

use clap::{Args, Subcommand};

use crate::CliError;
use crate::output::Output;

/// Rotate the deployment's own keys. (Companies' are rotated with `umoja company rotate-key`.)
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
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.key {
            Key::SigningKey(key) => key.run(output).await,
            Key::IndexKey(key) => key.run(output).await,
            Key::Pepper(key) => key.run(output).await,
        }
    }
}
